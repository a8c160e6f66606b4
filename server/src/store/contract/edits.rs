use std::sync::Arc;

use chat_core::ports::{Conversations as _, MessageLog as _, PageFrom};
use chat_core::{Draft, Message, MessageId, Seq};

use super::{Place, at, cid, draft, is_new, is_repeat, make_group, make_users, say, uid, with_client_id};

/// Alice and bob in group `a`, with three messages of alice.
async fn place_with_three<P: Place>() -> (P, [Message; 3]) {
    let place = P::new().await;
    let store = &**place.store();
    make_users(store, &["alice", "bob"]).await;
    make_group(store, "a", &["alice", "bob"]).await;
    let first = say(store, "a", "alice", "one").await;
    let reply = Draft {
        reply_to: Some(first.id.clone()),
        ..with_client_id(draft("a", "alice", "two"), "k")
    };
    let second = is_new(store.append(reply).await.unwrap());
    let third = say(store, "a", "alice", "three").await;
    (place, [first, second, third])
}

async fn assert_log<P: Place>(place: &P, expected: &[Message]) {
    let store = place.store();
    for from in [PageFrom::After(Seq::ZERO), PageFrom::Before(Seq(99)), PageFrom::Newest] {
        assert_eq!(store.page(&cid("a"), from, 99).await.unwrap().items, expected);
    }
    for message in expected {
        assert_eq!(store.message(&message.id).await.unwrap().as_ref(), Some(message));
    }
    let seen = store.conversation_of(&cid("a"), &uid("bob")).await.unwrap().unwrap();
    assert_eq!(seen.last_message.as_ref(), expected.last());
    assert_eq!((seen.unread, seen.conversation.last_seq), (3, Seq(3)));
}

pub(super) async fn an_edit_replaces_the_content_only<P: Place>() {
    let (place, [first, second, third]) = place_with_three::<P>().await;
    for (n, content) in ["new", "", "a\0b \u{1f980} 'quoted'"].into_iter().enumerate() {
        let millis = 50 - i64::try_from(n).unwrap();
        let expected = Message {
            content: Arc::from(content),
            edited_at: Some(at(millis)),
            ..second.clone()
        };
        let edited = place.store().edit(&second.id, content, at(millis)).await.unwrap();
        assert_eq!(edited.as_ref(), Some(&expected));
        assert_log(&place, &[first.clone(), expected, third.clone()]).await;
    }
}

pub(super) async fn a_deleted_message_keeps_its_place<P: Place>() {
    let (place, [first, second, third]) = place_with_three::<P>().await;
    let store = place.store();
    let edited = store.edit(&third.id, "edited", at(4)).await.unwrap().unwrap();
    let emptied = |message: &Message| Message {
        content: Arc::from(""),
        deleted_at: Some(at(5)),
        ..message.clone()
    };
    let (tombstone, last) = (emptied(&second), emptied(&edited));
    assert_eq!(
        store.delete(&second.id, at(5)).await.unwrap().as_ref(),
        Some(&tombstone)
    );
    assert_eq!(store.delete(&third.id, at(5)).await.unwrap().as_ref(), Some(&last));
    let expected = [first, tombstone.clone(), last];
    assert_log(&place, &expected).await;

    let again = store.delete(&second.id, at(9)).await.unwrap();
    assert_eq!(again.as_ref(), Some(&tombstone), "the first time counts");
    assert_eq!(store.edit(&second.id, "back", at(9)).await.unwrap(), None);
    assert_log(&place, &expected).await;

    // Its sender's id of it stays taken, and it can still be answered.
    let repeat = with_client_id(draft("a", "alice", "two"), "k");
    assert_eq!(is_repeat(store.append(repeat).await.unwrap()), tombstone);
    let answer = Draft {
        reply_to: Some(tombstone.id),
        ..draft("a", "bob", "why?")
    };
    assert_eq!(is_new(store.append(answer).await.unwrap()).seq, Seq(4));
}

pub(super) async fn unknown_messages_are_not_changed<P: Place>() {
    let (place, messages) = place_with_three::<P>().await;
    let nothing = MessageId::parse("nothing").unwrap();
    assert_eq!(place.store().edit(&nothing, "new", at(5)).await.unwrap(), None);
    assert_eq!(place.store().delete(&nothing, at(5)).await.unwrap(), None);
    assert_log(&place, &messages).await;
}
