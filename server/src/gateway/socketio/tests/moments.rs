//! One moment per test.

use chat_core::ports::DeliveryLog as _;
use rollcall_protocol::request::BanParticipant;

use super::*;

#[tokio::test]
async fn a_change_while_a_session_is_made_is_in_it() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    here.stored.gates.conversations_of.shut();
    let mut peer = Peer::connect(here.address, &bob.token).await;
    here.stored.gates.conversations_of.reached().await;
    let group = here.group(&alice, &[&bob]).await;
    here.say(&alice, &group).await;
    here.stored.gates.conversations_of.open();

    let (first, session) = peer.event().await;
    assert_eq!(first, "session");
    assert_eq!(session["conversations"][0]["id"], json!(group));
    assert_eq!(session["conversations"][0]["last_seq"], json!(1));
    here.say(&alice, &group).await;
    assert_eq!(
        about_conversations(&peer.all_so_far().await),
        [("new_message", json!(2))]
    );
}

/// What moves a client's idea of its conversations, in order: the event and, of a message, its seq.
fn about_conversations(all: &[(String, serde_json::Value)]) -> Vec<(&str, serde_json::Value)> {
    let names = ["new_message", "conversation_updated", "conversation_removed"];
    let ours = all.iter().filter(|(name, _)| names.contains(&name.as_str()));
    ours.map(|(name, data)| (name.as_str(), data["seq"].clone())).collect()
}

#[tokio::test]
async fn who_is_removed_and_added_again_while_a_session_is_made_misses_nothing() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    here.say(&alice, &group).await;
    here.say(&alice, &group).await;
    here.stored.gates.conversations_of.shut();
    let mut peer = Peer::resuming(here.address, &bob.token, (group.as_str(), 1)).await;
    // The reading that is held here knows nothing of what follows.
    here.stored.gates.conversations_of.reached().await;
    here.remove(&alice, &group, &bob).await;
    here.say(&alice, &group).await;
    here.add(&alice, &group, &bob).await;
    here.say(&alice, &group).await;
    here.stored.gates.conversations_of.open();

    let (first, session) = peer.event().await;
    assert_eq!(first, "session");
    assert_eq!(session["conversations"][0]["last_seq"], json!(4));
    assert_eq!(session["resume"][group.as_str()]["messages"], json!(3));
    here.say(&alice, &group).await;
    let all = peer.all_so_far().await;
    // A client that hears that it was removed forgets what it holds.
    let messages = [2, 3, 4, 5].map(|seq| ("new_message", json!(seq)));
    assert_eq!(about_conversations(&all), messages);
}

#[tokio::test]
async fn who_is_removed_while_a_session_is_made_is_in_no_room_of_it() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    here.stored.gates.conversations_of.shut();
    let mut peer = Peer::connect(here.address, &bob.token).await;
    here.stored.gates.conversations_of.reached().await;
    here.remove(&alice, &group, &bob).await;
    here.stored.gates.conversations_of.open();

    let (first, session) = peer.event().await;
    assert_eq!((first.as_str(), &session["conversations"]), ("session", &json!([])));
    here.say(&alice, &group).await;
    assert_eq!(about_conversations(&peer.all_so_far().await), []);
    let socket = here.live(&peer);
    assert!(!socket.is_in(&chat_core::ids::conversation_room(&group)));
    assert_eq!(socket.handed(&group), None);
}

#[tokio::test]
async fn a_leave_that_meets_a_removal_is_answered_behind_it() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let mut peer = here.connected(&bob).await;
    let socket = here.live(&peer);
    here.stored.gates.remove.shut();
    let removing = {
        let (chat, actor, group, user) = (here.chat.clone(), alice.actor.clone(), group.clone(), bob.id());
        tokio::spawn(async move { chat.remove_participant(&actor, &group, &user).await })
    };
    here.stored.gates.remove.reached().await;
    // Stored, and not in effect yet.
    let this = json!({"conversation_id": group});
    peer.emit("leave_conversation", &this).await;
    peer.emit("join_conversation", &this).await;
    here.stored.gates.remove.open();
    removing.await.unwrap().unwrap();
    for _ in 0..2 {
        assert_eq!(peer.answer().await["error"]["code"], json!("not_participant"));
    }
    assert!(!socket.has_left(&group) && socket.handed(&group).is_none());
    here.add(&alice, &group, &bob).await;
    here.say(&alice, &group).await;
    assert_eq!(peer.seqs(1).await, [1]);
}

#[tokio::test]
async fn a_store_that_fails_while_a_session_is_made_delays_it() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    here.stored.gates.failures.store(2, Ordering::SeqCst);
    let mut peer = Peer::connect(here.address, &bob.token).await;
    assert_eq!(peer.event().await.0, "session");
    here.say(&alice, &group).await;
    assert_eq!(peer.seqs(1).await, [1]);
}

#[tokio::test]
async fn who_goes_while_the_session_is_made_leaves_no_rooms_behind() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    here.group(&alice, &[&bob]).await;
    here.stored.gates.conversations_of.shut();
    let peer = Peer::connect(here.address, &bob.token).await;
    here.stored.gates.conversations_of.reached().await;
    let socket = here.live(&peer);
    drop(peer);
    eventually("the socket is gone", || here.hub.sockets_count() == 0).await;
    here.stored.gates.conversations_of.open();
    eventually("nobody makes its session any more", || Arc::strong_count(&socket) == 1).await;
    assert_eq!(socket.rooms(), Vec::<String>::new());
}

#[tokio::test]
async fn a_join_under_way_is_not_taken_for_a_lost_socket() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let mut peer = here.connected(&bob).await;
    here.say(&alice, &group).await;
    assert_eq!(peer.seqs(1).await, [1]);
    // As `join_conversation` does after a leave: the lane is held, the room not entered yet.
    let (socket, room) = (here.live(&peer), chat_core::ids::conversation_room(&group));
    socket.leave_lane(&group, socket.connected_at);
    here.hub.leave(&socket, &room);
    socket.hold_lane(&group);
    let sent = here.say(&alice, &group).await;
    assert_eq!((sent.delivery.handed_off, sent.delivery.repaired), (0, 0));
    assert!(!socket.is_in(&room));

    here.hub.join_conversation_room(&socket, &room);
    assert!(socket.begin_lane(&group, Seq(2)));
    assert!(!socket.release_lane(&group));
    here.say(&alice, &group).await;
    assert_eq!(peer.seqs(1).await, [3], "2 came with the acknowledgement of the join");
}

#[tokio::test]
async fn a_lost_socket_is_repaired_by_the_next_message_and_one_that_left_is_not() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let (mut lost, mut left) = (here.connected(&bob).await, here.connected(&bob).await);
    left.emit("leave_conversation", &json!({"conversation_id": group}))
        .await;
    assert_eq!(left.answer().await["verified"], json!(true));
    let (socket, room) = (here.live(&lost), chat_core::ids::conversation_room(&group));
    here.hub.leave(&socket, &room);

    let sent = here.say(&alice, &group).await;
    assert_eq!((sent.delivery.handed_off, sent.delivery.repaired), (1, 1));
    assert_eq!(lost.seqs(1).await, [1]);
    assert!(!here.live(&left).is_in(&room));
    assert!(left.all_so_far().await.iter().all(|(name, _)| name != "new_message"));
}

#[tokio::test]
async fn what_is_said_between_an_add_and_its_effect_reaches_who_was_added() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[]).await;
    let mut peer = here.connected(&bob).await;
    here.say(&alice, &group).await;
    here.stored.gates.add.shut();
    let adding = {
        let (chat, actor, group, users) = (here.chat.clone(), alice.actor.clone(), group.clone(), [bob.id()]);
        tokio::spawn(async move { chat.add_participants(&actor, &group, &users).await })
    };
    here.stored.gates.add.reached().await;
    for _ in 2..=4 {
        let sent = here.say(&alice, &group).await;
        assert_eq!(sent.delivery.participants, 1, "announced without bob");
    }
    here.stored.gates.add.open();
    adding.await.unwrap().unwrap();
    here.say(&alice, &group).await;
    assert_eq!(peer.seqs(4).await, [2, 3, 4, 5]);
}

#[tokio::test]
async fn a_removal_takes_effect_though_its_caller_is_gone() {
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
    // What axum does to a request whose client hangs up.
    removing.abort();
    assert!(removing.await.unwrap_err().is_cancelled());
    here.stored.gates.remove.open();
    assert_eq!(
        peer.hears("conversation_removed").await["conversation_id"],
        json!(group)
    );
    assert_eq!(here.say(&alice, &group).await.delivery.participants, 1);
}

#[tokio::test]
async fn a_message_has_its_place_before_the_next_one_is_looked_at() {
    let here = Here::open().await;
    let alice = here.somebody("alice").await;
    let group = here.group(&alice, &[]).await;
    let mut peer = here.connected(&alice).await;
    here.stored.gates.uneven.store(true, Ordering::SeqCst);
    for number in 0..60 {
        let say = json!({"conversation_id": group, "content": number.to_string()});
        peer.emit("send_message", &say).await;
    }
    for number in 0..60 {
        let message = peer.hears("new_message").await;
        assert_eq!(
            (&message["seq"], &message["content"]),
            (&json!(number + 1), &json!(number.to_string()))
        );
    }
}

/// Nobody had stored it yet when the membership ended.
#[tokio::test]
async fn what_was_read_before_a_ban_is_kept() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    here.say(&alice, &group).await;
    let mut peer = here.connected(&bob).await;
    peer.emit("receipt", &json!({"conversation_id": group, "read": 1}))
        .await;
    assert_eq!(peer.answer().await["ok"], json!(true));
    let ban = BanParticipant {
        conversation_id: group.clone(),
        user_id: bob.id(),
        reason: None,
    };
    here.chat.ban_participant(&alice.actor, ban).await.unwrap();
    let past = here.stored.store.memberships_of(&group, &[bob.id()]).await.unwrap();
    assert_eq!(past[0].1.cursors, Some((Seq(1), Seq(1))));
}

#[tokio::test]
async fn who_reads_nothing_is_cut_before_its_heartbeat_could_tell() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let tcp = TcpSocket::new_v4().unwrap();
    tcp.set_recv_buffer_size(4096).unwrap();
    let tcp = tcp.connect(here.address).await.unwrap();
    let peer = Peer::over(tcp, here.address, &bob.token).await;
    let socket = here.live(&peer);
    let stalls = || {
        here.hub
            .stalled(Duration::from_millis(30))
            .iter()
            .any(|other| other.sid == socket.sid)
    };
    // Until the kernel takes no more, and no further: the socket's own buffer must not be full.
    let big = "y".repeat(6_000);
    let mut said = 0;
    while !stalls() {
        said += 1;
        assert!(said < 500, "the kernel takes everything");
        here.chat
            .send(&alice.actor, saying(&group, &big), Way::default())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(!socket.is_lagging());
    let expiry = tokio::spawn(here.chat.clone().run_expiry());
    tokio::time::pause();
    let began = Instant::now();
    while here.hub.socket(socket.sid.as_str()).is_some() {
        assert!(began.elapsed() < Duration::from_secs(40), "it is still there");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(
        began.elapsed() > Duration::from_secs(25),
        "cut after {:?}",
        began.elapsed()
    );
    expiry.abort();
}

#[tokio::test]
async fn every_event_of_a_flood_is_answered() {
    let here = Here::open().await;
    let bob = here.somebody("bob").await;
    here.stored.gates.conversations_of.shut();
    let mut peer = Peer::connect(here.address, &bob.token).await;
    here.stored.gates.conversations_of.reached().await;
    // All of them come before the first one is carried out, and more are refused than fit into the socket's buffer.
    let too_many = 800;
    for _ in 0..INBOX_EVENTS_MAX + too_many {
        peer.emit("list_conversations", &json!({})).await;
    }
    here.stored.gates.conversations_of.open();
    let (mut done, mut refused) = (0, 0);
    for _ in 0..INBOX_EVENTS_MAX + too_many {
        let answer = peer.answer().await;
        if answer["ok"] == json!(true) {
            done += 1;
        } else {
            assert_eq!(answer["error"]["code"], json!("rate_limited"));
            refused += 1;
        }
    }
    // The session may have come out before the last of them.
    assert!(
        done >= INBOX_EVENTS_MAX && refused > SOCKET_BUFFER_PACKETS,
        "{done} {refused}"
    );
}

#[tokio::test]
async fn little_waits_before_the_heartbeat_of_a_slow_reader() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let tcp = TcpSocket::new_v4().unwrap();
    tcp.set_recv_buffer_size(16_384).unwrap();
    let tcp = tcp.connect(here.address).await.unwrap();
    let mut peer = Peer::over(tcp, here.address, &bob.token).await;
    peer.all_so_far().await;
    let socket = here.live(&peer);
    let big = "y".repeat(16_000);
    for _ in 0..120 {
        here.chat
            .send(&alice.actor, saying(&group, &big), Way::default())
            .await
            .unwrap();
    }
    eventually("it lags", || socket.is_lagging()).await;
    let handed = socket.handed(&group).unwrap().0 * 16_000;
    assert!(handed < 1_200_000, "{handed} bytes are before the next ping");
    let all: Vec<u64> = (1..=120).collect();
    assert_eq!(peer.seqs(120).await, all);
    eventually("it does not lag any more", || !socket.is_lagging()).await;
}
