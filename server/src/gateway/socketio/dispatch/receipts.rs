//! Receipts as nearly all of them come: carried out where they are read.
//!
//! Of what clients send the most are receipts, each on a connection of its own that has said nothing for a while, so that what
//! they cost is mostly memory to be fetched. On the usual way that is a task's whole state; here it is what the receipt changes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chat_core::Seq;
use serde::Deserialize;

use super::{Gateway, Inbox};

/// The largest whole number that every client's language can say exactly, 2^53.
const PLAIN_MAX: u64 = 1 << 53;

/// A receipt that is nothing but an id and one or two whole numbers.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainReceipt<'a> {
    conversation_id: &'a str,
    received: Option<u64>,
    read: Option<u64>,
}

impl<'a> PlainReceipt<'a> {
    /// Reads an event's packet. `None`: it is no receipt, or one of which only a closer look tells what is meant or wrong.
    fn of_packet(text: &'a str) -> Option<Self> {
        let argument = text.strip_prefix(r#"["receipt","#)?.strip_suffix(']')?;
        // An array of three would be read as the three fields.
        if !argument.trim_start().starts_with('{') {
            return None;
        }
        let receipt: Self = serde_json::from_str(argument).ok()?;
        let mut seqs = receipt.received.iter().chain(&receipt.read).peekable();
        let is_plain = seqs.peek().is_some() && seqs.all(|seq| *seq <= PLAIN_MAX);
        is_plain.then_some(receipt)
    }
}

impl Gateway {
    /// Carries out the event in `text`, which asked for no answer, if it is a receipt for which nothing must be waited for. False:
    /// nothing was done, and it goes the usual way.
    pub(in crate::gateway) fn receipt_at_once(&self, inbox: &Inbox, text: &str) -> bool {
        let Some(receipt) = PlainReceipt::of_packet(text) else {
            return false;
        };
        // Whoever watches is shown it as it came, and what came before it is carried out first.
        let Some(socket) = inbox.idle_socket().filter(|_| !self.hub.tap().is_open()) else {
            return false;
        };
        let (received, read) = (receipt.received.map(Seq), receipt.read.map(Seq));
        let taken = catch_unwind(AssertUnwindSafe(|| {
            self.chat
                .receipt_at_once(&socket, receipt.conversation_id, received, read)
        }));
        let taken = taken.unwrap_or_else(|_| {
            tracing::error!(sid = %socket.sid, "a receipt met a defect of the server and was given up");
            true
        });
        if taken {
            self.metrics.received("receipt");
            socket.event_came();
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_mean_nothing_else_is_plain() {
        let plain = |received, read| {
            Some(PlainReceipt {
                conversation_id: "a",
                received,
                read,
            })
        };
        let packets = [
            (
                r#"["receipt",{"conversation_id":"a","received":3}]"#,
                plain(Some(3), None),
            ),
            (r#"["receipt", {"read":2,"conversation_id":"a"}]"#, plain(None, Some(2))),
            (
                r#"["receipt",{"conversation_id":"a","received":3,"read":null}]"#,
                plain(Some(3), None),
            ),
        ];
        for (packet, expected) in packets {
            assert_eq!(PlainReceipt::of_packet(packet), expected, "{packet}");
        }
        for other in [
            r#"["receipt",{"conversation_id":"a"}]"#,
            r#"["receipt",{"conversation_id":7,"received":3}]"#,
            r#"["receipt",{"conversation_id":"a","received":"3"}]"#,
            r#"["receipt",{"conversation_id":"a","received":-1}]"#,
            r#"["receipt",{"conversation_id":"a","received":3.5}]"#,
            r#"["receipt",{"conversation_id":"a","received":9007199254740993}]"#,
            r#"["receipt",{"conversation_id":"a","received":3,"more":1}]"#,
            r#"["receipt",{"conversation_id":"a","received":3,"received":4}]"#,
            r#"["receipt",{"conversation_id":"a","received":3},1]"#,
            r#"["receipt",{"conversation_id":"a\u0020","received":3}]"#,
            r#"["receipts",{"conversation_id":"a","received":3}]"#,
            r#"["receipt",["a",3,null]]"#,
            r#"["receipt",["a",3,4]]"#,
            r#"["receipt"]"#,
            r#"["receipt",]"#,
            "",
        ] {
            assert_eq!(PlainReceipt::of_packet(other), None, "{other}");
        }
    }
}
