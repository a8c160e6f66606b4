//! Carries out the events of one socket, one after the other.
//!
//! Messages are the exception that is none: several of them may wait for their commit at the same time, but each is queued
//! with the store before the next event is looked at, so their order stands, and any other event waits until they are
//! through.

mod conversations;
mod receipts;

use std::sync::Arc;

use chat_core::Sid;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use rollcall_protocol::reply::{Done, Left, Nothing, Refreshed, Refused, Sent};
use rollcall_protocol::request::SendMessage;
use rollcall_protocol::{ErrorCode, Request, WireError};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Gateway;
use super::inbox::{Inbox, Put};
use super::packet::{Answer, RawEvent, ReadEvent, too_many_waiting};
use crate::chat::Actor;
use crate::chat::directory::Unchanging;
use crate::hub::{CloseReason, LiveSocket};
use crate::limits::SENDS_IN_FLIGHT_MAX;
use crate::telemetry::labels::Limit;
use crate::telemetry::traces::Step;

/// Messages that are queued with the store and not answered yet.
#[derive(Default)]
struct InFlight {
    flights: FuturesUnordered<BoxFuture<'static, ()>>,
    /// Ends when the newest of them was answered.
    newest: Option<oneshot::Receiver<()>>,
}

impl InFlight {
    /// What the next one waits for before it is answered, and what it drops when it was.
    fn line_up(&mut self) -> (Option<oneshot::Receiver<()>>, oneshot::Sender<()>) {
        let (answered, is_answered) = oneshot::channel();
        (self.newest.replace(is_answered), answered)
    }

    /// Waits for one of them; `None` when there is none.
    async fn next(&mut self) -> Option<()> {
        self.flights.next().await
    }
}

/// What is to be done about an event that came.
pub(in crate::gateway) enum Received {
    /// Nothing: it waits for its turn, or its connection is gone.
    Waits,
    /// Run the inbox.
    Run,
    /// There was no room for it: say so.
    Refused(Flood),
    /// Nor for saying so.
    Flooded(Answer),
}

/// An event too many; without its data, of which there may be much.
pub(in crate::gateway) struct Flood {
    name: String,
    answer: Answer,
    error: WireError,
    place: OwnedSemaphorePermit,
}

impl Flood {
    fn of(event: RawEvent, error: WireError, place: OwnedSemaphorePermit) -> Self {
        // Whoever asked for an acknowledgement knows which event it was.
        let (name, answer) = if event.answer.is_wanted() {
            (String::new(), event.answer)
        } else {
            let read = event.read();
            (read.name, read.answer)
        };
        Self {
            name,
            answer,
            error,
            place,
        }
    }
}

/// One event being carried out.
struct Turn {
    socket: Arc<LiveSocket>,
    name: String,
    answer: Answer,
}

impl Gateway {
    /// Puts an event into its inbox.
    pub(in crate::gateway) fn receive(&self, inbox: &Inbox, mut event: RawEvent) -> Received {
        event.arrived = self.tracer.arrival();
        match inbox.put(event) {
            Put::Waits | Put::Closed => Received::Waits,
            Put::Run => Received::Run,
            Put::Full(event) => {
                let error = too_many_waiting();
                self.count_error(&error);
                self.metrics.rate_limited.increment(Limit::Other);
                self.show(inbox, &event);
                match inbox.refusal() {
                    Some(place) => Received::Refused(Flood::of(event, error, place)),
                    None => Received::Flooded(event.answer),
                }
            }
        }
    }

    /// Shows an event that is not carried out to whoever watches the traffic.
    fn show(&self, inbox: &Inbox, event: &RawEvent) {
        let tap = self.hub.tap();
        if tap.is_open()
            && let Some(socket) = inbox.socket()
        {
            let (name, data) = event.look();
            tap.came_in(&socket, &name, event.bytes(), data.as_ref().ok());
        }
    }

    /// Plain WebSockets are programs that people write themselves: one that is refused a hundred times in ten seconds is told to
    /// stop, and its author reads why.
    fn note_refusal(&self, socket: &LiveSocket) {
        socket.event_refused();
        if socket.plain().is_some_and(|plain| plain.refused()) {
            tracing::info!(sid = %socket.sid, user.id = %socket.user_id(), "closed: too many of its events were refused");
            self.hub.disconnect(socket, CloseReason::Flood);
        }
    }

    /// What follows, outside the order.
    pub(in crate::gateway) async fn received(self: &Arc<Self>, inbox: &Inbox, received: Received) {
        match received {
            Received::Waits => {}
            Received::Run => self.run_inbox(inbox).await,
            Received::Refused(flood) => self.refuse_flood(inbox, flood).await,
            // It reads none of what it is told, and sends on.
            Received::Flooded(answer) => {
                tracing::warn!(sid = %answer.sid(), "closed: it sends without end and does not read that it is refused");
                match inbox.socket() {
                    Some(socket) => self.hub.disconnect(&socket, CloseReason::Slow),
                    None => answer.disconnect(),
                }
            }
        }
    }

    /// Tells of one event too many, as soon as the client has room for it.
    async fn refuse_flood(&self, inbox: &Inbox, flood: Flood) {
        let Flood {
            name,
            answer,
            error,
            place,
        } = flood;
        if let Some(socket) = inbox.socket() {
            socket.event_came();
            self.note_refusal(&socket);
        }
        if answer.is_wanted() {
            if !answer.send(&Refused::new(error)).await
                && let Some(socket) = inbox.socket()
            {
                self.hub.disconnect(&socket, CloseReason::Slow);
            }
        } else if let Some(socket) = inbox.socket() {
            self.chat.say_error(&socket, &name, error).await;
        }
        drop(place);
    }

    /// Carries out what waits in the inbox until nothing does.
    pub(in crate::gateway) async fn run_inbox(self: &Arc<Self>, inbox: &Inbox) {
        let mut in_flight = InFlight::default();
        loop {
            if let Some((socket, event)) = inbox.take() {
                let sid = socket.sid.clone();
                survive("an event", &sid, self.carry_out(socket, event, &mut in_flight)).await;
            } else if in_flight.flights.is_empty() {
                if inbox.stop() {
                    return;
                }
            } else {
                tokio::select! {
                    _ = in_flight.next() => {}
                    () = inbox.came() => {}
                }
            }
        }
    }

    async fn carry_out(self: &Arc<Self>, socket: Arc<LiveSocket>, event: RawEvent, in_flight: &mut InFlight) {
        let (bytes, arrived) = (event.bytes(), event.arrived);
        let ReadEvent { name, data, answer } = event.read();
        self.metrics.received(&name);
        socket.event_came();
        self.hub.tap().came_in(&socket, &name, bytes, data.as_ref().ok());
        let turn = Turn { socket, name, answer };
        let decoded = data.and_then(|data| Request::decode(&turn.name, data));
        let request = match decoded {
            Ok(decoded) => {
                self.metrics.coerced_ids.increment(u64::from(decoded.coerced_ids));
                decoded.value
            }
            // In its place in the order, too.
            Err(error) => {
                while in_flight.next().await.is_some() {}
                return self.refuse(&turn, error).await;
            }
        };
        match request {
            Request::SendMessage(send) => self.queue(turn, send, arrived, in_flight).await,
            other => {
                while in_flight.next().await.is_some() {}
                self.act(&turn, other).await;
            }
        }
    }

    /// Queues a message with the store, and leaves the rest of its way to the flight.
    async fn queue(
        self: &Arc<Self>,
        turn: Turn,
        send: SendMessage,
        arrived: Option<Instant>,
        in_flight: &mut InFlight,
    ) {
        while in_flight.flights.len() >= SENDS_IN_FLIGHT_MAX {
            in_flight.next().await;
        }
        let mut way = self.tracer.message(arrived);
        let actor = Actor::of_socket(&turn.socket);
        way.sender(actor.id(), actor.via, Some(&turn.socket.sid));
        way.through(Step::Receive);
        let span = way.log_span();
        let prepared = match self.chat.prepare(&actor, send, way).instrument(span.clone()).await {
            Ok(prepared) => prepared,
            Err(error) => {
                while in_flight.next().await.is_some() {}
                return self.refuse(&turn, error).instrument(span).await;
            }
        };
        // Waited for here: its place in the queue is behind the one before it.
        let queued = self.chat.queue(prepared).instrument(span.clone()).await;
        let (gateway, sid) = (Arc::clone(self), turn.socket.sid.clone());
        let (before, answered) = in_flight.line_up();
        let flight = async move {
            let sent = gateway.chat.settle(queued).await;
            // Of two conversations the second may be through first, and a refusal before anything that is announced.
            if let Some(before) = before {
                let _answered = before.await;
            }
            gateway.answer::<Sent>(&turn, sent).await;
            drop(answered);
        };
        let flight = async move { survive("settling a message", &sid, flight).await };
        in_flight.flights.push(flight.instrument(span).boxed());
    }

    async fn act(self: &Arc<Self>, turn: &Turn, request: Request) {
        let (chat, socket) = (&self.chat, &turn.socket);
        // By far the most of what comes; whose it is, is all that it needs to know.
        if let Request::Receipt(receipt) = request {
            let taken = chat.receipt(socket, receipt).await;
            return self.answer(turn, taken.map(|()| Nothing {})).await;
        }
        let actor = &Actor::of_socket(socket);
        match request {
            Request::JoinConversation(join) => match chat.join_conversation(actor, socket, join).await {
                // The hold ends when the acknowledgement is out: live messages come behind it.
                Ok((joined, _hold, unchanging)) => {
                    self.reply_before_changes(turn, &Done::new(joined), unchanging).await;
                }
                Err(error) => self.refuse(turn, error).await,
            },
            Request::LeaveConversation(id) => match chat.leave_conversation(actor, socket, &id).await {
                Ok((left, unchanging)) => {
                    self.reply_before_changes(turn, &Done::<Left>::new(left), unchanging)
                        .await;
                }
                Err(error) => self.refuse(turn, error).await,
            },
            Request::Typing(typing) => {
                let typed = chat.typing(actor, socket, typing).await;
                self.answer(turn, typed.map(|()| Nothing {})).await;
            }
            Request::Sync(sync) => self.answer(turn, chat.sync(actor, sync).await).await,
            Request::Whoami => self.answer(turn, chat.whoami(actor, socket).await).await,
            Request::RefreshToken(token) => self.answer(turn, self.refresh(socket, &token).await).await,
            other => self.act_on_conversations(turn, actor, other).await,
        }
    }

    async fn refresh(&self, socket: &LiveSocket, token: &str) -> Result<Refreshed, WireError> {
        let identity = self.authority.authenticate(token).await?;
        let expires_at = self.chat.refresh(socket, &identity)?;
        Ok(Refreshed { expires_at })
    }

    async fn answer<T: Serialize>(&self, turn: &Turn, result: Result<T, WireError>) {
        match result {
            Ok(adds) => self.reply(turn, &Done::new(adds)).await,
            Err(error) => self.refuse(turn, error).await,
        }
    }

    /// Sends an acknowledgement. A client that takes none for too long is closed, since one that is dropped would be a silence.
    async fn reply<T: Serialize>(&self, turn: &Turn, answer: &T) {
        if !turn.answer.send(answer).await && turn.socket.is_connected() {
            self.hub.disconnect(&turn.socket, CloseReason::Slow);
        }
    }

    /// The same before any change of the participants, unless the client has no room for it: nobody waits for one that does not read.
    async fn reply_before_changes<T: Serialize>(&self, turn: &Turn, answer: &T, unchanging: Unchanging) {
        let said = turn.answer.try_send(answer).is_ok();
        drop(unchanging);
        if !said {
            self.reply(turn, answer).await;
        }
    }

    /// Answers with a failure; without a callback it arrives as event `error`.
    async fn refuse(&self, turn: &Turn, error: WireError) {
        self.count_error(&error);
        // The code only: what the client is told quotes what it sent, and that may be what somebody wrote.
        let (sid, code) = (&turn.socket.sid, error.code.as_str());
        if matches!(error.code, ErrorCode::StorageUnavailable | ErrorCode::Internal) {
            tracing::warn!(%sid, user.id = %turn.socket.user_id(), event = ?turn.name, code, "an event failed on our side");
        } else {
            tracing::debug!(%sid, event = ?turn.name, code, "an event was refused");
        }
        self.note_refusal(&turn.socket);
        if turn.answer.is_wanted() {
            self.reply(turn, &Refused::new(error)).await;
        } else {
            self.chat.say_error(&turn.socket, &turn.name, error).await;
        }
    }
}

/// Carries on after a defect: a panic must cost the one event that met it, and not make its socket mute for ever.
async fn survive(what: &str, sid: &Sid, task: impl Future<Output = ()>) {
    if std::panic::AssertUnwindSafe(task).catch_unwind().await.is_err() {
        tracing::error!(%sid, "{what} met a defect of the server and was given up");
    }
}
