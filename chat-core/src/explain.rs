//! From the evidence to the verdict: did this user get this message, and if not, why not?
//!
//! In: everything that is known of one message and one user ([`Evidence`]). Out: [`explain`], one verdict with the message's
//! way in eight steps and a remedy; [`status_of`], the same verdict socket by socket. Both judge by the same code. No I/O and
//! no clock: now is a part of the evidence. What is not known is said to be unknown, and is never turned into somebody's fault.
//!
//! # Precedence
//!
//! The first line that is true is the finding. "It" is the message; for one that would be sent now the lines about past
//! events do not apply, and "when it was saved" is now.
//!
//! | # | evidence | verdict | cause |
//! |---|---|---|---|
//! | 1 | the message was refused | missed | `not_saved` |
//! | 2 | its seq lies in none of the user's memberships: never in it, or left before (or before it could be handed over) | missed | `not_participant` |
//! | 3 | … or the first membership begins after it; a later cumulative receipt speaks only from there on | missed | `joined_later` |
//! | 4 | the read cursor of that membership covers it (read implies received) | read | |
//! | 5 | the received cursor, or any socket's receipt, covers it | delivered | |
//! | 6 | handed to a socket whose receipt is not due, or that gives none | sent | |
//! | 7 | certainly not broadcast, and handed to no socket | missed | `not_broadcast` |
//! | 8 | an open socket will get it: the message, the connection or the join is younger than 5 s, or it would be sent now | sent | |
//! | 9 | handed to a socket that promised receipts 45 s ago or earlier, and that lived on for so long | unconfirmed | `no_receipt` |
//! | 10 | a socket was not in the room, and the repair failed | missed | `not_in_room` |
//! | 11 | a socket's buffer is full, or it was closed as slow | missed | `buffer_full` |
//! | 12 | a socket died with its node before it confirmed | missed | `node_lost` |
//! | 13 | a socket ended before it confirmed, one of 5 within 60 s of which none lived 10 s (not by the server's own doing) | missed | `reconnect_loop` |
//! | 14 | a socket ended before it confirmed | missed | `disconnected_during` |
//! | 15 | a socket should have got it, and nothing says why it did not | missed | `unknown` |
//! | 16 | every socket had left by its own `leave_conversation` | missed | `left_before` |
//! | 17 | no socket, and the membership is not known, or the history knows of a connection of which nothing else is known | missed | `unknown` |
//! | 18 | no socket; the newest refused attempt asked for another namespace; no good connection since | missed | `wrong_namespace` |
//! | 19 | no socket; the newest attempt was refused; no good connection since (too many attempts: only if 20 is false) | missed | `handshake_rejected` |
//! | 20 | no socket; 5 connects within 60 s of which none lived 10 s (not by the server's own doing) | missed | `reconnect_loop` |
//! | 21 | no socket, and the records do not reach back without holes | missed | `unknown` |
//! | 22 | no socket; the last one died with its node less than 60 s before | missed | `node_lost` |
//! | 23 | no socket | offline | `offline` |
//!
//! Who left the conversation is judged as things stood then: they can no longer confirm, so nothing becomes `unconfirmed`
//! or `disconnected_during` by it.

mod assess;
pub mod connection;
pub mod evidence;
mod fate;
mod presence;
mod remedy;
mod steps;
mod summary;
pub mod verdict;
mod words;

use self::assess::Case;
pub use self::connection::{Connection, End, EndReason, NodeLoss, Rejected, RejectedReason};
pub use self::evidence::{
    Broadcast, BroadcastRecord, Confirmed, Cursors, Evidence, HandOver, HandOverError, LaneRange, Left, Membership,
    Person, Refusal, SavedMessage, SocketEvidence, Subject,
};
pub use self::verdict::{
    Cause, Explanation, ParticipantDelivery, Path, SocketDelivery, Status, Step, StepName, StepStatus,
};

/// What became of the message for this user, step by step, and what to do.
pub fn explain(evidence: &Evidence) -> Explanation {
    let case = Case::of(evidence);
    let (verdict, cause) = case.finding.verdict();
    Explanation {
        verdict,
        cause,
        summary: case.summary(),
        steps: case.steps(),
        remedy: case.remedy(),
        trace_id: evidence.trace_id().cloned(),
    }
}

/// What became of the message for this user, socket by socket.
pub fn status_of(evidence: &Evidence) -> ParticipantDelivery {
    let case = Case::of(evidence);
    let (status, cause) = case.finding.verdict();
    ParticipantDelivery {
        status,
        cause,
        sockets: case.meant().map(|judged| judged.delivery(&case.moment)).collect(),
    }
}

#[cfg(test)]
mod tests;
