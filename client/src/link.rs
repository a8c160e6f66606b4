//! Keeps there being a connection: attempts, waits, tokens, and what callers are told while there is none.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rollcall_protocol::chat_core::limits::CONVERSATIONS_PER_USER_MAX;
use rollcall_protocol::chat_core::{ConversationId, Seq};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::auth::Auth;
use crate::backoff::Backoff;
use crate::error::{CallError, DownReason};
use crate::event::{ClientEvent, State};
use crate::limits::GOOD_CONNECTION;
use crate::live::{Ended, Live};
use crate::outbox::Outbox;
use crate::positions::{Held, Positions};
use crate::receipts::{ReceiptMode, Receipts};
use crate::transport::{Opened, Target};

/// What a handle asks of the link.
#[derive(Debug)]
pub(crate) enum Command {
    /// Emit and forget.
    Emit {
        event: String,
        args: Vec<Value>,
        done: oneshot::Sender<Result<(), CallError>>,
    },
    /// Emit and wait for the acknowledgement.
    Call {
        event: String,
        args: Vec<Value>,
        done: oneshot::Sender<Result<Value, CallError>>,
    },
    /// What is held.
    Held(oneshot::Sender<Held>),
    /// Read on, or do not.
    Reading(bool),
    /// Send receipts, or keep them.
    Confirming(bool),
    /// Drop the connection without a word.
    Cut,
    /// End.
    Close,
}

/// How to be a client.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) target: Target,
    pub(crate) auth: Auth,
    pub(crate) backoff: Backoff,
    pub(crate) connect_timeout: Duration,
    pub(crate) receipts: ReceiptMode,
    pub(crate) client_name: Option<String>,
    pub(crate) answer_probes: bool,
    pub(crate) plain: bool,
    pub(crate) auth_data: Map<String, Value>,
}

/// Tells the first attempt's outcome to whoever waits in `connect`.
pub(crate) type First = oneshot::Sender<Result<(), DownReason>>;

/// The task behind a [`crate::Client`].
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) options: Arc<Options>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) outbox: Outbox,
    pub(crate) state: watch::Sender<State>,
    pub(crate) positions: Positions,
    pub(crate) receipts: Receipts,
    /// Off: a fault for trying things out. It outlives a connection, so that the next one shows the same.
    pub(crate) reading: bool,
    pub(crate) confirming: bool,
    /// What the server asked to wait in `server_shutdown`.
    pub(crate) retry_after: Option<Duration>,
    ever_connected: bool,
    /// What the provider gave last; it is asked again only when this one was refused, so that a flapping network does not
    /// become a storm of sign-ins.
    pub(crate) token: Option<String>,
    refused_token: Option<String>,
    /// The provider gave the same token again after it was refused: it has no other.
    no_other_token: bool,
}

/// The handle's side asked to end.
pub(crate) struct Closing;

impl Link {
    pub(crate) fn new(
        options: Options,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<ClientEvent>,
        state: watch::Sender<State>,
        held: Held,
    ) -> Self {
        let note_given = options.receipts == ReceiptMode::Automatic;
        Self {
            options: Arc::new(options),
            commands,
            outbox: Outbox::new(events, note_given),
            state,
            positions: Positions::new(held),
            receipts: Receipts::default(),
            reading: true,
            confirming: true,
            retry_after: None,
            ever_connected: false,
            token: None,
            refused_token: None,
            no_other_token: false,
        }
    }

    /// Runs until it is closed or no attempt can help. `first` is told the first attempt's outcome, and an attempt that fails
    /// then is the only one.
    pub(crate) async fn run(mut self, mut first: Option<First>) {
        let reason = self.keep_connected(&mut first).await;
        tracing::debug!(%reason, "link.closed");
        if let Some(first) = first {
            let _ = first.send(Err(reason.clone()));
        }
        self.tell(State::Closed { reason });
        // The last words wait for the consumer; calls that still come are answered meanwhile by the closed channel.
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            self.refuse(command);
        }
        while !self.outbox.is_empty() {
            self.outbox.drain().await;
        }
    }

    async fn keep_connected(&mut self, first: &mut Option<First>) -> DownReason {
        let mut attempt = 0;
        loop {
            self.tell(State::Connecting);
            let (reason, good) = self.connect_and_live(first).await;
            self.positions.disconnected();
            if first.is_some() || reason.is_final(self.ever_connected) && !self.may_have_another_token(&reason) {
                return reason;
            }
            attempt = if good { 1 } else { attempt + 1 };
            if !self.options.backoff.allows(attempt) {
                return reason;
            }
            let retry_in = self
                .options
                .backoff
                .wait(attempt, self.retry_after.take(), rand::random());
            tracing::debug!(%reason, attempt, ?retry_in, "link.down");
            self.tell(State::Reconnecting {
                attempt,
                retry_in,
                reason,
            });
            if self.meanwhile(tokio::time::sleep(retry_in)).await.is_err() {
                return DownReason::Closed;
            }
        }
    }

    fn may_have_another_token(&self, reason: &DownReason) -> bool {
        reason.is_about_the_token() && self.options.auth.is_provider() && !self.no_other_token
    }

    /// One attempt and, if it comes about, one connection's life. Also tells whether it was a good one.
    async fn connect_and_live(&mut self, first: &mut Option<First>) -> (DownReason, bool) {
        // Boxed: the handshakes' many buffers would stay in the task for the connection's life otherwise.
        let opening = Box::pin(self.open());
        let opened = match self.meanwhile(opening).await {
            Err(Closing) => return (DownReason::Closed, false),
            Ok((token, Err(reason))) => {
                self.token = token;
                if reason.is_about_the_token() {
                    self.no_other_token = self.token == self.refused_token;
                    self.refused_token = self.token.take();
                }
                return (reason, false);
            }
            Ok((token, Ok(opened))) => {
                self.token = token;
                opened
            }
        };
        self.ever_connected = true;
        self.refused_token = None;
        let since = Instant::now();
        self.tell(State::Connected {
            sid: opened.sid.clone(),
        });
        if let Some(first) = first.take() {
            let _ = first.send(Ok(()));
        }
        let Ended(reason) = Live::new(self, opened).run().await;
        (reason, since.elapsed() >= GOOD_CONNECTION)
    }

    /// Fetches a token and connects. Owns all it needs, so that callers can be answered meanwhile.
    fn open(&self) -> impl Future<Output = (Option<String>, Result<Opened, DownReason>)> + use<> {
        let options = self.options.clone();
        let held = self.positions.held();
        let kept = self.token.clone();
        async move {
            let timeout = options.connect_timeout;
            let mut token = kept;
            let opening = async {
                if token.is_none() {
                    token = options.auth.clone().fetch().await.map_err(DownReason::NoToken)?;
                }
                let auth = hello(&options, &held, token.as_deref());
                let mut shown = hello(&options, &held, token.as_ref().map(|_| "…"));
                blot(&mut shown, &options.auth_data);
                options.target.clone().open(auth, shown).await
            };
            let opened = tokio::time::timeout(timeout, opening).await;
            let opened = opened.unwrap_or(Err(DownReason::HandshakeTimeout(timeout)));
            (token, opened)
        }
    }

    /// Waits for `future`, answers callers that there is no connection, and lets the consumer take what waits.
    async fn meanwhile<F: Future>(&mut self, future: F) -> Result<F::Output, Closing> {
        let mut future = pin!(future);
        loop {
            tokio::select! {
                output = &mut future => return Ok(output),
                command = self.commands.recv() => match command {
                    Some(Command::Close) | None => return Err(Closing),
                    Some(command) => self.refuse(command),
                },
                () = self.outbox.drain() => {}
            }
        }
    }

    fn refuse(&mut self, command: Command) {
        match command {
            Command::Emit { done, .. } => drop(done.send(Err(CallError::Disconnected))),
            Command::Call { done, .. } => drop(done.send(Err(CallError::Disconnected))),
            Command::Held(done) => drop(done.send(self.positions.held())),
            Command::Reading(on) => self.reading = on,
            Command::Confirming(on) => self.confirming = on,
            Command::Cut | Command::Close => {}
        }
    }

    /// Says it to the consumer and to whoever watches the state.
    pub(crate) fn tell(&mut self, state: State) {
        self.state.send_replace(state.clone());
        self.outbox.push(ClientEvent::State(state));
    }

    /// What reached the consumer becomes receipts.
    pub(crate) fn note_given(&mut self) {
        let now = Instant::now();
        for (conversation, seq) in self.outbox.take_given() {
            self.receipts.note(&conversation, seq, now);
        }
    }
}

/// The `auth` of CONNECT.
fn hello(options: &Options, held: &Held, token: Option<&str>) -> Value {
    let mut auth = options.auth_data.clone();
    if let Some(token) = token {
        auth.insert("token".into(), token.into());
    }
    if !held.seqs.is_empty() && !options.plain {
        // More than a user can be in would be refused as a whole.
        let seqs = held.seqs.iter().take(CONVERSATIONS_PER_USER_MAX);
        let resume: Map<String, Value> = seqs.map(|(id, seq)| (id.to_string(), json!(seq))).collect();
        auth.insert("resume".into(), resume.into());
    }
    if let Some(epoch) = held.epoch.as_ref().filter(|_| !options.plain) {
        auth.insert("epoch".into(), epoch.as_str().into());
    }
    if options.receipts != ReceiptMode::None {
        auth.insert("receipts".into(), true.into());
    }
    if let Some(name) = &options.client_name {
        auth.insert("client".into(), name.as_str().into());
    }
    auth.into()
}

/// The texts among the further fields may be secrets too.
fn blot(shown: &mut Value, further: &Map<String, Value>) {
    for name in further.keys() {
        if shown[name].is_string() {
            shown[name] = "…".into();
        }
    }
}

/// `receipt`'s payload for "received up to here".
pub(crate) fn received(conversation: &ConversationId, seq: Seq) -> Value {
    json!({ "conversation_id": conversation, "received": seq })
}
