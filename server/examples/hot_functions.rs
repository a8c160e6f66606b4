//! The hot path without a network: `hot_functions NAME TIMES` carries one operation out so many times. For counting instructions
//! (`bench/instructions`): everything but the store's own thread happens in one thread, in the same order each time, and what is to be
//! counted happens within [`counted`].
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

#[path = "crowd/people.rs"]
mod crowd;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use chat_core::ids::NodeId;
use chat_core::ports::{Accounts as _, Clock};
use chat_core::{ConversationId, Role, Seq, User, UserId};
use rollcall_protocol::request::{Hello, Receipt, SendMessage, Sync};
use rollcall_protocol::{Request, WireError};
use rollcall_server::chat::assembly::assemble;
use rollcall_server::chat::{Actor, Chat, Ports};
use rollcall_server::clock::{SystemClock, UuidSource};
use rollcall_server::hub::plain::PlainLink;
use rollcall_server::hub::{Caller, Grant, Hub, LiveSocket};
use rollcall_server::identity::{RateLimits, Tokens};
use rollcall_server::settings::{Rates, Secret};
use rollcall_server::store::SqliteStore;
use rollcall_server::telemetry::Metrics;
use rollcall_server::telemetry::labels::DisconnectReason;
use rollcall_server::telemetry::traces::Way;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::Receiver;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// The server's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// In each of the two groups that messages are sent to.
const FEW: usize = 1;
const MANY: usize = 100;
/// Messages that one receipt confirms.
const CONFIRMED_AT_ONCE: u64 = 10;

const NAMES: [&str; 8] = [
    "decode an event",
    "verify a token",
    "a session",
    "a message to 1",
    "a message to 100",
    "a receipt of 10",
    "a page",
    "an explanation",
];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        for name in NAMES {
            println!("{name}");
        }
        return Ok(());
    };
    let times: u64 = arguments.next().context("how often")?.parse()?;
    match name.as_str() {
        "decode an event" => return decode(times),
        "verify a token" => return verify(times),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let place = Place::new(runtime)?;
    match name.as_str() {
        "a session" => place.sessions(times)?,
        "a message to 1" => place.messages(FEW, times)?,
        "a message to 100" => place.messages(MANY, times)?,
        "a receipt of 10" => place.receipts(times)?,
        "a page" => place.pages(times)?,
        "an explanation" => place.explanations(times)?,
        other => bail!("{other:?} is none of {NAMES:?}"),
    }
    place.runtime.block_on(place.store.close())?;
    Ok(())
}

/// What happens within is counted, and nothing else: callgrind is told this name.
#[inline(never)]
fn counted(work: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    std::hint::black_box(work())
}

fn heard<T>(answer: std::result::Result<T, WireError>) -> Result<T> {
    answer.map_err(|error| anyhow::anyhow!("{error}"))
}

fn decode(times: u64) -> Result<()> {
    let text = r#"["send_message",{"conversation_id":"01a1fd8a-7b1e-7584-9ea2-560f5dc5a19a","content":"the quick brown fox jumps over the lazy dog","client_message_id":"01a1fd8a-7b1e-7584-9ea2-560f5dc5a19b"}]"#;
    counted(&mut || {
        for _ in 0..times {
            let mut items: Vec<serde_json::Value> = serde_json::from_str(text)?;
            let data = items.pop().context("its argument")?;
            let name = items.pop().context("its name")?;
            let decoded = Request::decode(name.as_str().unwrap_or_default(), data);
            ensure!(decoded.is_ok(), "it is well formed");
        }
        Ok(())
    })
}

fn verify(times: u64) -> Result<()> {
    let tokens = Tokens::new(&Secret::new("0123456789abcdef0123456789abcdef"), Arc::new(SystemClock));
    let user = User {
        id: UserId::parse("01a1fd8a-7b1e-7584-9ea2-560f5dc5a19a")?,
        username: "alice".to_owned(),
        display_name: "Alice".to_owned(),
        role: Role::User,
        created_at: SystemClock.now(),
        disabled_at: None,
        last_seen: None,
    };
    let token = tokens.issue(&user, Role::User, Duration::from_hours(1))?.token;
    counted(&mut || {
        for _ in 0..times {
            tokens.verify(&token)?;
        }
        Ok(())
    })
}

/// A server without a network.
struct Place {
    runtime: Runtime,
    store: Arc<SqliteStore>,
    chat: Arc<Chat>,
    hub: Arc<Hub>,
    users: Vec<User>,
    /// Of all of them, and of the first alone.
    groups: [ConversationId; 2],
    _folder: tempfile::TempDir,
}

/// Somebody who is connected by a plain WebSocket.
struct Guest {
    socket: Arc<LiveSocket>,
    frames: Receiver<Utf8Bytes>,
}

impl Guest {
    /// Reads what was said to it.
    fn read(&mut self) -> usize {
        std::iter::from_fn(|| self.frames.try_recv().ok()).count()
    }
}

impl Place {
    fn new(runtime: Runtime) -> Result<Self> {
        // Hub and chat begin tasks.
        let within = runtime.enter();
        let folder = tempfile::tempdir()?;
        let metrics = Metrics::new()?;
        let path = folder.path().join("rollcall.db");
        let opened = runtime.block_on(SqliteStore::open(
            &path,
            &SystemClock,
            &UuidSource,
            metrics.store.clone(),
        ))?;
        let store = Arc::new(opened);
        let (users, groups) = runtime.block_on(inhabited(&store))?;
        let (_, io) = rollcall_server::hub::adapter::layer(|builder| builder);
        io.socket_io.ns("/", async || {});
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let hub = Arc::new(Hub::new(
            NodeId::parse("hot")?,
            Arc::clone(&clock),
            io,
            metrics.hub.clone(),
        ));
        let ports = Ports::over(&store, clock, Arc::new(UuidSource));
        let rates = RateLimits::new(&Rates::OFF);
        let chat = assemble(ports, Arc::clone(&hub), Arc::new(rates), 16_384, &metrics).chat;
        drop(within);
        Ok(Self {
            runtime,
            store,
            chat,
            hub,
            users,
            groups,
            _folder: folder,
        })
    }

    async fn enter(&self, user: &User) -> Result<Guest> {
        let (link, frames) = PlainLink::new(Arc::clone(self.hub.plain_rooms()));
        let caller = Caller {
            user: Arc::new(user.clone()),
            grant: Grant {
                role: user.role,
                expires_at: SystemClock.now().plus_millis(3_600_000),
                kept_token: None,
            }
            .into(),
            receipts: true,
            client: None,
            address: "127.0.0.1".to_owned(),
            user_agent: None,
        };
        let socket = self.hub.register_plain(&link, caller, None).context("a live socket")?;
        self.chat.arrived(&socket);
        let hello = Hello {
            receipts: true,
            ..Hello::default()
        };
        let opened = self.chat.open_session(&socket, &hello).await;
        heard(opened)?;
        Ok(Guest { socket, frames })
    }

    fn enter_all(&self) -> Result<Vec<Guest>> {
        let guests = self.users.iter().map(|user| self.runtime.block_on(self.enter(user)));
        let mut guests: Vec<Guest> = guests.collect::<Result<_>>()?;
        for guest in &mut guests {
            guest.read();
        }
        Ok(guests)
    }

    fn send(&self, sender: &Guest, group: &ConversationId) -> Result<usize> {
        let send = SendMessage {
            conversation_id: group.clone(),
            content: "the quick brown fox jumps over the lazy dog".to_owned(),
            client_message_id: None,
            reply_to: None,
            sender_id: None,
        };
        let actor = Actor::of_socket(&sender.socket);
        let sent = self.runtime.block_on(self.chat.send(&actor, send, Way::default()));
        Ok(heard(sent)?.delivery.handed_off)
    }

    fn group_of(&self, size: usize) -> &ConversationId {
        &self.groups[usize::from(size == FEW)]
    }

    fn messages(&self, members: usize, times: u64) -> Result<()> {
        let mut guests = self.enter_all()?;
        for _ in 0..times {
            counted(&mut || {
                let handed = self.send(&guests[0], self.group_of(members))?;
                ensure!(handed == members, "{handed} of {members} were handed the message");
                Ok(())
            })?;
            for guest in &mut guests[..members] {
                ensure!(guest.read() >= 1, "and it is in their queues");
            }
        }
        Ok(())
    }

    fn receipts(&self, times: u64) -> Result<()> {
        let mut guests = self.enter_all()?;
        let group = self.group_of(MANY);
        for round in 1..=times.div_ceil(MANY as u64) {
            for _ in 0..CONFIRMED_AT_ONCE {
                self.send(&guests[0], group)?;
            }
            for guest in &mut guests {
                guest.read();
            }
            counted(&mut || {
                for guest in &guests {
                    let receipt = Receipt {
                        conversation_id: group.clone(),
                        received: Some(Seq(round * CONFIRMED_AT_ONCE)),
                        read: None,
                    };
                    heard(self.runtime.block_on(self.chat.receipt(&guest.socket, receipt)))?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn sessions(&self, times: u64) -> Result<()> {
        for n in 0..usize::try_from(times)? {
            let mut guest = None;
            counted(&mut || {
                guest = Some(self.runtime.block_on(self.enter(&self.users[n % self.users.len()]))?);
                Ok(())
            })?;
            let socket = guest.context("it is in")?.socket;
            self.hub.unregister(&socket.sid, DisconnectReason::TransportClose);
            self.runtime
                .block_on(async { self.chat.gone(&socket, "transport_close") });
            socket.leave_rooms();
        }
        Ok(())
    }

    /// So many messages that a page is full.
    fn history(&self) -> Result<Guest> {
        let mut guest = self.runtime.block_on(self.enter(&self.users[0]))?;
        for _ in 0..100 {
            self.send(&guest, self.group_of(FEW))?;
            guest.read();
        }
        Ok(guest)
    }

    fn pages(&self, times: u64) -> Result<()> {
        let guest = self.history()?;
        let actor = Actor::of_socket(&guest.socket);
        counted(&mut || {
            for _ in 0..times {
                let request = Sync {
                    conversation_id: self.group_of(FEW).clone(),
                    after_seq: Seq(10),
                    limit: Some(50),
                };
                let page = heard(self.runtime.block_on(self.chat.sync(&actor, request)))?;
                ensure!(page.messages.len() == 50, "a full page");
            }
            Ok(())
        })
    }

    fn explanations(&self, times: u64) -> Result<()> {
        let _guest = self.history()?;
        let (group, user) = (self.group_of(FEW), &self.users[0].id);
        counted(&mut || {
            for _ in 0..times {
                heard(self.runtime.block_on(self.chat.explain_now(group, user)))?;
            }
            Ok(())
        })
    }
}

/// People, a group of all of them and one of the first alone.
async fn inhabited(store: &SqliteStore) -> Result<(Vec<User>, [ConversationId; 2])> {
    let (ids, mut many) = crowd::people(store, MANY, 1).await?;
    let few = crowd::group(store, &ids[..FEW]).await?;
    let mut users = Vec::new();
    for id in &ids {
        users.extend(store.user(id).await?);
    }
    Ok((users, [many.pop().context("one group")?, few]))
}
