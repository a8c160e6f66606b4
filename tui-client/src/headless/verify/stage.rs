//! Everybody connected, in one conversation, ready to send.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use rollcall_client::protocol::ErrorCode;
use rollcall_client::protocol::chat_core::ids::ClientMessageId;
use rollcall_client::protocol::chat_core::{ConversationId, ConversationKind, UserId};
use rollcall_client::protocol::event::Session;
use rollcall_client::protocol::request::{CreateConversation, SendMessage};
use rollcall_client::{CallError, Client};
use tokio::task::JoinSet;
use tokio::time::{Duration, MissedTickBehavior, interval, sleep};

use super::super::finding;
use super::watch::{KEY, Watch};
use crate::args::VerifyArgs;
use crate::sign_in::Identity;
use crate::site::Site;

/// A sender waits out a limit this often before the message counts as refused.
const LIMITED_MAX: u32 = 20;

/// One socket of one identity.
struct Seat {
    client: Client,
    session: Session,
    who: String,
}

/// Everybody, connected.
pub(super) struct Stage {
    seats: Vec<Seat>,
    identities: Vec<Identity>,
    conversation: ConversationId,
    title: String,
    unwatched: Vec<String>,
    watch: Arc<Watch>,
    /// Reads what comes, so that nothing stands still.
    readers: JoinSet<()>,
}

impl Stage {
    /// Connects everybody and finds the conversation. What fails here is no loss but a set-up that is wrong.
    pub(super) async fn set(site: &Site, args: &VerifyArgs, watch: &Arc<Watch>) -> Result<Self> {
        ensure!(
            !site.identities.is_empty(),
            "say who takes part: --as alice,bob (or --profile)"
        );
        let names: BTreeSet<&str> = site.identities.iter().map(|identity| identity.name.as_str()).collect();
        ensure!(names.len() == site.identities.len(), "an identity is named twice");
        let mut readers = JoinSet::new();
        let mut seats = Vec::new();
        for identity in &site.identities {
            for socket in 1..=args.sockets {
                seats.push(sit(site, identity, socket, watch, &mut readers).await?);
            }
        }
        let (conversation, title) = conversation(&seats, args).await?;
        let unwatched = unwatched(&seats, &conversation);
        Ok(Self {
            seats,
            identities: site.identities.clone(),
            conversation,
            title,
            unwatched,
            watch: watch.clone(),
            readers,
        })
    }

    pub(super) fn people(&self) -> usize {
        self.identities.len()
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    pub(super) fn conversation(&self) -> &ConversationId {
        &self.conversation
    }

    /// Participants whom nobody here signed in as.
    pub(super) fn unwatched(&self) -> &[String] {
        &self.unwatched
    }

    pub(super) fn sid(&self, column: usize) -> Option<&str> {
        self.seats.get(column).map(|seat| seat.session.sid.as_str())
    }

    pub(super) fn user_id(&self, who: &str) -> Option<&str> {
        let seat = self.seats.iter().find(|seat| seat.who == who)?;
        Some(seat.session.user.id.as_str())
    }

    /// The token of an identity, for asking about what it sent.
    pub(super) fn token(&self, who: &str) -> Option<Arc<str>> {
        let identity = self.identities.iter().find(|identity| identity.name == who)?;
        identity.token.get()
    }

    /// Each identity sends over its first socket, all at the same time.
    pub(super) async fn send_all(&self, args: &VerifyArgs) {
        let run = Client::new_message_id();
        let run = &run.as_str()[..12];
        let mut senders = JoinSet::new();
        let mut sending = BTreeSet::new();
        for seat in &self.seats {
            if !sending.insert(seat.who.clone()) {
                continue;
            }
            let sender = Sender {
                client: seat.client.clone(),
                who: seat.who.clone(),
                place: sending.len(),
                conversation: self.conversation.clone(),
                watch: self.watch.clone(),
                run: run.to_owned(),
            };
            senders.spawn(sender.send(args.messages, args.interval.0));
        }
        while senders.join_next().await.is_some() {}
    }

    /// Everybody goes.
    pub(super) async fn leave(mut self) {
        let mut leaving = JoinSet::new();
        for seat in self.seats {
            leaving.spawn(async move { seat.client.close().await });
        }
        let gone = async { while leaving.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(2), gone).await;
        self.readers.shutdown().await;
    }
}

async fn sit(
    site: &Site,
    identity: &Identity,
    socket: u16,
    watch: &Arc<Watch>,
    readers: &mut JoinSet<()>,
) -> Result<Seat> {
    let column = watch.add_column(&identity.name, &socket.to_string());
    let tap = watch.clone();
    let builder = site
        .builder(Some(identity))
        .receipts(true)
        .tap(move |packet| tap.packet(column, packet));
    let connected = builder.connect().await;
    let (client, mut events) =
        connected.with_context(|| format!("{} (socket {socket}) could not connect", identity.name))?;
    let session = finding::session(&mut events, site).await?;
    readers.spawn(async move { while events.next().await.is_some() {} });
    Ok(Seat {
        client,
        who: identity.name.clone(),
        session,
    })
}

async fn conversation(seats: &[Seat], args: &VerifyArgs) -> Result<(ConversationId, String)> {
    let Some(wanted) = &args.conversation else {
        return made(seats).await;
    };
    let first = seats.first().context("nobody is connected")?;
    let view = finding::conversation(&first.session, wanted)?;
    for seat in seats {
        if !seat.session.conversations.iter().any(|other| other.id == view.id) {
            bail!("{} is not in {wanted:?}", seat.who);
        }
    }
    Ok((view.id.clone(), finding::called(&first.session, view)))
}

/// A group of everybody here.
async fn made(seats: &[Seat]) -> Result<(ConversationId, String)> {
    let first = seats.first().context("nobody is connected")?;
    let everybody: BTreeSet<&UserId> = seats.iter().map(|seat| &seat.session.user.id).collect();
    let title = "rollcall-tui verify".to_owned();
    let wanted = CreateConversation {
        kind: ConversationKind::Group,
        title: Some(title.clone()),
        participant_ids: everybody.into_iter().cloned().collect(),
        id: None,
    };
    let made = first.client.create_conversation(wanted).await;
    let id = made.context("the group could not be made")?.conversation.id;
    // Only who is in the room is sent to live; the answer says that one is.
    for seat in seats {
        let joined = seat.client.join_conversation(&id, None).await;
        joined.with_context(|| format!("{} could not enter the new group", seat.who))?;
    }
    Ok((id, title))
}

fn unwatched(seats: &[Seat], conversation: &ConversationId) -> Vec<String> {
    let views = seats.iter().flat_map(|seat| &seat.session.conversations);
    let Some(view) = views.into_iter().find(|view| view.id == *conversation) else {
        return Vec::new();
    };
    let others = view.participants.iter().filter(|participant| {
        let here = |seat: &Seat| seat.session.user.id == participant.id;
        !seats.iter().any(here)
    });
    others.map(|participant| participant.username.clone()).collect()
}

/// What one identity needs to send.
struct Sender {
    client: Client,
    who: String,
    /// Among the senders, from 1.
    place: usize,
    conversation: ConversationId,
    watch: Arc<Watch>,
    run: String,
}

impl Sender {
    async fn send(self, messages: u32, every: Duration) {
        let mut ticks = interval(every.max(Duration::from_micros(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 1..=messages {
            ticks.tick().await;
            self.one(number).await;
        }
    }

    async fn one(&self, number: u32) {
        let key = format!("{KEY}{}-{}-{number}", self.run, self.place);
        let message = SendMessage {
            conversation_id: self.conversation.clone(),
            content: format!("verify {}: {number} from {}", self.run, self.who),
            client_message_id: ClientMessageId::parse(&key).ok(),
            reply_to: None,
            sender_id: None,
        };
        let mut limited = 0;
        let outcome = loop {
            self.watch.sending(&key, &self.who);
            match self.client.send_message(message.clone()).await {
                Ok(sent) => break Ok((sent.message.id.to_string(), sent.message.seq.0)),
                Err(CallError::Refused(error)) if error.code == ErrorCode::RateLimited && limited < LIMITED_MAX => {
                    limited += 1;
                    sleep(Duration::from_millis(error.retry_after_ms.unwrap_or(100))).await;
                }
                Err(error) => break Err(error.to_string()),
            }
        };
        self.watch.answered(&key, &self.who, outcome);
    }
}
