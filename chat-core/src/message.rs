//! Messages, before and after they are committed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::ClientMessageId;
use crate::{ConversationId, MessageId, Seq, Timestamp, UserId};

/// A committed message, as it stands on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Lasting id, made by the server.
    pub id: MessageId,
    /// Where it was said.
    pub conversation_id: ConversationId,
    /// Its number in the conversation.
    pub seq: Seq,
    /// Who said it.
    pub sender_id: UserId,
    /// The sender's display name as it is now.
    pub sender_name: Arc<str>,
    /// The text, byte for byte; empty once deleted.
    pub content: Arc<str>,
    /// When it was committed.
    pub created_at: Timestamp,
    /// The sender's own id of it.
    pub client_message_id: Option<ClientMessageId>,
    /// The message that it answers, of the same conversation.
    pub reply_to: Option<MessageId>,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// A message that has passed the rules and waits to be committed. The store gives it its `seq`.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Made by the server's id source.
    pub id: MessageId,
    /// Where it is said.
    pub conversation_id: ConversationId,
    /// Who says it.
    pub sender_id: UserId,
    /// The text.
    pub content: Arc<str>,
    /// The sender's own id, if they gave one: repeats return the first message.
    pub client_message_id: Option<ClientMessageId>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// The server's clock when it was accepted; becomes `created_at`.
    pub at: Timestamp,
}

impl Draft {
    /// The message that it becomes when it is saved as number `seq` of its conversation.
    pub fn saved_as(&self, seq: Seq, sender_name: Arc<str>) -> Message {
        Message {
            id: self.id.clone(),
            conversation_id: self.conversation_id.clone(),
            seq,
            sender_id: self.sender_id.clone(),
            sender_name,
            content: self.content.clone(),
            created_at: self.at,
            client_message_id: self.client_message_id.clone(),
            reply_to: self.reply_to.clone(),
            edited_at: None,
            deleted_at: None,
        }
    }
}

/// Why a content was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentRefused {
    /// Nothing to read.
    #[error("content is empty or only white space")]
    Blank,
    /// Longer than the server takes.
    #[error("content is {bytes} bytes of UTF-8, at most {bytes_max} are taken")]
    TooLarge {
        /// As it came.
        bytes: usize,
        /// As configured.
        bytes_max: usize,
    },
}

/// Checks that `content` can be sent. It is never changed: NUL, zero-width and right-to-left text included.
pub fn check_content(content: &str, bytes_max: usize) -> Result<(), ContentRefused> {
    if content.len() > bytes_max {
        return Err(ContentRefused::TooLarge {
            bytes: content.len(),
            bytes_max,
        });
    }
    if content.trim().is_empty() {
        Err(ContentRefused::Blank)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_bounded_in_bytes_and_never_blank() {
        assert_eq!(check_content("hello", 5), Ok(()));
        assert_eq!(
            check_content("hällo", 5),
            Err(ContentRefused::TooLarge { bytes: 6, bytes_max: 5 })
        );
        assert_eq!(check_content("", 5), Err(ContentRefused::Blank));
        assert_eq!(check_content(" \n\t", 5), Err(ContentRefused::Blank));
        assert_eq!(check_content("\0", 5), Ok(()));
        assert_eq!(check_content("\u{200b}", 5), Ok(()));
    }
}
