//! One connection's life: frames in, packets out, acknowledgements, heartbeat.
//!
//! One task does it all, and it waits for nothing but its `select!`: packets to write wait in a bounded queue, events for the
//! consumer in the [`Outbox`](crate::outbox::Outbox). So a server that does not read cannot stop the reading, and a consumer
//! that does not take events cannot stop the writing.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::SinkExt;
use futures_util::future::BoxFuture;
use rollcall_protocol::chat_core::{ConversationId, Sid};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as Frame, Utf8Bytes};

use crate::error::{CallError, DownReason};
use crate::event::ClientEvent;
use crate::limits::{IN_FLIGHT_MAX, OUTGOING_MAX};
use crate::link::{Command, Link, received};
use crate::transport::{Opened, Socket, closed};
use crate::wire::{self, Decoder, Incoming, Unreadable, preview};

mod inbound;
mod io;

use io::Io;

/// The connection is over.
pub(crate) struct Ended(pub(crate) DownReason);

/// Who waits for an acknowledgement.
enum Waiting {
    /// A caller; the event decides what else its answer means here.
    Caller {
        event: String,
        conversation: Option<ConversationId>,
        done: oneshot::Sender<Result<Value, CallError>>,
    },
    /// The filling of a gap.
    Fill(ConversationId),
}

/// A gap being filled.
struct Fill {
    ack: i64,
    attempts: u32,
    /// When the answer is given up.
    deadline: Instant,
}

pub(crate) struct Live<'a> {
    link: &'a mut Link,
    socket: Socket,
    decoder: Decoder,
    sid: Sid,
    /// What came before the answer to CONNECT.
    early: Vec<Incoming>,
    silence_max: Duration,
    /// When the server counts as gone.
    silent_at: Instant,
    /// That time has passed once; a frame that came just then gets its turn first.
    seems_silent: bool,
    outgoing: VecDeque<Frame>,
    unflushed: bool,
    waiting: HashMap<i64, Waiting>,
    next_ack: i64,
    fills: HashMap<ConversationId, Fill>,
    /// A fresh token on its way from the provider.
    fresh_token: Option<BoxFuture<'static, Result<Option<String>, String>>>,
}

impl<'a> Live<'a> {
    pub(crate) fn new(link: &'a mut Link, opened: Opened) -> Self {
        let silence_max = opened.open.silence_max();
        Self {
            link,
            socket: opened.socket,
            decoder: opened.decoder,
            sid: opened.sid,
            early: opened.early,
            silence_max,
            silent_at: Instant::now() + silence_max,
            seems_silent: false,
            outgoing: VecDeque::new(),
            unflushed: false,
            waiting: HashMap::new(),
            next_ack: 0,
            fills: HashMap::new(),
            fresh_token: None,
        }
    }

    /// Lives until the connection is over. Everybody who still waits is told.
    pub(crate) async fn run(mut self) -> Ended {
        for event in std::mem::take(&mut self.early) {
            // An event cannot end the connection.
            let _ = self.incoming(Ok(event), "an early event");
        }
        let reason = loop {
            if let Err(reason) = self.step().await {
                break reason;
            }
        };
        for (_, waiting) in self.waiting.drain() {
            if let Waiting::Caller { done, .. } = waiting {
                let _ = done.send(Err(CallError::Disconnected));
            }
        }
        if reason == DownReason::Closed {
            self.confirm_the_rest();
            self.say_goodbye().await;
        }
        Ended(reason)
    }

    async fn step(&mut self) -> Result<(), DownReason> {
        self.send_due();
        let reading = self.link.reading && self.link.outbox.is_empty();
        let writable = self.outgoing.len() < OUTGOING_MAX;
        let deadline = self.deadline(reading);
        tokio::select! {
            io = io::step(&mut self.socket, &mut self.outgoing, &mut self.unflushed, reading) => match io {
                Io::Frame(frame) => self.frame(frame)?,
                Io::Ended(reason) => return Err(reason),
            },
            () = self.link.outbox.drain() => {
                // What piled up while nobody read must not look like silence.
                self.silent_at = Instant::now() + self.silence_max;
            }
            command = self.link.commands.recv(), if writable => self.command(command)?,
            token = fetched(&mut self.fresh_token) => self.refresh_token(token),
            () = tokio::time::sleep_until(deadline) => self.overdue(reading)?,
        }
        self.link.note_given();
        Ok(())
    }

    /// When [`Self::overdue`] or [`Self::send_due`] has something to do.
    fn deadline(&self, reading: bool) -> Instant {
        let now = Instant::now();
        // While nothing is read, nobody can say that the server is silent.
        let silence = if reading {
            self.silent_at
        } else {
            now + self.silence_max
        };
        let receipts = self.link.receipts.deadline(now).filter(|_| self.link.confirming);
        let others = [self.link.positions.deadline(), receipts];
        let fills = self.fills.values().map(|fill| fill.deadline);
        others.into_iter().flatten().chain(fills).fold(silence, Instant::min)
    }

    fn overdue(&mut self, reading: bool) -> Result<(), DownReason> {
        let now = Instant::now();
        if reading && now >= self.silent_at {
            if self.seems_silent {
                return Err(DownReason::Silent(self.silence_max));
            }
            // After a suspend, the deadline and a waiting frame are there at the same time.
            self.seems_silent = true;
            self.silent_at = now + Duration::from_millis(50);
        }
        self.retry_fills(now)
    }

    /// Receipts and suspicions that are ripe.
    fn send_due(&mut self) {
        let now = Instant::now();
        if self.link.confirming {
            for (conversation, seq) in self.link.receipts.take(now) {
                self.emit("receipt", vec![received(&conversation, seq)], None);
            }
        }
        for gap in self.link.positions.due(now) {
            self.report_gap(gap);
        }
    }

    /// What the consumer was given and nobody would confirm any more.
    fn confirm_the_rest(&mut self) {
        self.link.note_given();
        if self.link.confirming {
            for (conversation, seq) in self.link.receipts.take_all() {
                self.emit("receipt", vec![received(&conversation, seq)], None);
            }
        }
    }

    fn command(&mut self, command: Option<Command>) -> Result<(), DownReason> {
        match command {
            Some(Command::Emit { event, args, done }) => {
                self.emit(&event, args, None);
                let _ = done.send(Ok(()));
            }
            Some(Command::Call { event, args, done }) => self.call(event, args, done),
            Some(Command::Reading(on)) => self.set_reading(on),
            Some(Command::Confirming(on)) => self.link.confirming = on,
            Some(Command::Held(done)) => drop(done.send(self.link.positions.held())),
            Some(Command::Cut) => return Err(DownReason::Cut),
            Some(Command::Close) | None => return Err(DownReason::Closed),
        }
        Ok(())
    }

    fn set_reading(&mut self, on: bool) {
        self.link.reading = on;
        // What piled up while nobody read must not look like silence.
        self.silent_at = Instant::now() + self.silence_max;
    }

    fn call(&mut self, event: String, args: Vec<Value>, done: oneshot::Sender<Result<Value, CallError>>) {
        if self.waiting.len() >= IN_FLIGHT_MAX {
            // Callers that gave up leave their place behind until the answer comes; make it free now.
            self.waiting.retain(|_, waiting| match waiting {
                Waiting::Caller { done, .. } => !done.is_closed(),
                Waiting::Fill(_) => true,
            });
            if self.waiting.len() >= IN_FLIGHT_MAX {
                let _ = done.send(Err(CallError::Overloaded));
                return;
            }
        }
        let conversation = args
            .first()
            .and_then(|data| data["conversation_id"].as_str())
            .and_then(|id| ConversationId::parse(id).ok());
        let ack = self.take_ack();
        self.emit(&event, args, Some(ack));
        self.waiting.insert(
            ack,
            Waiting::Caller {
                event,
                conversation,
                done,
            },
        );
    }

    fn take_ack(&mut self) -> i64 {
        let ack = self.next_ack;
        self.next_ack += 1;
        ack
    }

    fn emit(&mut self, event: &str, args: Vec<Value>, ack: Option<i64>) {
        let namespace = &self.link.options.target.namespace;
        let tap = &self.link.options.target.tap;
        if event == "refresh_token" && tap.is_on() {
            tap.outgoing(&wire::emit(namespace, event, vec![json!({ "token": "…" })], ack));
            let packet = wire::emit(namespace, event, args, ack);
            self.outgoing.push_back(Frame::text(packet));
            return;
        }
        let packet = wire::emit(namespace, event, args, ack);
        self.send(packet);
    }

    fn send(&mut self, packet: impl Into<Utf8Bytes>) {
        let packet = packet.into();
        self.link.options.target.tap.outgoing(&packet);
        self.outgoing.push_back(Frame::Text(packet));
    }

    fn refresh_token(&mut self, token: Result<Option<String>, String>) {
        self.fresh_token = None;
        match token {
            Ok(Some(token)) => {
                self.emit("refresh_token", vec![json!({ "token": token })], None);
                self.link.token = Some(token);
            }
            Ok(None) => {}
            // The connection ends when the old token does, and the next attempt asks again.
            Err(words) => tracing::warn!(words, "link.refresh_token"),
        }
    }

    fn frame(&mut self, frame: Frame) -> Result<(), DownReason> {
        self.silent_at = Instant::now() + self.silence_max;
        self.seems_silent = false;
        match frame {
            Frame::Text(text) => {
                self.link.options.target.tap.incoming(&text);
                let incoming = self.decoder.text(&text);
                self.incoming(incoming, &text)
            }
            Frame::Binary(data) => {
                let incoming = self.decoder.binary(&data);
                self.incoming(incoming, "a binary frame")
            }
            Frame::Close(frame) => Err(closed(frame.map(|f| (f.code.into(), f.reason)))),
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => Ok(()),
        }
    }

    fn incoming(&mut self, incoming: Result<Incoming, Unreadable>, text: &str) -> Result<(), DownReason> {
        match incoming {
            Ok(Incoming::Ping) => self.send(wire::PONG),
            Ok(Incoming::Event { name, args, ack }) => self.event(name, args, ack, text),
            Ok(Incoming::Ack { id, args }) => self.acknowledged(id, args),
            Ok(Incoming::Disconnected | Incoming::Close) => return Err(DownReason::DisconnectedByServer),
            // It was let in before, so this is not the last word on whether it may come in.
            Ok(Incoming::ConnectError(message)) => {
                return Err(DownReason::Lost(format!(
                    "refused after the handshake: {}",
                    preview(&message)
                )));
            }
            Ok(Incoming::Noop | Incoming::Partial) => {}
            Ok(Incoming::Open(_) | Incoming::Connected(_)) => {
                self.unreadable(Unreadable::new("a second handshake"), text);
            }
            Err(error) => self.unreadable(error, text),
        }
        Ok(())
    }

    fn unreadable(&mut self, error: Unreadable, text: &str) {
        self.link.outbox.push(ClientEvent::Undecodable {
            event: None,
            why: error.why,
            preview: preview(text),
        });
    }

    /// Tells the server, as far as that goes without waiting long.
    async fn say_goodbye(&mut self) {
        let goodbye = async {
            let namespace = &self.link.options.target.namespace;
            self.outgoing.push_back(Frame::text(wire::disconnect(namespace)));
            while let Some(frame) = self.outgoing.pop_front() {
                self.socket.send(frame).await?;
            }
            self.socket.close(None).await
        };
        let _: Result<Result<(), SocketError>, _> = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
    }
}

/// Waits for the provider; never ends while none is asked.
async fn fetched(
    fresh_token: &mut Option<BoxFuture<'static, Result<Option<String>, String>>>,
) -> Result<Option<String>, String> {
    match fresh_token {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
