//! An import beside a running server: what it brought in is history from then on, and nobody's news.

use chat_core::Draft;
use chat_core::delivery::LeftBehind;
use chat_core::ports::{Appended, Arrival, DeliveryLog as _, IdSource as _, MessageLog as _};

use super::*;

impl Here {
    /// Another process writes so many messages into the database.
    async fn imports(&self, group: &ConversationId, sender: &Somebody, count: u64) {
        for n in 1..=count {
            let draft = Draft {
                id: UuidSource.message_id(),
                conversation_id: group.clone(),
                sender_id: sender.id(),
                content: Arc::from(n.to_string()),
                client_message_id: None,
                reply_to: None,
                at: chat_core::Timestamp::from_millis(1),
            };
            let written = self.stored.store.append(draft).await.unwrap();
            assert!(matches!(written, Appended::New(message) if message.seq == Seq(n)));
        }
    }

    /// … and says that it did.
    fn notes(&self, group: &ConversationId, upto: u64) {
        let arrival = Arrival {
            conversation_id: group.clone(),
            upto: Seq(upto),
        };
        self.stored.gates.arrivals.lock().push(arrival);
    }

    fn noted(&self) -> Vec<ConversationId> {
        let noted = self.stored.gates.arrivals.lock();
        noted.iter().map(|arrival| arrival.conversation_id.clone()).collect()
    }
}

#[tokio::test]
async fn imported_messages_can_be_confirmed_and_do_not_come_as_news() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let mut here_before = here.connected(&bob).await;
    here.imports(&group, &alice, 300).await;
    let mut since = here.connected(&bob).await;
    here.notes(&group, 300);
    here.chat.welcome_arrivals().await.unwrap();
    assert_eq!(here.noted(), []);
    here.chat.write_down().await;
    let left = LeftBehind {
        complete: true,
        ..LeftBehind::default()
    };
    let missed = here.stored.store.make_up(&left).await.unwrap();
    assert_eq!(missed, 0, "nobody missed what is announced to nobody");

    for peer in [&mut here_before, &mut since] {
        assert_eq!(peer.hears("conversation_updated").await["last_seq"], json!(300));
    }
    since
        .emit("receipt", &json!({"conversation_id": group, "read": 300}))
        .await;
    assert_eq!(since.answer().await["ok"], json!(true));
    let receipts = here.chat.receipts(&alice.actor, &group).await.unwrap();
    let of_bob = receipts.users.iter().find(|cursor| cursor.user_id == bob.id());
    assert_eq!(of_bob.unwrap().read, Seq(300));

    let sent = in_time("the answer to the next message", here.say(&alice, &group)).await;
    assert_eq!((sent.message.seq, sent.delivery.handed_off), (Seq(301), 2));
    for peer in [&mut here_before, &mut since] {
        let all = peer.all_so_far().await;
        assert_eq!(about_messages(&all), [json!(301)]);
    }
}

fn about_messages(all: &[(String, serde_json::Value)]) -> Vec<serde_json::Value> {
    let messages = all.iter().filter(|(name, _)| name == "new_message");
    messages.map(|(_, message)| message["seq"].clone()).collect()
}

#[tokio::test]
async fn what_could_not_be_welcomed_is_welcomed_the_next_time() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let mut groups = Vec::new();
    for _ in 0..3 {
        let group = here.group(&alice, &[&bob]).await;
        here.imports(&group, &alice, 1).await;
        here.notes(&group, 1);
        groups.push(group);
    }
    let mut peer = here.connected(&bob).await;
    *here.stored.gates.unreadable.lock() = Some(groups[1].clone());
    here.chat.welcome_arrivals().await.unwrap_err();
    assert_eq!(here.noted(), [groups[1].clone()], "the others do not wait for it");
    *here.stored.gates.unreadable.lock() = None;
    here.chat.welcome_arrivals().await.unwrap();
    assert_eq!(here.noted(), []);
    let mut updated = Vec::new();
    for (name, data) in peer.all_so_far().await {
        if name == "conversation_updated" {
            updated.push(data["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(updated, [0, 2, 1].map(|n: usize| groups[n].to_string()));
}
