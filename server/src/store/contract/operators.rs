//! What operators are shown.

use chat_core::delivery::{ConnectionEvent, ConnectionEventKind, DeliveryException, ExceptionKind};
use chat_core::ports::operators::{
    AuditEntry, AuditLog as _, ConversationFilter, ConversationOrder, MessageFilter, OperatorReads as _, Slice, Sought,
    UserFilter, UserOrder,
};
use chat_core::ports::{Accounts as _, Conversations as _, DeliveryLog as _};
use chat_core::{NodeId, Seq, Sid};

use super::*;

fn slice(skip: u64, limit: u32) -> Slice {
    Slice { skip, limit }
}

fn everybody(order: UserOrder, falling: bool) -> UserFilter {
    UserFilter {
        text: None,
        role: None,
        order,
        falling,
    }
}

pub(super) async fn users_are_listed_searched_and_sorted<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["carol", "alice", "bob"]).await;
    let ops = NewUser {
        role: Role::Observer,
        display_name: "100 %_".to_owned(),
        ..new_user("ops")
    };
    store.create_user(ops).await.unwrap();
    store.note_last_seen(&[(uid("bob"), at(9))]).await.unwrap();
    let names = async |filter: UserFilter, part: Slice| {
        let found = store.list_users(&filter, part).await.unwrap();
        let names: Vec<String> = found.items.into_iter().map(|user| user.username).collect();
        (names.join(" "), found.total)
    };
    let by_name = everybody(UserOrder::Username, false);
    let is = |names: &str, total| (names.to_owned(), total);
    assert_eq!(names(by_name.clone(), slice(1, 2)).await, is("bob carol", 4));
    assert_eq!(names(by_name.clone(), slice(9, 2)).await, is("", 4));
    assert_eq!(
        names(everybody(UserOrder::LastSeen, true), slice(0, 1)).await,
        is("bob", 4)
    );
    let text = |text: &str| UserFilter {
        text: Some(text.to_owned()),
        ..by_name.clone()
    };
    assert_eq!(names(text("DOE"), slice(0, 9)).await, is("alice bob carol", 3));
    assert_eq!(names(text("%_"), slice(0, 9)).await, is("ops", 1));
    let observers = UserFilter {
        role: Some(Role::Observer),
        ..by_name
    };
    assert_eq!(names(observers, slice(0, 9)).await, is("ops", 1));
}

pub(super) async fn conversations_are_listed_searched_and_sorted<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob", "carol"]).await;
    make_group(&**store, "a", &["alice", "bob", "carol"]).await;
    make_group(&**store, "b", &["bob"]).await;
    store
        .create_conversation(new_direct("c", ["alice", "bob"]))
        .await
        .unwrap();
    say(&**store, "b", "bob", "one").await;
    say(&**store, "b", "bob", "two").await;
    let wanted = |order, text: Option<&str>| ConversationFilter {
        text: text.map(str::to_owned),
        kind: None,
        order,
        falling: true,
    };
    let ids = async |filter: ConversationFilter, part: Slice| {
        let found = store.list_conversations(&filter, part).await.unwrap();
        let ids: Vec<String> = found.items.iter().map(|c| c.id.to_string()).collect();
        (ids.join(" "), found.total)
    };
    let is = |ids: &str, total| (ids.to_owned(), total);
    assert_eq!(
        ids(wanted(ConversationOrder::Active, None), slice(0, 9)).await,
        is("b c a", 3)
    );
    assert_eq!(
        ids(wanted(ConversationOrder::Active, None), slice(1, 1)).await,
        is("c", 3)
    );
    assert_eq!(
        ids(wanted(ConversationOrder::Participants, None), slice(0, 9)).await,
        is("a c b", 3)
    );
    assert_eq!(
        ids(wanted(ConversationOrder::Messages, Some("group")), slice(0, 9)).await,
        is("b a", 2)
    );
    assert_eq!(
        ids(wanted(ConversationOrder::Messages, Some("carol")), slice(0, 9)).await,
        is("a", 1)
    );
    let direct = ConversationFilter {
        kind: Some(ConversationKind::Direct),
        ..wanted(ConversationOrder::Title, None)
    };
    let found = store.list_conversations(&direct, slice(0, 9)).await.unwrap();
    let direct = &found.items[0];
    assert_eq!(
        (direct.participants, direct.names.join(" ")),
        (2, "alice bob".to_owned())
    );
    assert_eq!((direct.last_seq, direct.last_message_at), (Seq::ZERO, None));
}

/// A message whose id is made as the server makes it, `millis` after the beginning.
async fn say_at(store: &impl MessageLog, conversation: &str, sender: &str, content: &str, millis: i64) -> Message {
    let when = at(millis);
    let stamp = when.as_millis().unsigned_abs();
    let id = format!("{:08x}-{:04x}-7000-8000-{:012x}", stamp >> 16, stamp & 0xffff, millis);
    let draft = Draft {
        id: MessageId::parse(id).unwrap(),
        at: when,
        ..draft(conversation, sender, content)
    };
    is_new(store.append(draft).await.unwrap())
}

pub(super) async fn messages_are_listed_by_time_whatever_their_ids<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice"]).await;
    make_group(&**store, "a", &["alice"]).await;
    make_group(&**store, "b", &["alice"]).await;
    // Ids of another server: some are larger than all of ours, some smaller.
    for (conversation, id, millis) in [("a", "zz-10482", 1_000), ("b", "7", 2_000), ("a", "zz-10483", 3_000)] {
        let draft = Draft {
            id: MessageId::parse(id).unwrap(),
            at: at(millis),
            ..draft(conversation, "alice", &format!("old {id}"))
        };
        is_new(store.append(draft).await.unwrap());
    }
    say_at(&**store, "b", "alice", "new old", 4_000).await;
    let ids = async |filter: &MessageFilter| {
        let found = store.find_messages(filter, slice(0, 9)).await.unwrap();
        let texts: Vec<String> = found.items.iter().map(|message| message.content.to_string()).collect();
        (texts.join("|"), found.total)
    };
    let all = MessageFilter::default();
    assert_eq!(
        ids(&all).await,
        ("new old|old zz-10483|old 7|old zz-10482".to_owned(), 4)
    );
    let before = MessageFilter {
        to: Some(at(3_000)),
        ..all.clone()
    };
    assert_eq!(ids(&before).await, ("old 7|old zz-10482".to_owned(), 2));
    let since = MessageFilter {
        from: Some(at(2_000)),
        ..all.clone()
    };
    assert_eq!(ids(&since).await, ("new old|old zz-10483|old 7".to_owned(), 3));
    let worded = MessageFilter {
        text: Some("old".to_owned()),
        ..before.clone()
    };
    assert_eq!(ids(&worded).await, ("old 7|old zz-10482".to_owned(), 2));
    let in_a = MessageFilter {
        conversation_id: Some(cid("a")),
        ..before
    };
    assert_eq!(ids(&in_a).await, ("old zz-10482".to_owned(), 1));
}

pub(super) async fn messages_are_found_by_each_of_their_parts<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob"]).await;
    make_group(&**store, "a", &["alice", "bob"]).await;
    make_group(&**store, "b", &["alice", "bob"]).await;
    say_at(&**store, "a", "alice", "Hello", 1_000).await;
    say_at(&**store, "b", "bob", "nul\0 hello after", 2_000).await;
    say_at(&**store, "a", "bob", "100 % sure_", 70_000).await;
    let texts = async |filter: MessageFilter, part: Slice| {
        let found = store.find_messages(&filter, part).await.unwrap();
        assert!(!found.cut);
        let texts: Vec<String> = found.items.iter().map(|message| message.content.to_string()).collect();
        (texts.join("|"), found.total)
    };
    let all = MessageFilter::default();
    let is = |texts: &str, total| (texts.to_owned(), total);
    assert_eq!(
        texts(all.clone(), slice(0, 2)).await,
        is("100 % sure_|nul\0 hello after", 3)
    );
    assert_eq!(texts(all.clone(), slice(2, 2)).await, is("Hello", 3));
    let in_a = MessageFilter {
        conversation_id: Some(cid("a")),
        ..all.clone()
    };
    assert_eq!(texts(in_a.clone(), slice(0, 9)).await, is("100 % sure_|Hello", 2));
    let by_alice = MessageFilter {
        sender_id: Some(uid("alice")),
        ..in_a
    };
    assert_eq!(texts(by_alice, slice(0, 9)).await, is("Hello", 1));
    let with = |text: &str| MessageFilter {
        text: Some(text.to_owned()),
        ..all.clone()
    };
    assert_eq!(texts(with("% sure_"), slice(0, 9)).await, is("100 % sure_", 1));
    assert_eq!(
        texts(with("HELLO"), slice(1, 1)).await,
        is("Hello", 2),
        "also behind a NUL"
    );
    let between = MessageFilter {
        from: Some(at(2_000)),
        to: Some(at(70_000)),
        ..all.clone()
    };
    assert_eq!(texts(between, slice(0, 9)).await, is("nul\0 hello after", 1));
    let nobody = MessageFilter {
        sender_id: Some(uid("zoe")),
        ..all
    };
    assert_eq!(texts(nobody, slice(0, 9)).await, is("", 0));
}

pub(super) async fn messages_are_found_by_words_and_within_them<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob"]).await;
    make_group(&**store, "a", &["alice", "bob"]).await;
    make_group(&**store, "b", &["alice", "bob"]).await;
    for (n, (conversation, sender, content)) in (1_i64..).zip([
        ("a", "alice", "the Pager duty"),
        ("b", "bob", "pagers, at night"),
        ("a", "bob", "who has DUTY? \u{1f4df}"),
        ("b", "alice", "pager"),
    ]) {
        say_at(&**store, conversation, sender, content, n * 1_000).await;
    }
    let found = async |filter: &MessageFilter, part: Slice| {
        let found = store.find_messages(filter, part).await.unwrap();
        let texts: Vec<String> = found.items.iter().map(|message| message.content.to_string()).collect();
        assert!(!found.cut);
        (texts.join("|"), found.total, found.sought)
    };
    let with = |text: &str| MessageFilter {
        text: Some(text.to_owned()),
        ..MessageFilter::default()
    };
    let is = |texts: &str, total, sought| (texts.to_owned(), total, sought);
    for (text, texts, total, sought) in [
        ("PAGER", "pager|pagers, at night|the Pager duty", 3, Sought::Words),
        ("duty pag", "the Pager duty", 1, Sought::Words),
        ("night, pagers!", "pagers, at night", 1, Sought::Words),
        // Within a word, and no word at all.
        ("ager d", "the Pager duty", 1, Sought::WithinWords),
        ("? \u{1f4df}", "who has DUTY? \u{1f4df}", 1, Sought::NoWords),
        ("zebra", "", 0, Sought::WithinWords),
    ] {
        assert_eq!(
            found(&with(text), slice(0, 9)).await,
            is(texts, total, sought),
            "{text}"
        );
    }
    assert_eq!(
        found(&with("pager"), slice(1, 1)).await,
        is("pagers, at night", 3, Sought::Words)
    );
    let by_alice = MessageFilter {
        sender_id: Some(uid("alice")),
        ..with("pager")
    };
    assert_eq!(
        found(&by_alice, slice(0, 9)).await,
        is("pager|the Pager duty", 2, Sought::Words)
    );
    let in_a = MessageFilter {
        conversation_id: Some(cid("a")),
        ..with("pager")
    };
    assert_eq!(found(&in_a, slice(0, 9)).await, is("the Pager duty", 1, Sought::Words));
    let early = MessageFilter {
        to: Some(at(2_000)),
        ..with("pager")
    };
    assert_eq!(found(&early, slice(0, 9)).await, is("the Pager duty", 1, Sought::Words));
}

pub(super) async fn a_users_exceptions_come_newest_first<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob"]).await;
    make_group(&**store, "a", &["alice", "bob"]).await;
    let exception = |user: &str, seq, millis| DeliveryException {
        conversation_id: cid("a"),
        first_seq: Seq(seq),
        last_seq: Seq(seq),
        user_id: uid(user),
        sid: Sid::parse("sid").unwrap(),
        node_id: NodeId::parse("node").unwrap(),
        kind: ExceptionKind::Retried,
        at: at(millis),
        detail: String::new(),
    };
    let all = [
        exception("bob", 1, 5),
        exception("bob", 2, 9),
        exception("alice", 3, 7),
        exception("bob", 4, 1),
    ];
    store.note_exceptions(&all).await.unwrap();
    let found = store.exceptions_of(&uid("bob"), 2).await.unwrap();
    assert_eq!(found, [all[1].clone(), all[0].clone()]);
}

pub(super) async fn a_closed_socket_is_found_by_its_sid<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob"]).await;
    let event = |user: &str, sid: Option<&str>, kind, millis| ConnectionEvent {
        user_id: uid(user),
        at: at(millis),
        kind,
        sid: sid.map(|sid| Sid::parse(sid).unwrap()),
        node_id: NodeId::parse("node").unwrap(),
        detail: String::new(),
    };
    let all = [
        event("bob", Some("sid-1"), ConnectionEventKind::Connected, 1),
        event("alice", Some("sid-2"), ConnectionEventKind::Connected, 2),
        event("bob", None, ConnectionEventKind::Rejected, 3),
        event("bob", Some("sid-1"), ConnectionEventKind::Disconnected, 4),
    ];
    store.note_connections(&all).await.unwrap();
    let of = async |sid: &str, limit| store.connections_of_socket(&Sid::parse(sid).unwrap(), limit).await;
    assert_eq!(of("sid-1", 9).await.unwrap(), [all[3].clone(), all[0].clone()]);
    assert_eq!(of("sid-1", 1).await.unwrap(), [all[3].clone()]);
    assert_eq!(of("sid-3", 9).await.unwrap(), []);
}

pub(super) async fn the_audit_log_keeps_everything<P: Place>() {
    let place = P::new().await;
    let entry = |n: i64, action: &str| AuditEntry {
        at: at(n),
        actor: "admin".to_owned(),
        action: action.to_owned(),
        target: format!("sid-{n}"),
        detail: "\"><b>'; DROP TABLE audit_entries".to_owned(),
    };
    for n in 0..3 {
        place.store().note(entry(n, "disconnect")).await.unwrap();
    }
    place.store().note(entry(3, "join")).await.unwrap();
    let place = place.reopen().await;
    let found = place.store().audit(None, slice(1, 2)).await.unwrap();
    assert_eq!(
        (found.items, found.total),
        (vec![entry(2, "disconnect"), entry(1, "disconnect")], 4)
    );
    let found = place.store().audit(Some("JOIN"), slice(0, 9)).await.unwrap();
    assert_eq!((found.items, found.total), (vec![entry(3, "join")], 1));
    assert_eq!(place.store().audit(Some("%"), slice(0, 9)).await.unwrap().total, 0);
}
