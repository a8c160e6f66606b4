//! Somebody who is banned.

use chat_core::ports::moderation::{Moderation as _, NewBan};
use rollcall_protocol::request::BanParticipant;

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
    assert!(message.contains("you are banned from") && message.ends_with(": spam"), "{what}: {message}");
    assert_eq!(error["hint"], json!("an owner of the conversation can lift the ban"), "{what}");
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
    let group = here.group(&alice, &[&bob]).await;
    let mut peer = here.connected(&bob).await;
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
    // Stored, and not in effect yet.
    let this = json!({"conversation_id": group});
    peer.emit("leave_conversation", &this).await;
    peer.emit("join_conversation", &this).await;
    here.stored.gates.remove.open();
    removing.await.unwrap().unwrap();
    says_banned(&mut peer, "leave").await;
    says_banned(&mut peer, "join").await;
}
