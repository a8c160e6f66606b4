//! Carries effects out, beside the loop that draws: nothing here can make a key wait.

use rollcall_client::protocol::chat_core::ConversationId;
use rollcall_client::protocol::chat_core::ids::ClientMessageId;
use rollcall_client::protocol::request::SendMessage;
use rollcall_client::{CallError, Client};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::effect::{Effect, Reply};

/// Messages that wait to be sent, and answers that wait to be seen.
const QUEUE: usize = 256;

/// Runs effects; their tasks end with it.
pub(crate) struct Effects {
    client: Client,
    tasks: JoinSet<()>,
    sending: mpsc::Sender<SendMessage>,
    replies: mpsc::Sender<Reply>,
}

impl Effects {
    pub(crate) fn new(client: Client) -> (Self, mpsc::Receiver<Reply>) {
        let (replies, receiver) = mpsc::channel(QUEUE);
        let (sending, queue) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        tasks.spawn(send_in_order(client.clone(), queue, replies.clone()));
        let effects = Self {
            client,
            tasks,
            sending,
            replies,
        };
        (effects, receiver)
    }

    pub(crate) fn run(&mut self, effect: Effect) {
        while self.tasks.try_join_next().is_some() {}
        match effect {
            Effect::Send {
                conversation,
                id,
                content,
            } => self.send(conversation, id, content),
            other => {
                let work = carry_out(self.client.clone(), other);
                let replies = self.replies.clone();
                self.tasks.spawn(async move {
                    if let Some(reply) = work.await {
                        let _ = replies.send(reply).await;
                    }
                });
            }
        }
    }

    fn send(&mut self, conversation: ConversationId, id: ClientMessageId, content: String) {
        let message = SendMessage {
            conversation_id: conversation.clone(),
            content,
            client_message_id: Some(id.clone()),
            reply_to: None,
            sender_id: None,
        };
        if self.sending.try_send(message).is_err() {
            let replies = self.replies.clone();
            self.tasks.spawn(async move {
                let _ = replies
                    .send(Reply::Sent(conversation, id, Err(CallError::Overloaded)))
                    .await;
            });
        }
    }
}

/// One after the other: what was written first is to be saved first.
async fn send_in_order(client: Client, mut queue: mpsc::Receiver<SendMessage>, replies: mpsc::Sender<Reply>) {
    while let Some(message) = queue.recv().await {
        let conversation = message.conversation_id.clone();
        let id = message.client_message_id.clone().unwrap_or_else(Client::new_message_id);
        let sent = client.send_message(message).await.map(Box::new);
        if replies.send(Reply::Sent(conversation, id, sent)).await.is_err() {
            return;
        }
    }
}

async fn carry_out(client: Client, effect: Effect) -> Option<Reply> {
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
        // Courtesies: when they fail, the next one says it again.
        Effect::Typing(conversation, typing) => {
            let _ = client.typing(&conversation, typing).await;
            None
        }
        Effect::Read(conversation, seq) => {
            let _ = client.receipt(&conversation, None, Some(seq)).await;
            None
        }
        Effect::Reconnect => {
            client.cut().await;
            None
        }
        Effect::Send { .. } => None,
    }
}
