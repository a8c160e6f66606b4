//! Moments that a busy server meets now and then, brought about one by one: real sockets over a store that waits when told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chat_core::ports::Clock;
use chat_core::{ConversationId, ConversationKind, NodeId, Role, Seq, UserId};
use rollcall_protocol::UserView;
use rollcall_protocol::request::{CreateConversation, SendMessage};
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, timeout};

use self::gated::Gated;
use self::peer::Peer;
use super::*;
use crate::chat::assembly::{Assembled, assemble};
use crate::chat::{Actor, Ports};
use crate::clock::UuidSource;
use crate::delivery::RollCall;
use crate::fanout::Fanout;
use crate::gateway::listener::LineListener;
use crate::identity::RateLimits;
use crate::identity::fake::{HandClock, OPEN, authority};
use crate::limits::{INBOX_EVENTS_MAX, SOCKET_BUFFER_PACKETS};
use crate::settings::Rates;
use crate::store::memory::MemoryStore;
use crate::telemetry::Metrics;
use crate::telemetry::labels::Via;
use crate::telemetry::traces::{Tracer, Way};

mod at_once;
mod banned;
mod comings;
mod gated;
mod grants;
mod heads;
mod history;
mod moments;
mod peer;
mod presence;
mod receipts;
mod retries;

const PATIENCE: Duration = Duration::from_secs(10);

async fn in_time<T>(what: &str, waited_for: impl Future<Output = T>) -> T {
    timeout(PATIENCE, waited_for)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"))
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

struct Here {
    address: SocketAddr,
    chat: Arc<Chat>,
    hub: Arc<Hub>,
    authority: Arc<Authority>,
    stored: Arc<Gated>,
    roll_call: Arc<RollCall>,
    fanout: Arc<Fanout>,
    clock: Arc<HandClock>,
}

/// Somebody with an account.
struct Somebody {
    actor: Actor,
    token: String,
}

impl Somebody {
    fn id(&self) -> UserId {
        self.actor.id().clone()
    }
}

impl Here {
    async fn open() -> Self {
        let hand = HandClock::at(1_800_000_000);
        let metrics = Metrics::new().unwrap();
        let stored = Arc::new(Gated {
            store: Arc::new(MemoryStore::new()),
            gates: gated::Gates::default(),
        });
        let authority = Arc::new(authority(&stored.store, &hand, OPEN));
        let (layer, io) = crate::hub::adapter::layer(|builder| builder);
        let clock: Arc<dyn Clock> = Arc::clone(&hand) as _;
        let node = NodeId::parse("node").unwrap();
        let hub = Arc::new(Hub::new(node, Arc::clone(&clock), io.clone(), metrics.hub.clone()));
        let ports = Ports {
            accounts: Arc::clone(&stored.store) as _,
            moderation: Arc::clone(&stored.store) as _,
            conversations: Arc::clone(&stored) as _,
            log: Arc::clone(&stored) as _,
            deliveries: Arc::clone(&stored.store) as _,
            vitals: Arc::clone(&stored.store) as _,
            clock: Arc::clone(&clock),
            ids: Arc::new(UuidSource),
        };
        let rates = Arc::new(RateLimits::new(&Rates::OFF));
        let Assembled {
            chat,
            roll_call,
            fanout,
        } = assemble(ports, Arc::clone(&hub), rates, 1 << 20, &metrics);
        let gateway = Gateway::new(Parts {
            chat: Arc::clone(&chat),
            authority: Arc::clone(&authority),
            rejected: Arc::new(RejectedRing::new(clock, &metrics.gateway)),
            proxies: TrustedProxies::default(),
            metrics: metrics.gateway.clone(),
            tracer: Tracer::off(),
        });
        Arc::new(gateway).open(&io.socket_io).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listener = LineListener::new(tcp, 100, metrics.gateway.accept_errors.clone());
        let service = axum::Router::new()
            .layer(layer)
            .into_make_service_with_connect_info::<ConnInfo>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self {
            address,
            chat,
            hub,
            authority,
            stored,
            roll_call,
            fanout,
            clock: hand,
        }
    }

    async fn somebody(&self, name: &str) -> Somebody {
        let signed_in = self
            .authority
            .register(name.into(), "correct horse", None)
            .await
            .unwrap();
        Somebody {
            actor: Actor {
                user: UserView::from(&signed_in.user),
                role: Role::User,
                via: Via::Rest,
            },
            token: signed_in.token.token,
        }
    }

    /// Connected, and through with its session.
    async fn connected(&self, who: &Somebody) -> Peer {
        let mut peer = Peer::connect(self.address, &who.token).await;
        assert_eq!(peer.event().await.0, "session");
        peer.all_so_far().await;
        peer
    }

    /// The same with a promise of receipts.
    async fn promising(&self, who: &Somebody) -> Peer {
        let mut peer = Peer::introduced(self.address, &json!({"token": who.token, "receipts": true})).await;
        assert_eq!(peer.event().await.0, "session");
        peer.all_so_far().await;
        peer
    }

    async fn group(&self, owner: &Somebody, others: &[&Somebody]) -> ConversationId {
        let create = CreateConversation {
            kind: ConversationKind::Group,
            title: None,
            participant_ids: others.iter().map(|other| other.id()).collect(),
            id: None,
        };
        self.chat.create_conversation(&owner.actor, create).await.unwrap().0.id
    }

    async fn say(&self, who: &Somebody, group: &ConversationId) -> rollcall_protocol::reply::Sent {
        self.chat
            .send(&who.actor, saying(group, "x"), Way::default())
            .await
            .unwrap()
    }

    async fn add(&self, owner: &Somebody, group: &ConversationId, who: &Somebody) {
        let added = self.chat.add_participants(&owner.actor, group, &[who.id()]).await;
        added.unwrap();
    }

    async fn remove(&self, owner: &Somebody, group: &ConversationId, who: &Somebody) {
        let removed = self.chat.remove_participant(&owner.actor, group, &who.id()).await;
        removed.unwrap();
    }

    fn live(&self, peer: &Peer) -> Arc<LiveSocket> {
        self.hub.socket(&peer.sid).expect("a live socket")
    }
}

fn saying(group: &ConversationId, content: &str) -> SendMessage {
    SendMessage {
        conversation_id: group.clone(),
        content: content.to_owned(),
        client_message_id: None,
        reply_to: None,
        sender_id: None,
    }
}
