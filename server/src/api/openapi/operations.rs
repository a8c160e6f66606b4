//! Every operation of REST, as tables.

mod accounts;
mod conversations;
mod messages;

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
}

/// What a parameter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Id,
    Text,
    Words,
    Seq,
    Limit,
    Millis,
}

/// A parameter of the path or the query.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) required: bool,
    pub(super) about: &'static str,
}

const fn path(name: &'static str) -> Parameter {
    Parameter {
        name,
        place: Place::Path,
        kind: Kind::Id,
        required: true,
        about: "Which one.",
    }
}

const fn query(name: &'static str, kind: Kind, about: &'static str) -> Parameter {
    Parameter {
        name,
        place: Place::Query,
        kind,
        required: false,
        about,
    }
}

/// A body: the name of its shape, and of an example of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body {
    pub(super) shape: &'static str,
    pub(super) example: &'static str,
}

#[expect(clippy::unnecessary_wraps, reason = "it stands where there may be none")]
const fn body(shape: &'static str, example: &'static str) -> Option<Body> {
    Some(Body { shape, example })
}

/// One method of one path.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) about: &'static str,
    /// It asks for a token.
    pub(super) signed_in: bool,
    pub(super) parameters: &'static [Parameter],
    pub(super) body: Option<Body>,
    pub(super) answers: &'static [(u16, &'static str, Option<Body>)],
    pub(super) refusals: &'static [u16],
}

pub(super) const TAGS: &[(&str, &str)] = &[
    ("accounts", "Signing up and in, and finding people."),
    (
        "conversations",
        "Conversations, their participants, and their messages to page through.",
    ),
    (
        "messages",
        "Sending, changing, searching, and what became of a message.",
    ),
    ("description", "This description."),
];

/// What any operation may answer.
pub(super) const ANYWHERE: &[u16] = &[400, 413, 429, 500, 503];

/// What a refusal means.
pub(super) fn refusal(status: u16) -> &'static str {
    match status {
        400 => "Something about the request is wrong: `detail` names the field, what came and what was expected.",
        401 => "No token, or one that is not accepted or has expired.",
        403 => "Not allowed, or not a participant of this conversation.",
        404 => "There is no such thing.",
        409 => "It contradicts what is there.",
        413 => "The content, or the whole body, is too large.",
        429 => "Too often: the header retry-after and `retry_after_ms` say when to come back.",
        503 => "The database takes no writes at the moment, or the server is about to stop: repeat it later.",
        _ => "The server has a defect.",
    }
}

const SIGNED_IN: &[u16] = &[401];
const OF_A_CONVERSATION: &[u16] = &[401, 403, 404];

const LIMIT: Parameter = query(
    "limit",
    Kind::Limit,
    "At most so many: 50 when left out, never more than 200.",
);

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Operation> {
    [accounts::TABLE, conversations::TABLE, messages::TABLE]
        .into_iter()
        .flatten()
}
