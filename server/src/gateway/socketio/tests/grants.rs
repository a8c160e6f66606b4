//! What a socket may do, and how long it lives, follows the token that it brought last.

use chat_core::ports::{Accounts as _, Clock as _, StoreTrouble};
use rollcall_protocol::request::Receipt;

use super::*;
use crate::chat::standing::Looks;
use crate::identity::{IssuedToken, NewAccount, NewPassword};

const HOUR: Duration = Duration::from_hours(1);

/// A service with its first token.
struct Shop {
    user: chat_core::User,
    first: IssuedToken,
}

impl Shop {
    async fn open(here: &Here) -> Self {
        let account = NewAccount {
            username: "shop".to_owned(),
            display_name: None,
            password: NewPassword::parse("correct horse").unwrap().into(),
            role: Role::Service,
        };
        let user = here.authority.add(account).await.unwrap();
        let first = here.authority.issue_kept(&user, Role::Service, HOUR, "first").await;
        let first = first.unwrap();
        Self { user, first }
    }

    async fn connected(&self, here: &Here) -> Peer {
        let mut peer = Peer::connect(here.address, &self.first.token).await;
        peer.hears("session").await;
        peer
    }
}

async fn refresh(peer: &mut Peer, token: &str) {
    peer.emit("refresh_token", &json!({ "token": token })).await;
    assert_eq!(peer.answer().await["ok"], json!(true));
}

#[tokio::test]
async fn the_end_of_the_fresh_token_closes_the_socket_and_that_of_the_old_one_does_not() {
    let here = Here::open().await;
    let shop = Shop::open(&here).await;
    let mut peer = shop.connected(&here).await;
    let fresh = here
        .authority
        .issue_kept(&shop.user, Role::Service, HOUR, "fresh")
        .await;
    let fresh = fresh.unwrap();
    refresh(&mut peer, &fresh.token).await;
    let socket = here.live(&peer);

    assert!(here.authority.revoke(&shop.first.id).await.unwrap());
    here.chat.close_those_without_standing().await.unwrap();
    assert!(socket.is_connected(), "its token of before was taken back");
    peer.all_so_far().await;

    assert!(here.authority.revoke(&fresh.id).await.unwrap());
    here.chat.close_those_without_standing().await.unwrap();
    eventually("the socket is closed", || !socket.is_connected()).await;
}

/// The looks that a beginning gives a reason for, and one without any.
async fn settle(looks: &mut Looks, here: &Here) {
    for _ in 0..4 {
        looks.next(&here.chat).await.unwrap();
    }
}

/// Looks that nothing has given a reason for close nobody, and there are so many of them until everybody is looked at again.
async fn looks_until_closed(looks: &mut Looks, here: &Here, peer: &Peer) -> u32 {
    let socket = here.live(peer);
    let mut count = 0;
    while socket.is_connected() {
        looks.next(&here.chat).await.unwrap();
        // What closes it is told to its task at once, before anybody else's turn.
        count += 1;
        assert!(count < 100, "never closed");
        tokio::task::yield_now().await;
    }
    count
}

#[tokio::test]
async fn everybody_is_looked_at_after_a_change_and_now_and_then_without_one() {
    let here = Here::open().await;
    let shop = Shop::open(&here).await;
    let carol = here.somebody("carol").await;
    let mut looks = Looks::default();
    let store = &here.stored.store;
    // A token that is not written down any more is no change of anybody's standing: only who looks at everybody finds it.
    let forget = async || {
        let end = here.clock.now().plus_millis(i64::from(u32::MAX));
        store.forget_tokens(end).await.unwrap();
    };

    let peer = shop.connected(&here).await;
    settle(&mut looks, &here).await;
    forget().await;
    assert_eq!(
        looks_until_closed(&mut looks, &here, &peer).await,
        14,
        "one of the 15 was before"
    );

    let shop = Shop {
        first: here
            .authority
            .issue_kept(&shop.user, Role::Service, HOUR, "next")
            .await
            .unwrap(),
        ..shop
    };
    let peer = shop.connected(&here).await;
    settle(&mut looks, &here).await;
    assert!(store.set_disabled(&carol.id(), Some(here.clock.now())).await.unwrap());
    for _ in 0..2 {
        looks.next(&here.chat).await.unwrap();
    }
    forget().await;
    assert_eq!(
        looks_until_closed(&mut looks, &here, &peer).await,
        1,
        "the third look after a change"
    );
}

#[tokio::test]
async fn looks_that_failed_are_made_up_for() {
    let here = Here::open().await;
    let shop = Shop::open(&here).await;
    let peer = shop.connected(&here).await;
    let mut looks = Looks::default();
    settle(&mut looks, &here).await;
    assert!(here.authority.revoke(&shop.first.id).await.unwrap());
    here.stored.store.fail_with(Some(StoreTrouble::Connection));
    for _ in 0..5 {
        looks.next(&here.chat).await.unwrap_err();
    }
    here.stored.store.fail_with(None);
    assert_eq!(looks_until_closed(&mut looks, &here, &peer).await, 1);
}

#[tokio::test]
async fn everybody_is_looked_at_while_it_cannot_be_asked_whether_to() {
    let here = Here::open().await;
    let shop = Shop::open(&here).await;
    let peer = shop.connected(&here).await;
    let mut looks = Looks::default();
    here.stored.store.hide_standing();
    settle(&mut looks, &here).await;
    assert!(here.authority.revoke(&shop.first.id).await.unwrap());
    assert_eq!(looks_until_closed(&mut looks, &here, &peer).await, 1);
}

#[tokio::test]
async fn a_fresh_token_that_claims_less_takes_the_rest_away() {
    let here = Here::open().await;
    let shop = Shop::open(&here).await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let (mut service, mut phone) = (shop.connected(&here).await, here.connected(&bob).await);
    let watch = json!({ "conversation_ids": [group] });
    service.emit("watch_receipts", &watch).await;
    assert_eq!(service.answer().await["watching"], json!(1));
    tokio::spawn(Arc::clone(&here.chat).run_receipts());
    let says_received = async |seq: u64| {
        here.say(&alice, &group).await;
        let receipt = Receipt {
            conversation_id: group.clone(),
            received: Some(Seq(seq)),
            read: None,
        };
        here.chat.mark_read(&bob.actor, None, &receipt).await.unwrap();
    };
    says_received(1).await;
    service.hears("receipts").await;
    phone.hears("receipts").await;

    let less = here.authority.issue(&shop.user, Role::User, HOUR).unwrap();
    refresh(&mut service, &less.token).await;
    service.emit("whoami", &json!({})).await;
    assert_eq!(service.answer().await["user"]["role"], json!("user"));
    for (event, data) in [
        ("watch_receipts", watch),
        (
            "send_message",
            json!({"conversation_id": group, "content": "x", "sender_id": bob.id()}),
        ),
        ("sync", json!({"conversation_id": group, "after_seq": 0})),
    ] {
        service.emit(event, &data).await;
        let code = service.answer().await["error"]["code"].clone();
        assert!(
            ["forbidden", "not_participant"].contains(&code.as_str().unwrap()),
            "{event}: {code}"
        );
    }
    says_received(2).await;
    // Services that watch are told before the participants.
    phone.hears("receipts").await;
    let heard = service.all_so_far().await;
    assert!(heard.iter().all(|(name, _)| name != "receipts"), "{heard:?}");
}

/// Who is looked at as the end of the hour comes near.
fn ending(here: &Here) -> Vec<String> {
    let now = here.clock.now();
    let ending = here.hub.with_tokens_ending_by(now.plus_millis(60_000));
    ending.iter().map(|socket| socket.user().username.clone()).collect()
}

#[tokio::test]
async fn only_sockets_whose_tokens_end_soon_are_looked_at() {
    let here = Here::open().await;
    let bob = here.somebody("bob").await;
    let shop = Shop::open(&here).await;
    let _bob = here.connected(&bob).await;
    let mut peer = shop.connected(&here).await;
    assert_eq!(ending(&here), [""; 0]);

    here.clock.advance_secs(HOUR.as_secs().cast_signed() - 90);
    assert_eq!(ending(&here), [""; 0]);
    here.clock.advance_secs(40);
    assert_eq!(ending(&here), ["shop"]);
    assert_eq!(ending(&here), ["shop"], "as long as it is there");

    let longer = here
        .authority
        .issue_kept(&shop.user, Role::Service, HOUR, "longer")
        .await;
    refresh(&mut peer, &longer.unwrap().token).await;
    assert_eq!(ending(&here), [""; 0]);
    // After a look that found the next end an hour away.
    let shorter = Duration::from_secs(50);
    let shorter = here
        .authority
        .issue_kept(&shop.user, Role::Service, shorter, "shorter")
        .await;
    let shorter = shorter.unwrap().token;
    refresh(&mut peer, &shorter).await;
    assert_eq!(ending(&here), ["shop"]);
    drop(peer);
    eventually("the socket is gone", || here.hub.sockets_count() == 1).await;
    assert_eq!(ending(&here), [""; 0]);
    let mut another = Peer::connect(here.address, &shorter).await;
    another.hears("session").await;
    assert_eq!(ending(&here), ["shop"], "one that comes with a token that ends soon");
}
