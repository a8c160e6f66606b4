//! What is looked at besides the conversation.

use rollcall_client::protocol::chat_core::{MessageId, Seq};
use rollcall_client::protocol::reply::Whoami;
use serde_json::Value;

/// What fills the pane beside the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Screen {
    #[default]
    Chat,
    Roll,
    Wire,
    Whoami,
    Delivery,
}

impl Screen {
    pub(crate) const ALL: [Screen; 5] = [
        Screen::Chat,
        Screen::Roll,
        Screen::Wire,
        Screen::Whoami,
        Screen::Delivery,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Screen::Chat => "chat",
            Screen::Roll => "roll",
            Screen::Wire => "wire",
            Screen::Whoami => "whoami",
            Screen::Delivery => "delivery",
        }
    }
}

/// Something over everything else.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Popup {
    Faults,
    /// Why a cell is as it is: what was seen here, and what the server says, once it has.
    Why {
        seen: Vec<String>,
        server: Option<Told>,
    },
}

/// What the server's own API said, or why it did not.
pub(crate) type Told = Result<Box<Value>, String>;

/// What came of questions.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Looking {
    pub(crate) whoami: Option<Result<Box<Whoami>, String>>,
    /// Of which message, and what the ledger said, once it has.
    pub(crate) delivery: Option<(MessageId, Option<Told>)>,
    pub(crate) scrolled: usize,
}

/// What the composer's text will become.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Draft {
    #[default]
    New,
    Reply(Seq, MessageId),
    Edit(Seq, MessageId),
}

/// Faults that last until they are taken back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FaultsOn {
    pub(crate) not_reading: bool,
    pub(crate) not_confirming: bool,
}

/// What can be made to go wrong, to see how it looks from both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Cut,
    Reading(bool),
    Confirming(bool),
    Leave,
    WrongPath,
    WrongNamespace,
    NumericId,
}
