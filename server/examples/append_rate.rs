//! How fast the SQLite store appends and pages, by how many appends are in flight and how long the history is.
//!
//! `cargo run --release --example append_rate -- [messages of history]`; the file lies in the present folder's disk.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

#[path = "crowd/people.rs"]
mod crowd;

use std::sync::Arc;

use anyhow::Context as _;
use chat_core::ids::ClientMessageId;
use chat_core::ports::PageFrom;
use chat_core::ports::{Clock as _, Conversations as _, IdSource as _, MessageLog as _};
use chat_core::{ConversationId, Draft, Seq, UserId};
use rollcall_server::clock::{SystemClock, UuidSource};
use rollcall_server::store::{SqliteStore, StoreMetrics};
use tokio::time::Instant;

const CONVERSATIONS: usize = 100;
const USERS: usize = 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let history: usize = std::env::args()
        .nth(1)
        .map_or(Ok(0), |text| text.parse())
        .context("a number of messages")?;
    let folder = tempfile::tempdir_in(".")?;
    let path = folder.path().join("rollcall.db");
    let store = Arc::new(SqliteStore::open(&path, &SystemClock, &UuidSource, StoreMetrics::noop()).await?);
    let (users, conversations) = crowd::people(&store, USERS, CONVERSATIONS).await?;
    append(&store, &users, &conversations, 400, history).await?;

    println!("history {history}");
    for (in_flight, count) in [(1, 1000), (16, 10_000), (160, 40_000)] {
        let started = Instant::now();
        append(&store, &users, &conversations, in_flight, count).await?;
        let seconds = started.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let rate = count as f64 / seconds;
        println!("{in_flight:4} in flight: {rate:8.0} messages/s");
    }
    let started = Instant::now();
    for n in 0..1000 {
        let id = &conversations[n % CONVERSATIONS];
        store.page(id, PageFrom::After(Seq((n / 2) as u64)), 50).await?;
    }
    println!("page of 50: {:.0} us", started.elapsed().as_secs_f64() * 1000.0);
    let started = Instant::now();
    for _ in 0..20 {
        store.conversations_of(&users[0]).await?;
    }
    println!(
        "list of {CONVERSATIONS} conversations: {:.1} ms",
        started.elapsed().as_secs_f64() * 50.0
    );
    store.close().await?;
    println!("file: {} bytes", std::fs::metadata(&path)?.len());
    Ok(())
}

async fn append(
    store: &Arc<SqliteStore>,
    users: &[UserId],
    conversations: &[ConversationId],
    in_flight: usize,
    count: usize,
) -> anyhow::Result<()> {
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..in_flight {
        let (store, users, conversations) = (store.clone(), users.to_vec(), conversations.to_vec());
        let own = count / in_flight + usize::from(caller < count % in_flight);
        callers.spawn(async move {
            for n in 0..own {
                let draft = Draft {
                    id: UuidSource.message_id(),
                    conversation_id: conversations[(caller * 7 + n) % conversations.len()].clone(),
                    sender_id: users[caller % users.len()].clone(),
                    content: Arc::from("a message of about the length that messages have, more or less, in a chat"),
                    client_message_id: Some(ClientMessageId::parse(UuidSource.message_id().as_str())?),
                    reply_to: None,
                    at: SystemClock.now(),
                };
                store.append(draft).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    Ok(())
}
