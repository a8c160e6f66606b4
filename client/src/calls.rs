//! The handle: one method per event of the contract, and raw ones beside them.

use std::time::Duration;

use rollcall_protocol::chat_core::Message;
use rollcall_protocol::chat_core::ids::ClientMessageId;
use rollcall_protocol::chat_core::{ConversationId, MessageId, Seq, UserId};
use rollcall_protocol::reply::{
    Changed, Done, Joined, Left, Listed, Nothing, Refreshed, Refused, Sent, Synced, Whoami,
};
use rollcall_protocol::request::{CreateConversation, SendMessage};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use crate::builder::Builder;
use crate::error::CallError;
use crate::event::State;
use crate::link::Command;
use crate::positions::Held;

/// A connection that is kept, and what can be asked over it. Cheap to clone; the last one dropped closes it.
#[derive(Debug, Clone)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<State>,
    call_timeout: Duration,
}

/// `edit_message` and `delete_message`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Updated {
    message: Message,
}

impl Client {
    /// The way in: `http://host:port`, or `https`, `ws`, `wss`.
    pub fn builder(url: impl AsRef<str>) -> Builder {
        Builder::new(url.as_ref())
    }

    pub(crate) fn new(commands: mpsc::Sender<Command>, state: watch::Receiver<State>, call_timeout: Duration) -> Self {
        Self {
            commands,
            state,
            call_timeout,
        }
    }

    /// An id for a message that is about to be sent.
    pub fn new_message_id() -> ClientMessageId {
        let text = format!("{:032x}", rand::random::<u128>());
        ClientMessageId::parse(text).unwrap_or_else(|_| unreachable!("32 hexadecimal digits are an id"))
    }

    /// What the connection is now.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Waits for a state; `None` when the link ended before it came.
    pub async fn wait_for(&self, wanted: impl FnMut(&State) -> bool) -> Option<State> {
        let mut state = self.state.clone();
        state.wait_for(wanted).await.ok().map(|state| state.clone())
    }

    /// What has been given out of each conversation: for [`Builder::resume`] of a later client.
    pub async fn held(&self) -> Held {
        let (done, held) = oneshot::channel();
        if self.commands.send(Command::Held(done)).await.is_err() {
            return Held::default();
        }
        held.await.unwrap_or_default()
    }

    /// Drops the connection without a word, as a lost network does. It comes back after the first wait.
    pub async fn cut(&self) {
        let _ = self.commands.send(Command::Cut).await;
    }

    /// Stops reading from the socket, as a program that hangs does, or goes on. A fault, to see how it looks from both sides.
    pub async fn set_reading(&self, on: bool) {
        let _ = self.commands.send(Command::Reading(on)).await;
    }

    /// Keeps back the receipts that the client sends by itself, or sends them. A fault, too.
    pub async fn set_confirming(&self, on: bool) {
        let _ = self.commands.send(Command::Confirming(on)).await;
    }

    /// Takes leave of the server and ends; waits until it is done.
    pub async fn close(&self) {
        let _ = self.commands.send(Command::Close).await;
        self.commands.closed().await;
    }

    /// Emits an event without asking for an acknowledgement. `Value::Null` sends no argument.
    pub async fn emit(&self, event: &str, data: Value) -> Result<(), CallError> {
        self.emit_args(event, arguments(data)).await
    }

    /// Emits an event and waits for its acknowledgement's first argument, whatever it is. `Value::Null` sends no argument.
    pub async fn emit_with_ack(&self, event: &str, data: Value) -> Result<Value, CallError> {
        self.emit_args_with_ack(event, arguments(data)).await
    }

    /// Emits an event with any number of arguments, for servers whose events are not of the contract.
    pub async fn emit_args(&self, event: &str, args: Vec<Value>) -> Result<(), CallError> {
        let (done, written) = oneshot::channel();
        let event = event.to_owned();
        let command = Command::Emit { event, args, done };
        self.commands.send(command).await.map_err(|_| CallError::Disconnected)?;
        written.await.unwrap_or(Err(CallError::Disconnected))
    }

    /// The same, and waits for the acknowledgement's first argument.
    pub async fn emit_args_with_ack(&self, event: &str, args: Vec<Value>) -> Result<Value, CallError> {
        let (done, answer) = oneshot::channel();
        let event = event.to_owned();
        let asked = async {
            let command = Command::Call { event, args, done };
            self.commands.send(command).await.map_err(|_| CallError::Disconnected)?;
            answer.await.unwrap_or(Err(CallError::Disconnected))
        };
        let answered = timeout(self.call_timeout, asked).await;
        answered.unwrap_or(Err(CallError::Timeout(self.call_timeout)))
    }

    async fn call<T: DeserializeOwned>(&self, event: &str, data: Value) -> Result<T, CallError> {
        read_reply(self.emit_with_ack(event, data).await?)
    }

    /// Enters a conversation's room; with `after_seq`, brings what came after it.
    pub async fn join_conversation(&self, id: &ConversationId, after_seq: Option<Seq>) -> Result<Joined, CallError> {
        let data = json!({ "conversation_id": id, "after_seq": after_seq });
        self.call("join_conversation", data).await
    }

    /// Leaves the room: still a participant, but live messages stop.
    pub async fn leave_conversation(&self, id: &ConversationId) -> Result<Left, CallError> {
        self.call("leave_conversation", json!({ "conversation_id": id })).await
    }

    /// Mutes a conversation, or unmutes it, for all connections of this user.
    pub async fn mute_conversation(&self, id: &ConversationId, muted: bool) -> Result<Changed, CallError> {
        let data = json!({ "conversation_id": id, "muted": muted });
        self.call("mute_conversation", data).await
    }

    /// Sends text under a new id; see [`Client::send_message`].
    pub async fn send(&self, conversation: &ConversationId, content: impl Into<String>) -> Result<Sent, CallError> {
        let message = SendMessage {
            conversation_id: conversation.clone(),
            content: content.into(),
            client_message_id: None,
            reply_to: None,
            sender_id: None,
        };
        self.send_message(message).await
    }

    /// Sends a message exactly once: it gets an id if it has none, and when the connection is lost before the answer, it is
    /// sent again under the same id on the next one, as long as the call's timeout lasts. Without a connection it waits for
    /// one as long. After an error, sending the same `client_message_id` again is safe.
    pub async fn send_message(&self, message: SendMessage) -> Result<Sent, CallError> {
        let deadline = Instant::now() + self.call_timeout;
        let data = message_data(message);
        loop {
            let connected = timeout_at(deadline, self.wait_for(State::is_connected)).await;
            if connected.map_err(|_| CallError::Disconnected)?.is_none() {
                return Err(CallError::Disconnected);
            }
            match self.call("send_message", data.clone()).await {
                // Lost between the look at the state and the answer. The state is about to say so too, and must not be
                // looked at before.
                Err(CallError::Disconnected) if Instant::now() < deadline => tokio::task::yield_now().await,
                outcome => return outcome,
            }
        }
    }

    /// Says what was received and read.
    pub async fn receipt(
        &self,
        conversation: &ConversationId,
        received: Option<Seq>,
        read: Option<Seq>,
    ) -> Result<(), CallError> {
        let data = json!({ "conversation_id": conversation, "received": received, "read": read });
        self.call("receipt", data).await.map(|Nothing {}| ())
    }

    /// Typing began or ended.
    pub async fn typing(&self, conversation: &ConversationId, typing: bool) -> Result<(), CallError> {
        let data = json!({ "conversation_id": conversation, "typing": typing });
        self.call("typing", data).await.map(|Nothing {}| ())
    }

    /// A page of messages after a seq.
    pub async fn sync(
        &self,
        conversation: &ConversationId,
        after_seq: Seq,
        limit: Option<u32>,
    ) -> Result<Synced, CallError> {
        let data = json!({ "conversation_id": conversation, "after_seq": after_seq, "limit": limit });
        self.call("sync", data).await
    }

    /// Gives one's own message a new content.
    pub async fn edit_message(&self, id: &MessageId, content: &str) -> Result<Message, CallError> {
        let data = json!({ "message_id": id, "content": content });
        self.call("edit_message", data).await.map(|Updated { message }| message)
    }

    /// Deletes a message.
    pub async fn delete_message(&self, id: &MessageId) -> Result<Message, CallError> {
        let data = json!({ "message_id": id });
        self.call("delete_message", data)
            .await
            .map(|Updated { message }| message)
    }

    /// Every conversation of the user.
    pub async fn list_conversations(&self) -> Result<Listed, CallError> {
        self.call("list_conversations", json!({})).await
    }

    /// Begins a conversation; a direct one that exists is given.
    pub async fn create_conversation(&self, conversation: CreateConversation) -> Result<Changed, CallError> {
        let data = json!({
            "kind": conversation.kind, "title": conversation.title,
            "participant_ids": conversation.participant_ids, "id": conversation.id,
        });
        self.call("create_conversation", data).await
    }

    /// Adds people to a group.
    pub async fn add_participants(&self, id: &ConversationId, users: &[UserId]) -> Result<Changed, CallError> {
        let data = json!({ "conversation_id": id, "user_ids": users });
        self.call("add_participants", data).await
    }

    /// Removes somebody from a group.
    pub async fn remove_participant(&self, id: &ConversationId, user: &UserId) -> Result<Changed, CallError> {
        let data = json!({ "conversation_id": id, "user_id": user });
        self.call("remove_participant", data).await
    }

    /// What the server believes of this socket.
    pub async fn whoami(&self) -> Result<Whoami, CallError> {
        self.call("whoami", json!({})).await
    }

    /// Lets this socket live on under another token.
    pub async fn refresh_token(&self, token: &str) -> Result<Refreshed, CallError> {
        self.call("refresh_token", json!({ "token": token })).await
    }
}

fn arguments(data: Value) -> Vec<Value> {
    if data.is_null() { Vec::new() } else { vec![data] }
}

fn message_data(message: SendMessage) -> Value {
    let mut data = Map::new();
    data.insert("conversation_id".into(), json!(message.conversation_id));
    data.insert("content".into(), message.content.into());
    let id = message.client_message_id.unwrap_or_else(Client::new_message_id);
    data.insert("client_message_id".into(), json!(id));
    if let Some(reply_to) = message.reply_to {
        data.insert("reply_to".into(), json!(reply_to));
    }
    if let Some(sender) = message.sender_id {
        data.insert("sender_id".into(), json!(sender));
    }
    data.into()
}

/// `{ok: true, …}` or `{ok: false, error}`; anything else is no reply of the contract.
fn read_reply<T: DeserializeOwned>(answer: Value) -> Result<T, CallError> {
    let bad = |error: serde_json::Error| CallError::BadReply(error.to_string());
    match answer.get("ok").and_then(Value::as_bool) {
        Some(true) => serde_json::from_value(answer)
            .map(|Done { adds, .. }| adds)
            .map_err(bad),
        Some(false) => match serde_json::from_value::<Refused>(answer) {
            Ok(refused) => Err(CallError::Refused(refused.error)),
            Err(error) => Err(bad(error)),
        },
        None => Err(CallError::BadReply("no field \"ok\" with true or false".into())),
    }
}

#[cfg(test)]
mod tests {
    use rollcall_protocol::ErrorCode;

    use super::*;

    #[test]
    fn replies_are_done_refused_or_bad() {
        let synced: Synced = read_reply(json!({"ok": true, "messages": [], "more": false})).unwrap();
        assert!(!synced.more);
        let refused = read_reply::<Synced>(json!({"ok": false, "error": {"code": "not_found", "message": "m"}}));
        assert_eq!(refused.unwrap_err().code(), Some(ErrorCode::NotFound));
        for bad in [
            Value::Null,
            json!([]),
            json!({"ok": "true"}),
            json!({"ok": true}),
            json!({"ok": false}),
            json!({"ok": false, "error": {"code": "new_code", "message": ""}}),
        ] {
            assert!(matches!(read_reply::<Synced>(bad), Err(CallError::BadReply(_))));
        }
    }

    #[test]
    fn message_ids_are_ids_and_differ() {
        assert_ne!(Client::new_message_id(), Client::new_message_id());
    }
}
