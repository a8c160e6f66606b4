//! Somebody who is banned, and comes back after it.

use chat_core::ports::Conversations as _;
use chat_core::ports::moderation::{Moderation as _, NewBan};
use rollcall_protocol::request::{BanParticipant, UnbanParticipant};

use super::*;

impl Here {
    async fn ban(&self, owner: &Somebody, group: &ConversationId, who: &Somebody) {
        let ban = BanParticipant {
            conversation_id: group.clone(),
            user_id: who.id(),
            reason: Some("spam".to_owned()),
        };
        self.chat.ban_participant(&owner.actor, ban).await.unwrap();
    }
}

/// The refusal names the ban.
async fn says_banned(peer: &mut Peer, what: &str) {
    let error = peer.answer().await["error"].clone();
    assert_eq!(error["code"], json!("not_participant"), "{what}: {error}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("you are banned from") && message.ends_with(": spam"),
        "{what}: {message}"
    );
    assert_eq!(
        error["hint"],
        json!("an owner of the conversation can lift the ban"),
        "{what}"
    );
}

#[tokio::test]
async fn whatever_they_try_they_hear_that_they_are_banned() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let message = here.say(&bob, &group).await.message;
    let mut peer = here.connected(&bob).await;
    here.ban(&alice, &group, &bob).await;
    for (event, data) in [
        ("receipt", json!({"conversation_id": group, "read": 1})),
        ("typing", json!({"conversation_id": group, "typing": true})),
        ("sync", json!({"conversation_id": group, "after_seq": 0})),
        ("send_message", json!({"conversation_id": group, "content": "x"})),
        ("edit_message", json!({"message_id": message.id, "content": "x"})),
        ("delete_message", json!({"message_id": message.id})),
        ("leave_conversation", json!({"conversation_id": group})),
    ] {
        peer.emit(event, &data).await;
        says_banned(&mut peer, event).await;
    }
}

#[tokio::test]
async fn joining_and_leaving_that_meet_the_ban_name_it() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    for event in ["leave_conversation", "join_conversation"] {
        let group = here.group(&alice, &[&bob]).await;
        let mut peer = here.connected(&bob).await;
        let socket = here.live(&peer);
        here.stored.gates.remove.shut();
        let removing = {
            let (chat, actor, group, user) = (here.chat.clone(), alice.actor.clone(), group.clone(), bob.id());
            tokio::spawn(async move { chat.remove_participant(&actor, &group, &user).await })
        };
        here.stored.gates.remove.reached().await;
        let ban = NewBan {
            conversation_id: group.clone(),
            user_id: bob.id(),
            by: alice.id(),
            reason: Some("spam".to_owned()),
            at: chat_core::Timestamp::from_millis(1),
        };
        here.stored.store.ban(ban).await.unwrap();
        // Stored, and not in effect yet: bob is let in, and waits for the change that is under way.
        let before = socket.events_in();
        peer.emit(event, &json!({"conversation_id": group})).await;
        eventually("the event waits", || socket.events_in() > before).await;
        here.stored.gates.remove.open();
        removing.await.unwrap().unwrap();
        says_banned(&mut peer, event).await;
    }
}

#[tokio::test]
async fn who_comes_back_is_as_far_as_the_store_says() {
    let here = Here::open().await;
    let (alice, bob, carol) = (
        here.somebody("alice").await,
        here.somebody("bob").await,
        here.somebody("carol").await,
    );
    let group = here.group(&alice, &[&bob, &carol]).await;
    here.say(&alice, &group).await;
    here.say(&alice, &group).await;
    let read = json!({"conversation_id": group, "read": 2});
    for who in [&bob, &carol] {
        let mut peer = here.connected(who).await;
        peer.emit("receipt", &read).await;
        assert_eq!(peer.answer().await["ok"], json!(true));
    }
    here.ban(&alice, &group, &bob).await;
    let unban = UnbanParticipant {
        conversation_id: group.clone(),
        user_id: bob.id(),
    };
    here.chat.unban_participant(&alice.actor, &unban).await.unwrap();
    here.remove(&alice, &group, &carol).await;
    for who in [&bob, &carol] {
        here.add(&alice, &group, who).await;
        let stored = async || {
            here.stored
                .store
                .conversation_of(&group, &who.id())
                .await
                .unwrap()
                .unwrap()
        };
        let shown = async || {
            let receipts = here.chat.receipts(&alice.actor, &group).await.unwrap();
            receipts
                .users
                .into_iter()
                .find(|cursor| cursor.user_id == who.id())
                .unwrap()
        };
        assert_eq!((shown().await.read, stored().await.read_seq), (Seq::ZERO, Seq::ZERO));
        let mut peer = here.connected(who).await;
        peer.emit("receipt", &read).await;
        assert_eq!(peer.answer().await["ok"], json!(true));
        here.chat.list_conversations(&who.actor).await.unwrap();
        assert_eq!((shown().await.read, stored().await.read_seq), (Seq(2), Seq(2)));
    }
}
