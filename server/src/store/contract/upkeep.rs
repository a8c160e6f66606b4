use chat_core::ports::operators::Slice;
use chat_core::ports::{Accounts, KeptToken, KeptTokens, MessageLog as _, PageFrom, Reach, SearchQuery};
use chat_core::search::SearchWords;
use chat_core::{Draft, Role, Seq};

use super::{
    Place, assert_gapless, at, cid, draft, is_new, is_repeat, make_group, make_users, say, uid, with_client_id,
};

pub(super) async fn old_messages_are_emptied_and_keep_their_numbers<P: Place>() {
    let place = P::new().await;
    let store = &**place.store();
    make_users(store, &["alice", "bob"]).await;
    make_group(store, "a", &["alice", "bob"]).await;
    make_group(store, "b", &["alice", "bob"]).await;
    let mut said = Vec::new();
    for (n, conversation) in ["a", "a", "b", "a", "b"].into_iter().enumerate() {
        let millis = i64::try_from(n).unwrap() * 10;
        let mut one = draft(conversation, "alice", "some word");
        one.at = at(millis);
        said.push(is_new(
            store.append(with_client_id(one, &format!("k{n}"))).await.unwrap(),
        ));
    }
    while store.index_messages(1).await.unwrap() {}
    // Deleted before: when that was stays.
    store.delete(&said[0].id, at(50)).await.unwrap();
    while store.forget_messages(at(30), at(99)).await.unwrap() {}
    let all = store
        .page(&cid("a"), PageFrom::After(Seq::ZERO), 99)
        .await
        .unwrap()
        .items;
    assert_gapless(&all);
    let shown: Vec<_> = all.iter().map(|m| (&*m.content, m.deleted_at)).collect();
    assert_eq!(shown, [("", Some(at(50))), ("", Some(at(99))), ("some word", None)]);
    let query = SearchQuery {
        reach: Reach::OfUser(uid("bob")),
        words: SearchWords::parse("word").unwrap(),
        before: None,
        limit: 9,
    };
    let found = store.search(&query).await.unwrap().items;
    assert_eq!(found, [said[4].clone(), said[3].clone()]);
    // A repeat is still known, and the next number is the next one.
    let again = with_client_id(draft("a", "alice", "some word"), "k1");
    assert_eq!(is_repeat(store.append(again).await.unwrap()).seq, Seq(2));
    let next = Draft {
        at: at(5),
        ..draft("a", "bob", "late")
    };
    assert_eq!(is_new(store.append(next).await.unwrap()).seq, Seq(4));
    while store.forget_messages(at(30), at(100)).await.unwrap() {}
    let kept = store.message(&said[3].id).await.unwrap().unwrap();
    assert_eq!(
        &*kept.content, "some word",
        "an old time behind a young one waits for it"
    );
}

fn token(id: &str, user: &str, millis: i64) -> KeptToken {
    KeptToken {
        id: id.to_owned(),
        user_id: uid(user),
        username: user.to_owned(),
        name: "the shop".to_owned(),
        role: Role::Service,
        created_at: at(millis),
        expires_at: at(millis + 1_000),
        revoked_at: None,
    }
}

pub(super) async fn tokens_are_kept_until_they_are_taken_back<P: Place>() {
    let place = P::new().await;
    make_users(&**place.store(), &["shop"]).await;
    let store = place.store();
    store.keep_token(token("two", "shop", 2)).await.unwrap();
    store.keep_token(token("one", "shop", 1)).await.unwrap();
    store.keep_token(token("none", "nobody", 1)).await.unwrap();
    let all = kept(&**store, None, slice(0, 9)).await;
    assert_eq!(all.listed.items, [token("two", "shop", 2), token("one", "shop", 1)]);
    let asked = ["one", "two", "none"].map(str::to_owned);
    assert_eq!(store.good_tokens_among(&asked).await.unwrap(), ["one", "two"]);
    assert!(store.revoke_token("one", at(7)).await.unwrap());
    assert!(
        !store.revoke_token("one", at(8)).await.unwrap(),
        "the first time counts"
    );
    assert!(!store.revoke_token("none", at(8)).await.unwrap());
    let place = place.reopen().await;
    assert_eq!(place.store().good_tokens_among(&asked).await.unwrap(), ["two"]);
    let all = kept(&**place.store(), None, slice(0, 9)).await;
    assert_eq!(all.listed.items[1].revoked_at, Some(at(7)));
}

const fn slice(skip: u64, limit: u32) -> Slice {
    Slice { skip, limit }
}

async fn kept(store: &impl Accounts, text: Option<&str>, slice: Slice) -> KeptTokens {
    store.kept_tokens(text, at(1_005), slice).await.unwrap()
}

pub(super) async fn of_tokens_the_newest_come_first_and_what_ended_is_forgotten<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["shop", "Depot"]).await;
    for n in 1..=9 {
        let user = if n == 4 { "Depot" } else { "shop" };
        store.keep_token(token(&format!("t{n}"), user, n)).await.unwrap();
    }
    store.revoke_token("t9", at(10)).await.unwrap();
    let ids = async |text: Option<&str>, part: Slice| {
        let kept = kept(&**store, text, part).await;
        let ids: Vec<String> = kept.listed.items.into_iter().map(|token| token.id).collect();
        (ids.join(" "), kept.listed.total, kept.all, kept.good)
    };
    // Until 1,001 … 1,009: of those the first five have ended, and the last was taken back.
    assert_eq!(ids(None, slice(0, 3)).await, ("t9 t8 t7".to_owned(), 9, 9, 3));
    assert_eq!(ids(None, slice(6, 9)).await, ("t3 t2 t1".to_owned(), 9, 9, 3));
    assert_eq!(ids(Some("DEPOT"), slice(0, 3)).await, ("t4".to_owned(), 1, 9, 3));
    assert_eq!(ids(Some("t2"), slice(0, 3)).await, ("t2".to_owned(), 1, 9, 3));
    assert_eq!(ids(Some("SHOP"), slice(0, 1)).await.1, 9, "what it is for");
    store.forget_tokens(at(1_003)).await.unwrap();
    assert_eq!(ids(None, slice(5, 9)).await, ("t4 t3".to_owned(), 7, 7, 3));
    store.forget_tokens(at(2_000)).await.unwrap();
    assert_eq!(ids(None, slice(0, 9)).await, (String::new(), 0, 0, 0));
    assert_eq!(
        store.good_tokens_among(&["t8".to_owned()]).await.unwrap(),
        Vec::<String>::new()
    );
}

pub(super) async fn disabled_accounts_are_told_apart<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob"]).await;
    let asked = [uid("alice"), uid("bob"), uid("nobody")];
    assert_eq!(store.disabled_among(&asked).await.unwrap(), []);
    store.set_disabled(&uid("bob"), Some(at(3))).await.unwrap();
    assert_eq!(store.disabled_among(&asked).await.unwrap(), [uid("bob")]);
}

pub(super) async fn a_change_of_standing_shows_in_a_number<P: Place>() {
    let place = P::new().await;
    let store = &**place.store();
    make_users(store, &["alice", "bob"]).await;
    make_group(store, "a", &["alice", "bob"]).await;
    store.keep_token(token("t", "bob", 1)).await.unwrap();
    let mut before = store.standing().await.unwrap();
    for change in 0..3 {
        match change {
            0 => assert!(store.set_disabled(&uid("bob"), Some(at(3))).await.unwrap()),
            1 => assert!(store.set_disabled(&uid("bob"), None).await.unwrap()),
            _ => assert!(store.revoke_token("t", at(4)).await.unwrap()),
        }
        let after = store.standing().await.unwrap();
        assert_ne!(after, before, "change {change}");
        before = after;
    }
    say(store, "a", "alice", "nothing about anybody's standing").await;
    assert_eq!(store.standing().await.unwrap(), before);
}
