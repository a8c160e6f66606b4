//! What `explain` and a message's delivery cost with a long history: `cargo run --example explain_cost -- [messages]`, a million unless
//! told. The file lies in the present folder's disk. Nobody is connected, so that everything is read from the database.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

#[path = "crowd/people.rs"]
mod crowd;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chat_core::delivery::{ConnectionEvent, ConnectionEventKind, Cursor, DeliveryException, ExceptionKind};
use chat_core::ids::{NodeId, Sid};
use chat_core::ports::{Clock as _, DeliveryLog as _, IdSource as _, MessageLog as _, PageFrom};
use chat_core::{ConversationId, Draft, MessageId, Seq, UserId};
use rollcall_server::chat::assembly::assemble;
use rollcall_server::chat::{Chat, Ports};
use rollcall_server::clock::{SystemClock, UuidSource};
use rollcall_server::hub::Hub;
use rollcall_server::identity::RateLimits;
use rollcall_server::settings::Rates;
use rollcall_server::store::SqliteStore;
use rollcall_server::telemetry::Metrics;
use tokio::time::Instant;

const CONVERSATIONS: usize = 100;
const USERS: usize = 50;
/// Of each user: a connection that came and went, and a message that was sent to it again.
const CONNECTIONS_PER_USER: i64 = 2_000;
/// Asked this often.
const ROUNDS: usize = 200;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let messages: usize = std::env::args()
        .nth(1)
        .map_or(Ok(1_000_000), |text| text.parse())
        .context("a number of messages")?;
    let folder = tempfile::tempdir_in(".")?;
    let metrics = Metrics::new()?;
    let path = folder.path().join("rollcall.db");
    let store = Arc::new(SqliteStore::open(&path, &SystemClock, &UuidSource, metrics.store.clone()).await?);
    let (users, conversations) = crowd::people(&store, USERS, CONVERSATIONS).await?;
    append(&store, &users, &conversations, messages).await?;
    history(&store, &users, &conversations, messages).await?;
    let chat = chat(&store, &metrics)?;
    println!("{messages} messages, {} bytes", std::fs::metadata(&path)?.len());
    let asked = some_messages(&store, &conversations).await?;
    let (mut explained, mut delivered) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (message, user) = (&asked[round % asked.len()], &users[round % users.len()]);
        let began = Instant::now();
        chat.explain_message(message, user)
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        explained.push(began.elapsed());
        if round % 10 == 0 {
            let began = Instant::now();
            let report = chat
                .delivery_of(message)
                .await
                .map_err(|error| anyhow::anyhow!("{error}"))?;
            anyhow::ensure!(report.participants.len() == USERS, "everybody is in the report");
            delivered.push(began.elapsed());
        }
    }
    tell("explain", explained);
    tell(&format!("delivery to {USERS}"), delivered);
    store.close().await?;
    Ok(())
}

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
    println!(
        "{what}: median {:.2} ms, p99 {:.2} ms, slowest {:.2} ms",
        at(50),
        at(99),
        at(100)
    );
}

fn chat(store: &Arc<SqliteStore>, metrics: &Metrics) -> anyhow::Result<Arc<Chat>> {
    let (_, io) = rollcall_server::hub::adapter::layer(|builder| builder);
    io.socket_io.ns("/", async || {});
    let clock: Arc<dyn chat_core::ports::Clock> = Arc::new(SystemClock);
    let hub = Hub::new(NodeId::parse("cost")?, Arc::clone(&clock), io, metrics.hub.clone());
    let ports = Ports::over(store, clock, Arc::new(UuidSource));
    let rates = RateLimits::new(&Rates::OFF);
    Ok(assemble(ports, Arc::new(hub), Arc::new(rates), 16_384, metrics).chat)
}

async fn append(
    store: &Arc<SqliteStore>,
    users: &[UserId],
    conversations: &[ConversationId],
    count: usize,
) -> anyhow::Result<()> {
    const IN_FLIGHT: usize = 1_000;
    for first in (0..count).step_by(IN_FLIGHT) {
        let draft = |n: usize| Draft {
            id: UuidSource.message_id(),
            conversation_id: conversations[n % conversations.len()].clone(),
            sender_id: users[n % users.len()].clone(),
            content: Arc::from("a message of about the length that messages have, more or less, in a chat"),
            client_message_id: None,
            reply_to: None,
            at: SystemClock.now(),
        };
        let appends = (first..count.min(first + IN_FLIGHT)).map(|n| store.append(draft(n)));
        for appended in futures_util::future::join_all(appends).await {
            appended?;
        }
    }
    Ok(())
}

/// Connections, exceptions and cursors, as a busy week leaves them.
async fn history(
    store: &SqliteStore,
    users: &[UserId],
    conversations: &[ConversationId],
    messages: usize,
) -> anyhow::Result<()> {
    let (now, node) = (SystemClock.now(), NodeId::parse("before")?);
    let last = Seq((messages / conversations.len()) as u64);
    for (place, user) in users.iter().enumerate() {
        let (mut events, mut exceptions) = (Vec::new(), Vec::new());
        for n in 0..CONNECTIONS_PER_USER {
            let sid = Sid::parse(format!("s{place}-{n}"))?;
            let came = now.plus_millis(-n * 60_000);
            for (kind, at, detail) in [
                (ConnectionEventKind::Connected, came, "web/1 (receipts)"),
                (
                    ConnectionEventKind::Disconnected,
                    came.plus_millis(30_000),
                    "transport_close",
                ),
            ] {
                events.push(ConnectionEvent {
                    user_id: user.clone(),
                    at,
                    kind,
                    sid: Some(sid.clone()),
                    node_id: node.clone(),
                    detail: detail.to_owned(),
                });
            }
            let seq = Seq(1 + u64::try_from(n)? * 7 % last.0.max(1));
            exceptions.push(DeliveryException {
                conversation_id: conversations[usize::try_from(n)? % conversations.len()].clone(),
                first_seq: seq,
                last_seq: Seq(seq.0 + 3),
                user_id: user.clone(),
                sid,
                node_id: node.clone(),
                kind: ExceptionKind::Retried,
                at: came,
                detail: String::new(),
            });
        }
        store.note_connections(&events).await?;
        store.note_exceptions(&exceptions).await?;
        let cursor = |conversation_id: &ConversationId| Cursor {
            conversation_id: conversation_id.clone(),
            user_id: user.clone(),
            received: Seq(last.0 / 2),
            read: Seq(last.0 / 3),
        };
        let cursors: Vec<_> = conversations.iter().map(cursor).collect();
        store.advance_cursors(&cursors).await?;
    }
    Ok(())
}

/// Old ones and new ones.
async fn some_messages(store: &SqliteStore, conversations: &[ConversationId]) -> anyhow::Result<Vec<MessageId>> {
    let mut found = Vec::new();
    for (n, id) in conversations.iter().enumerate() {
        let from = if n % 2 == 0 {
            PageFrom::Newest
        } else {
            PageFrom::After(Seq(n as u64))
        };
        found.extend(
            store
                .page(id, from, 1)
                .await?
                .items
                .into_iter()
                .map(|message| message.id),
        );
    }
    Ok(found)
}
