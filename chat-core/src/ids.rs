//! Identifiers. Parsed at the edge, trusted inside.
//!
//! Every id on the wire is a string that matches `[A-Za-z0-9_.:-]{1,64}`. Each kind has a type of its own, so that a user
//! never ends up where a conversation belongs. Cloning one is a reference count.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest id that is accepted, in bytes (all its characters are ASCII).
pub const ID_LENGTH_MAX: usize = 64;

/// A string that is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to {ID_LENGTH_MAX} characters of A-Z a-z 0-9 _ . : -")]
pub struct InvalidId;

fn is_valid_id(text: &str) -> bool {
    (1..=ID_LENGTH_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-'))
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` against the shape of an id.
            pub fn parse(text: impl AsRef<str>) -> Result<Self, InvalidId> {
                let text = text.as_ref();
                if is_valid_id(text) { Ok(Self(Arc::from(text))) } else { Err(InvalidId) }
            }

            /// Does anybody else hold this copy of the id?
            pub fn is_shared(&self) -> bool {
                Arc::strong_count(&self.0) > 1
            }

            /// The id as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id_type! {
    /// A person or a program that has an account.
    UserId
}
id_type! {
    /// A lasting group of participants.
    ConversationId
}
id_type! {
    /// One message.
    MessageId
}
id_type! {
    /// The sender's own id of a message: what makes sending it idempotent, per sender and conversation.
    ClientMessageId
}
id_type! {
    /// One live connection in one namespace. Socket.IO calls it `sid`.
    Sid
}
id_type! {
    /// One server process.
    NodeId
}
id_type! {
    /// The identity of the database. It is new after a restore from backup, which tells clients that the seqs that
    /// they hold may no longer mean what they meant.
    Epoch
}

id_type! {
    /// One trace in the tracing backend that the operator runs: 32 hexadecimal digits.
    TraceId
}

/// A conversation's message number: 1, 2, 3 … without gaps, given when the message is committed. 0 means "none yet".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first message.
    pub const ZERO: Seq = Seq(0);

    /// The number after this one.
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The Socket.IO room of a conversation, in namespace `/`.
pub fn conversation_room(id: &ConversationId) -> String {
    format!("{CONVERSATION_ROOM_PREFIX}{id}")
}

/// The Socket.IO room that holds every socket of a user, in namespace `/`.
pub fn user_room(id: &UserId) -> String {
    format!("{USER_ROOM_PREFIX}{id}")
}

/// What a conversation's room name begins with.
pub const CONVERSATION_ROOM_PREFIX: &str = "conversation:";
/// What a user's room name begins with.
pub const USER_ROOM_PREFIX: &str = "user:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked_at_the_edge() {
        for good in [
            "a",
            "42",
            "-5",
            "0197c31f-0000-7000-8000-000000000000",
            "a_b.c:d-e",
            &"x".repeat(64),
        ] {
            assert!(UserId::parse(good).is_ok(), "{good} should be an id");
        }
        for bad in ["", " ", "a b", "ä", "a/b", "a\0", "<b>", &"x".repeat(65)] {
            assert!(UserId::parse(bad).is_err(), "{bad:?} should be refused");
        }
    }

    #[test]
    fn rooms_are_named_by_the_contract() {
        assert_eq!(
            conversation_room(&ConversationId::parse("42").unwrap()),
            "conversation:42"
        );
        assert_eq!(user_room(&UserId::parse("7").unwrap()), "user:7");
    }

    #[test]
    fn a_bad_id_in_json_is_an_error() {
        assert!(serde_json::from_str::<UserId>("\"a b\"").is_err());
        assert!(serde_json::from_str::<UserId>("42").is_err());
    }
}
