//! How long a plain WebSocket may be silent or slow: minutes that pass in milliseconds, over a pipe instead of a network. And in what
//! order it is heard.

use std::sync::Arc;
use std::time::Duration;

use chat_core::ports::{Accounts as _, Clock, NewUser};
use chat_core::{ConversationId, NodeId, Role, Timestamp, User, UserId};
use futures_util::{SinkExt as _, StreamExt as _};
use rollcall_protocol::UserView;
use rollcall_protocol::request::{CreateConversation, SendMessage};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role as End;

use super::door::Guest;
use super::pump;
use crate::chat::assembly::assemble;
use crate::chat::{Actor, Chat, Ports};
use crate::clock::UuidSource;
use crate::gateway::rejected::RejectedRing;
use crate::gateway::socketio::{Gateway, Parts};
use crate::hub::Hub;
use crate::identity::fake::{HandClock, OPEN, authority};
use crate::identity::{Identity, RateLimits};
use crate::limits::{LAGGING_WITHOUT_PROGRESS_MAX, PING_INTERVAL, PING_TIMEOUT};
use crate::settings::{Rates, TrustedProxies};
use crate::store::memory::MemoryStore;
use crate::telemetry::Metrics;
use crate::telemetry::labels::Via;
use crate::telemetry::traces::{Tracer, Way};

type Line = WebSocketStream<DuplexStream>;

struct Here {
    chat: Arc<Chat>,
    hub: Arc<Hub>,
    gateway: Arc<Gateway>,
    store: Arc<MemoryStore>,
}

impl Here {
    fn open() -> Self {
        let clock = HandClock::at(1_800_000_000);
        let metrics = Metrics::new().unwrap();
        let store = Arc::new(MemoryStore::new());
        let authority = Arc::new(authority(&store, &clock, OPEN));
        let (_, io) = crate::hub::adapter::layer(|builder| builder);
        let clock: Arc<dyn Clock> = clock;
        let node = NodeId::parse("node").unwrap();
        let hub = Arc::new(Hub::new(node, Arc::clone(&clock), io, metrics.hub.clone()));
        let ports = Ports::over(&store, Arc::clone(&clock), Arc::new(UuidSource));
        let rates = Arc::new(RateLimits::new(&Rates::OFF));
        let chat = assemble(ports, Arc::clone(&hub), rates, 1 << 20, &metrics).chat;
        let gateway = Arc::new(Gateway::new(Parts {
            chat: Arc::clone(&chat),
            authority,
            rejected: Arc::new(RejectedRing::new(clock, &metrics.gateway)),
            proxies: TrustedProxies::default(),
            metrics: metrics.gateway.clone(),
            tracer: Tracer::off(),
        }));
        Self {
            chat,
            hub,
            gateway,
            store,
        }
    }

    async fn somebody(&self, name: &str) -> User {
        let new = NewUser {
            id: UserId::parse(name).unwrap(),
            username: name.to_owned(),
            display_name: name.to_owned(),
            role: Role::User,
            password_hash: None,
            at: Timestamp::from_millis(0),
        };
        self.store.create_user(new).await.unwrap()
    }

    /// Connected over a pipe that holds so many bytes, with nothing said yet.
    async fn upgraded(&self, user: &User, pipe: usize) -> Line {
        let (theirs, ours) = tokio::io::duplex(pipe);
        let guest = Guest {
            identity: Identity {
                kept_token: None,
                user: user.clone(),
                role: Role::User,
                expires_at: Timestamp::from_millis(4_000_000_000_000),
            },
            line: None,
            address: None,
            user_agent: None,
        };
        let gateway = Arc::clone(&self.gateway);
        tokio::spawn(async move {
            let stream = WebSocketStream::from_raw_socket(ours, End::Server, None).await;
            pump::serve(gateway, stream, guest).await;
        });
        WebSocketStream::from_raw_socket(theirs, End::Client, None).await
    }

    /// The same, greeted, and through with the session.
    async fn connected(&self, user: &User, pipe: usize) -> Line {
        let mut line = self.upgraded(user, pipe).await;
        line.send(Message::text(r#"{"event":"hello","data":{}}"#))
            .await
            .unwrap();
        // The first ping comes at once, before or after the session.
        let mut first = line.next().await.unwrap().unwrap();
        while first.is_ping() {
            first = line.next().await.unwrap().unwrap();
        }
        let first = first.into_text().unwrap();
        assert!(first.starts_with(r#"{"event":"session""#), "{first}");
        line
    }

    /// A conversation of these two.
    async fn direct(&self, actor: &Actor, other: &User) -> ConversationId {
        let create = CreateConversation {
            kind: chat_core::ConversationKind::Direct,
            title: None,
            participant_ids: vec![other.id.clone()],
            id: None,
        };
        self.chat.create_conversation(actor, create).await.unwrap().0.id
    }

    fn is_here(&self, user: &User) -> bool {
        !self.hub.sockets_of(&user.id).is_empty()
    }

    /// How long until the server has given this user up.
    async fn gone_after(&self, user: &User) -> Duration {
        let began = Instant::now();
        while self.is_here(user) {
            assert!(
                began.elapsed() < Duration::from_mins(10),
                "still here after ten minutes"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        began.elapsed()
    }
}

/// The code of the close frame at the end of what was written.
async fn close_code(mut line: Line) -> Option<u16> {
    let mut code = None;
    while let Some(Ok(message)) = line.next().await {
        if let Message::Close(Some(frame)) = message {
            code = Some(frame.code.into());
        }
    }
    code
}

fn by_rest(user: &User) -> Actor {
    Actor {
        user: UserView::from(user),
        role: Role::User,
        via: Via::Rest,
    }
}

fn about(took: Duration, expected: Duration) -> bool {
    (expected..expected + Duration::from_secs(2)).contains(&took)
}

#[tokio::test(start_paused = true)]
async fn who_answers_no_ping_is_given_up_with_4408() {
    let here = Here::open();
    let alice = here.somebody("alice").await;
    let line = here.connected(&alice, 1 << 16).await;
    let took = here.gone_after(&alice).await;
    assert!(about(took, PING_INTERVAL + PING_TIMEOUT), "{took:?}");
    assert_eq!(close_code(line).await, Some(4408));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_and_answers_pings_stays() {
    let here = Here::open();
    let alice = here.somebody("alice").await;
    let mut line = here.connected(&alice, 1 << 16).await;
    // Reading answers pings.
    let reading = tokio::spawn(async move { while let Some(Ok(_)) = line.next().await {} });
    tokio::time::sleep(Duration::from_mins(30)).await;
    assert!(here.is_here(&alice) && !reading.is_finished());
    reading.abort();
}

#[tokio::test(start_paused = true)]
async fn who_reads_nothing_while_messages_wait_is_given_up_with_4408() {
    let here = Here::open();
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let actor = by_rest(&alice);
    let conversation = here.direct(&actor, &bob).await;
    let line = here.connected(&bob, 1 << 12).await;
    for _ in 0..200 {
        let send = SendMessage {
            conversation_id: conversation.clone(),
            content: "x".repeat(4_000),
            client_message_id: None,
            reply_to: None,
            sender_id: None,
        };
        here.chat.send(&actor, send, Way::default()).await.unwrap();
    }
    let took = here.gone_after(&bob).await;
    assert!(about(took, LAGGING_WITHOUT_PROGRESS_MAX), "{took:?}");
    assert_eq!(close_code(line).await, Some(4408));
}

#[tokio::test]
async fn events_that_come_at_once_and_without_a_greeting_keep_their_order() {
    let here = Here::open();
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let conversation = here.direct(&by_rest(&alice), &bob).await;
    let mut line = here.upgraded(&bob, 1 << 16).await;
    for n in 1..=3 {
        let data = json!({ "conversation_id": conversation, "content": n.to_string() });
        let frame = json!({ "event": "send_message", "data": data, "id": n });
        line.feed(Message::text(frame.to_string())).await.unwrap();
    }
    line.flush().await.unwrap();
    let mut seqs = Vec::new();
    while seqs.len() < 3 {
        let frame = timeout(Duration::from_secs(10), line.next()).await.expect("an answer");
        let Message::Text(text) = frame.unwrap().unwrap() else {
            continue;
        };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if let Some(n) = frame["reply_to"].as_u64() {
            seqs.push((n, frame["data"]["message"]["seq"].as_u64().unwrap()));
        }
    }
    assert_eq!(seqs, [(1, 1), (2, 2), (3, 3)]);
}
