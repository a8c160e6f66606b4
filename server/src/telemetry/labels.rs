//! Every label and every value it can have. The words are the contract's.

use metrics::Label as Pair;

use super::label::{Label, LabelDef, LabelSet, Labelled, labels};

labels! {
    /// A Socket.IO namespace that exists.
    Namespace as "namespace" {
        Chat = "/",
        Admin = "/admin",
    }
    /// How a connection is carried at the moment.
    Transport as "transport" {
        Polling = "polling",
        WebSocket = "websocket",
        PlainWebSocket = "plain-websocket",
    }
    /// Why a connection ended.
    DisconnectReason as "reason" {
        Client = "client",
        TransportClose = "transport_close",
        TransportError = "transport_error",
        PingTimeout = "ping_timeout",
        Slow = "slow",
        Token = "token",
        Admin = "admin",
        Shutdown = "shutdown",
        Protocol = "protocol",
    }
    /// What became of a request of the webhook.
    WebhookResult as "result" {
        Delivered = "delivered",
        Retried = "retried",
        Failed = "failed",
    }
    /// What became of a span.
    SpanResult as "result" {
        Exported = "exported",
        Failed = "failed",
        Dropped = "dropped",
    }
    /// Why a connection was refused.
    RejectReason as "reason" {
        Token = "token",
        Origin = "origin",
        Path = "path",
        Protocol = "protocol",
        Namespace = "namespace",
        Rate = "rate",
    }
    /// What became of a wish to join a conversation's room.
    JoinResult as "result" {
        Verified = "verified",
        Refused = "refused",
        Failed = "failed",
    }
    /// The way a message came in.
    Via as "via" {
        SocketIo = "socketio",
        WebSocket = "websocket",
        Rest = "rest",
        Service = "service",
    }
    /// What became of a message that came in.
    MessageResult as "result" {
        Saved = "saved",
        Duplicate = "duplicate",
        Rejected = "rejected",
        Failed = "failed",
    }
    /// What became of a message at one socket (`offline`: at one participant).
    DeliveryOutcome as "outcome" {
        HandedOff = "handed_off",
        Confirmed = "confirmed",
        Resumed = "resumed",
        Retried = "retried",
        Repaired = "repaired",
        Lagging = "lagging",
        Failed = "failed",
        Unconfirmed = "unconfirmed",
        Offline = "offline",
    }
    /// How the attempts to deliver a message again ended.
    RetryResult as "result" {
        Confirmed = "confirmed",
        Unconfirmed = "unconfirmed",
        Closed = "closed",
    }
    /// The code of a refused event.
    ErrorCode as "code" {
        BadRequest = "bad_request",
        Unauthorized = "unauthorized",
        TokenExpired = "token_expired",
        Forbidden = "forbidden",
        NotParticipant = "not_participant",
        NotFound = "not_found",
        Conflict = "conflict",
        TooLarge = "too_large",
        RateLimited = "rate_limited",
        StorageUnavailable = "storage_unavailable",
        ShuttingDown = "shutting_down",
        Internal = "internal",
    }
    /// The limit that was hit.
    Limit as "limit" {
        Messages = "messages",
        Connects = "connects",
        Logins = "logins",
        Other = "other",
    }
    /// What kind of error the store met.
    StoreErrorKind as "kind" {
        Busy = "busy",
        Full = "full",
        ReadOnly = "readonly",
        Connection = "connection",
        Constraint = "constraint",
        Other = "other",
    }
    /// In or out, seen from this process.
    Direction as "direction" {
        In = "in",
        Out = "out",
    }
    /// What a message on the bus between nodes is about.
    BusKind as "kind" {
        Committed = "committed",
        Membership = "membership",
        Typing = "typing",
        Presence = "presence",
        Receipts = "receipts",
        AdminCommand = "admin_command",
        InspectRequest = "inspect_request",
        InspectReply = "inspect_reply",
        Heartbeat = "heartbeat",
        Other = "other",
    }
    /// What became of a gap in the seqs heard on the bus.
    GapResult as "result" {
        Filled = "filled",
        Failed = "failed",
    }
    /// An event that a client sends.
    ClientEvent as "event" {
        JoinConversation = "join_conversation",
        LeaveConversation = "leave_conversation",
        SendMessage = "send_message",
        Receipt = "receipt",
        Typing = "typing",
        Sync = "sync",
        EditMessage = "edit_message",
        DeleteMessage = "delete_message",
        ListConversations = "list_conversations",
        CreateConversation = "create_conversation",
        AddParticipants = "add_participants",
        RemoveParticipant = "remove_participant",
        MuteConversation = "mute_conversation",
        BanParticipant = "ban_participant",
        UnbanParticipant = "unban_participant",
        ListBans = "list_bans",
        WatchReceipts = "watch_receipts",
        Whoami = "whoami",
        RefreshToken = "refresh_token",
        Hello = "hello",
        Other = "other",
    }
    /// An event that the server sends.
    ServerEvent as "event" {
        Session = "session",
        NewMessage = "new_message",
        MessageUpdated = "message_updated",
        Receipts = "receipts",
        Heads = "heads",
        Typing = "typing",
        Presence = "presence",
        ConversationUpdated = "conversation_updated",
        ConversationRemoved = "conversation_removed",
        Probe = "probe",
        TokenExpiring = "token_expiring",
        Error = "error",
        ServerShutdown = "server_shutdown",
        Other = "other",
    }
}

impl From<rollcall_protocol::ErrorCode> for ErrorCode {
    fn from(code: rollcall_protocol::ErrorCode) -> Self {
        use rollcall_protocol::ErrorCode as Wire;
        match code {
            Wire::BadRequest => Self::BadRequest,
            Wire::Unauthorized => Self::Unauthorized,
            Wire::TokenExpired => Self::TokenExpired,
            Wire::Forbidden => Self::Forbidden,
            Wire::NotParticipant => Self::NotParticipant,
            Wire::NotFound => Self::NotFound,
            Wire::Conflict => Self::Conflict,
            Wire::TooLarge => Self::TooLarge,
            Wire::RateLimited => Self::RateLimited,
            Wire::StorageUnavailable => Self::StorageUnavailable,
            Wire::ShuttingDown => Self::ShuttingDown,
            Wire::Internal => Self::Internal,
        }
    }
}

impl ClientEvent {
    /// The event of that name; [`ClientEvent::Other`] when nobody knows it.
    pub fn named(name: &str) -> Self {
        find(name).unwrap_or(Self::Other)
    }
}

impl ServerEvent {
    /// The event of that name; [`ServerEvent::Other`] when nobody knows it.
    pub fn named(name: &str) -> Self {
        find(name).unwrap_or(Self::Other)
    }
}

/// The variant whose value is `text`.
pub(super) fn find<L: Label>(text: &str) -> Option<L> {
    let at = L::VALUES.iter().position(|value| *value == text)?;
    L::ALL.get(at).copied()
}

/// `direction` and `event` together: not every event goes both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// From a client.
    In(ClientEvent),
    /// To a client.
    Out(ServerEvent),
}

/// The names of [`ClientEvent`] and [`ServerEvent`] together; a test holds them equal.
const EVENT_NAMES: &[&str] = &[
    "join_conversation",
    "leave_conversation",
    "send_message",
    "receipt",
    "typing",
    "sync",
    "edit_message",
    "delete_message",
    "list_conversations",
    "create_conversation",
    "add_participants",
    "remove_participant",
    "mute_conversation",
    "ban_participant",
    "unban_participant",
    "list_bans",
    "watch_receipts",
    "whoami",
    "refresh_token",
    "hello",
    "session",
    "new_message",
    "message_updated",
    "receipts",
    "heads",
    "presence",
    "conversation_updated",
    "conversation_removed",
    "probe",
    "token_expiring",
    "error",
    "server_shutdown",
    "other",
];

impl Labelled for Event {
    const LABELS: &'static [LabelDef] = &[
        LabelDef::of::<Direction>(),
        LabelDef {
            name: "event",
            values: EVENT_NAMES,
        },
    ];
}

impl LabelSet for Event {
    const COUNT: usize = ClientEvent::VALUES.len() + ServerEvent::VALUES.len();

    fn index(self) -> usize {
        match self {
            Self::In(event) => Label::index(event),
            Self::Out(event) => ClientEvent::VALUES.len() + Label::index(event),
        }
    }

    fn pairs(index: usize) -> Vec<Pair> {
        let (direction, event) = match index.checked_sub(ClientEvent::VALUES.len()) {
            None => (Direction::In, ClientEvent::VALUES[index]),
            Some(out) => (Direction::Out, ServerEvent::VALUES[out]),
        };
        vec![
            Pair::from_static_parts(Direction::NAME, direction.as_str()),
            Pair::from_static_parts("event", event),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_events_are_those_of_both_directions() {
        let mut both: Vec<_> = ClientEvent::VALUES.iter().chain(ServerEvent::VALUES).copied().collect();
        let mut listed = EVENT_NAMES.to_vec();
        both.sort_unstable();
        both.dedup();
        listed.sort_unstable();
        assert_eq!(listed, both);
    }

    #[test]
    fn an_unknown_event_is_other() {
        assert_eq!(ClientEvent::named("send_message"), ClientEvent::SendMessage);
        assert_eq!(ClientEvent::named("new_message"), ClientEvent::Other);
        assert_eq!(ClientEvent::named("room-4711"), ClientEvent::Other);
        assert_eq!(ServerEvent::named("heads"), ServerEvent::Heads);
        assert_eq!(ServerEvent::named(""), ServerEvent::Other);
    }

    #[test]
    fn every_pair_has_an_index_of_its_own() {
        let mut seen: Vec<_> = (0..Event::COUNT).map(|at| format!("{:?}", Event::pairs(at))).collect();
        seen.dedup();
        assert_eq!(seen.len(), Event::COUNT);
        let at = LabelSet::index(Event::Out(ServerEvent::Heads));
        assert!(Event::pairs(at).contains(&Pair::from_static_parts("event", "heads")));
        let at = LabelSet::index((Via::Rest, MessageResult::Duplicate));
        assert_eq!(
            <(Via, MessageResult)>::pairs(at),
            [
                Pair::from_static_parts("via", "rest"),
                Pair::from_static_parts("result", "duplicate")
            ]
        );
    }
}
