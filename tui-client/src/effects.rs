//! Carries effects out, beside the loop that draws: nothing here can make a key wait.

use rollcall_client::protocol::chat_core::ConversationId;
use rollcall_client::protocol::chat_core::ids::ClientMessageId;
use rollcall_client::protocol::request::SendMessage;
use rollcall_client::{CallError, Client};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::effect::{Effect, Reply};
use crate::model::looking::Fault;
use crate::sign_in::Identity;
use crate::site::Site;

/// Messages that wait to be sent, and answers that wait to be seen.
const QUEUE: usize = 256;

/// Whose answer it is, and the answer.
pub(crate) type Answer = (usize, Reply);

/// Runs effects; their tasks end with it.
pub(crate) struct Effects {
    asker: Asker,
    tasks: JoinSet<()>,
    sending: mpsc::Sender<SendMessage>,
    replies: mpsc::Sender<Answer>,
    seat: usize,
}

/// What a task needs to ask.
#[derive(Clone)]
struct Asker {
    client: Client,
    site: Site,
    identity: Identity,
}

impl Effects {
    pub(crate) fn new(
        seat: usize,
        client: Client,
        site: Site,
        identity: Identity,
        replies: mpsc::Sender<Answer>,
    ) -> Self {
        let (sending, queue) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        tasks.spawn(send_in_order(seat, client.clone(), queue, replies.clone()));
        Self {
            asker: Asker { client, site, identity },
            tasks,
            sending,
            replies,
            seat,
        }
    }

    /// Answers that are kept for the loop.
    pub(crate) fn replies() -> (mpsc::Sender<Answer>, mpsc::Receiver<Answer>) {
        mpsc::channel(QUEUE)
    }

    pub(crate) fn run(&mut self, effect: Effect) {
        while self.tasks.try_join_next().is_some() {}
        match effect {
            Effect::Send {
                conversation,
                id,
                content,
                reply_to,
            } => {
                let message = SendMessage {
                    conversation_id: conversation,
                    content,
                    client_message_id: Some(id),
                    reply_to,
                    sender_id: None,
                };
                self.send(message);
            }
            other => {
                let work = self.asker.clone().carry_out(other);
                let (seat, replies) = (self.seat, self.replies.clone());
                self.tasks.spawn(async move {
                    if let Some(reply) = work.await {
                        let _ = replies.send((seat, reply)).await;
                    }
                });
            }
        }
    }

    fn send(&mut self, message: SendMessage) {
        let (conversation, id) = name(&message);
        if self.sending.try_send(message).is_err() {
            let (seat, replies) = (self.seat, self.replies.clone());
            self.tasks.spawn(async move {
                let reply = Reply::Sent(conversation, id, Err(CallError::Overloaded));
                let _ = replies.send((seat, reply)).await;
            });
        }
    }
}

fn name(message: &SendMessage) -> (ConversationId, ClientMessageId) {
    let id = message.client_message_id.clone().unwrap_or_else(Client::new_message_id);
    (message.conversation_id.clone(), id)
}

/// One after the other: what was written first is to be saved first.
async fn send_in_order(
    seat: usize,
    client: Client,
    mut queue: mpsc::Receiver<SendMessage>,
    replies: mpsc::Sender<Answer>,
) {
    while let Some(message) = queue.recv().await {
        let (conversation, id) = name(&message);
        let sent = client.send_message(message).await.map(Box::new);
        if replies.send((seat, Reply::Sent(conversation, id, sent))).await.is_err() {
            return;
        }
    }
}

impl Asker {
    async fn carry_out(self, effect: Effect) -> Option<Reply> {
        let client = &self.client;
        match effect {
            Effect::Join(id) => {
                let joined = client.join_conversation(&id, None).await;
                Some(Reply::Joined(id, joined))
            }
            Effect::Fetch {
                conversation,
                after,
                limit,
            } => {
                let page = client.sync(&conversation, after, Some(limit)).await;
                Some(Reply::Fetched(conversation, page))
            }
            Effect::Edit(id, content) => Some(Reply::Edited(client.edit_message(&id, &content).await.map(Box::new))),
            Effect::Delete(id) => Some(Reply::Edited(client.delete_message(&id).await.map(Box::new))),
            // Courtesies: when they fail, the next one says it again.
            Effect::Typing(conversation, typing) => {
                let _ = client.typing(&conversation, typing).await;
                None
            }
            Effect::Read(conversation, seq) => {
                let _ = client.receipt(&conversation, None, Some(seq)).await;
                None
            }
            Effect::Mute(id, muted) => Some(Reply::Did(match client.mute_conversation(&id, muted).await {
                Ok(_) if muted => "muted on all your devices; :unmute ends it".to_owned(),
                Ok(_) => "not muted any more".to_owned(),
                Err(error) => format!("not changed: {error}"),
            })),
            Effect::Reconnect => {
                client.cut().await;
                None
            }
            Effect::Whoami => Some(Reply::Whoami(client.whoami().await.map(Box::new))),
            Effect::Delivery(id) => {
                let told = self.delivery(id.as_str()).await.map(Box::new);
                Some(Reply::Delivery(id, told))
            }
            Effect::Explain { message, user } => {
                let query = [("message_id", message.as_str()), ("user_id", user.as_str())];
                let told = self.site.admin(&["explain"], &query).await;
                Some(Reply::Explained(
                    told.map(Box::new).map_err(|error| format!("{error:#}")),
                ))
            }
            Effect::Probe(room) => Some(Reply::Did(self.probe(&room).await)),
            Effect::Fault(fault, conversation) => Some(Reply::Did(self.fault(fault, conversation).await)),
            Effect::Send { .. } | Effect::Mouse(_) => None,
        }
    }

    /// As its sender, else as an admin.
    async fn delivery(&self, message: &str) -> Result<Value, String> {
        let token = self.identity.token.get();
        let own = self
            .site
            .api(token.as_deref(), &["messages", message, "delivery"], &[])
            .await;
        match own {
            Ok(told) => Ok(told),
            Err(refused) => {
                let told = self.site.admin(&["messages", message, "delivery"], &[]).await;
                told.map_err(|_| format!("{refused:#}"))
            }
        }
    }

    async fn probe(&self, room: &str) -> String {
        match self.site.admin_post(&["probe"], &json!({"room": room})).await {
            Err(error) => format!("■ no probe: {error:#}"),
            Ok(answer) => {
                let results = answer["results"].as_array().map(Vec::as_slice).unwrap_or_default();
                let answered = results.iter().filter(|result| result["result"] == "answered").count();
                format!("probe: {answered} of {} sockets answered", results.len())
            }
        }
    }

    async fn fault(&self, fault: Fault, conversation: Option<ConversationId>) -> String {
        let client = &self.client;
        match (fault, conversation) {
            (Fault::Cut, _) => {
                client.cut().await;
                "the link was dropped without a word".into()
            }
            (Fault::Reading(on), _) => {
                client.set_reading(on).await;
                if on {
                    "reading again"
                } else {
                    "nothing is read any more: the server's buffer fills"
                }
                .into()
            }
            (Fault::Confirming(on), _) => {
                client.set_confirming(on).await;
                if on {
                    "confirming again"
                } else {
                    "nothing is confirmed any more: watch the retries"
                }
                .into()
            }
            (Fault::Leave, Some(conversation)) => match client.leave_conversation(&conversation).await {
                Ok(left) => format!("left {}: nothing comes live", left.room),
                Err(error) => format!("could not leave: {error}"),
            },
            (Fault::WrongPath, _) => {
                self.elsewhere("path /wrong.io/", |builder| builder.path("/wrong.io/"))
                    .await
            }
            (Fault::WrongNamespace, _) => {
                self.elsewhere("namespace /wrong", |builder| builder.namespace("/wrong"))
                    .await
            }
            (Fault::NumericId, _) => {
                let data = json!({"conversation_id": 42, "content": "a numeric id"});
                match client.emit_with_ack("send_message", data).await {
                    Ok(answer) => format!("the server to a numeric id: {answer}"),
                    Err(error) => format!("the server to a numeric id: {error}"),
                }
            }
            (Fault::Leave, None) => "no conversation is open".into(),
        }
    }

    /// A second connection that misses, beside the good one.
    async fn elsewhere(
        &self,
        what: &str,
        wrong: impl FnOnce(rollcall_client::Builder) -> rollcall_client::Builder,
    ) -> String {
        match wrong(self.site.builder(Some(&self.identity))).connect().await {
            Ok((client, _)) => {
                client.close().await;
                format!("{what}: let in, which is a surprise")
            }
            Err(reason) => format!("{what}: {reason}"),
        }
    }
}
