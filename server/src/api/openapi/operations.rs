//! Every operation of REST, as a table.

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
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "post",
        path: "/auth/register",
        id: "register",
        tag: "accounts",
        summary: "Make an account",
        about: "Usernames are lower-cased, 2 to 32 of a-z 0-9 _ . -, and unique; passwords are 8 to 256 bytes.",
        signed_in: false,
        parameters: &[],
        body: body("NewAccount", "new_account"),
        answers: &[(
            201,
            "The account is made, and signed in.",
            body("SignedIn", "signed_in"),
        )],
        refusals: &[403, 409],
    },
    Operation {
        method: "post",
        path: "/auth/login",
        id: "login",
        tag: "accounts",
        summary: "Sign in",
        about: "The token is good for a day.",
        signed_in: false,
        parameters: &[],
        body: body("Credentials", "credentials"),
        answers: &[(200, "Signed in.", body("SignedIn", "signed_in"))],
        refusals: &[401],
    },
    Operation {
        method: "get",
        path: "/auth/me",
        id: "me",
        tag: "accounts",
        summary: "Who am I",
        about: "The account behind the token, with the role that the token has.",
        signed_in: true,
        parameters: &[],
        body: None,
        answers: &[(200, "The account.", body("User", "user"))],
        refusals: SIGNED_IN,
    },
    Operation {
        method: "get",
        path: "/users",
        id: "find_users",
        tag: "accounts",
        summary: "Find people",
        about: "By a part of their username or display name.",
        signed_in: true,
        parameters: &[query("q", Kind::Text, "A part of the name; all when left out."), LIMIT],
        body: None,
        answers: &[(200, "By username.", body("Users", "users"))],
        refusals: SIGNED_IN,
    },
    Operation {
        method: "get",
        path: "/conversations",
        id: "list_conversations",
        tag: "conversations",
        summary: "My conversations",
        about: "The one with the newest message first.",
        signed_in: true,
        parameters: &[],
        body: None,
        answers: &[(200, "All of them.", body("Conversations", "conversations"))],
        refusals: SIGNED_IN,
    },
    Operation {
        method: "post",
        path: "/conversations",
        id: "create_conversation",
        tag: "conversations",
        summary: "Begin a conversation",
        about: "A direct conversation of two people exists once: asking again answers it. Only a service gives an id.",
        signed_in: true,
        parameters: &[],
        body: body("NewConversation", "new_conversation"),
        answers: &[
            (201, "It is new.", body("Conversation", "conversation")),
            (
                200,
                "The direct one that was there.",
                body("Conversation", "conversation"),
            ),
        ],
        refusals: &[401, 403, 404, 409],
    },
    Operation {
        method: "get",
        path: "/conversations/{conversation_id}",
        id: "conversation",
        tag: "conversations",
        summary: "One conversation",
        about: "As the caller sees it.",
        signed_in: true,
        parameters: &[path("conversation_id")],
        body: None,
        answers: &[(200, "The conversation.", body("Conversation", "conversation"))],
        refusals: OF_A_CONVERSATION,
    },
    Operation {
        method: "post",
        path: "/conversations/{conversation_id}/participants",
        id: "add_participants",
        tag: "conversations",
        summary: "Add people to a group",
        about: "Any participant may. Those who are in it stay as they are.",
        signed_in: true,
        parameters: &[path("conversation_id")],
        body: body("NewParticipants", "new_participants"),
        answers: &[(
            200,
            "The conversation as it is now.",
            body("Conversation", "conversation"),
        )],
        refusals: &[401, 403, 404, 409],
    },
    Operation {
        method: "delete",
        path: "/conversations/{conversation_id}/participants/{user_id}",
        id: "remove_participant",
        tag: "conversations",
        summary: "Remove somebody, or leave",
        about: "The owner removes anybody, everybody removes themself.",
        signed_in: true,
        parameters: &[path("conversation_id"), path("user_id")],
        body: None,
        answers: &[(204, "They are not in it any more.", None)],
        refusals: &[401, 403, 404, 409],
    },
    Operation {
        method: "get",
        path: "/conversations/{conversation_id}/messages",
        id: "messages",
        tag: "conversations",
        summary: "Page through messages",
        about: "In rising seq. Without a bound the newest page; both bounds together are a mistake.",
        signed_in: true,
        parameters: &[
            path("conversation_id"),
            query("after_seq", Kind::Seq, "The oldest ones after this number."),
            query("before_seq", Kind::Seq, "The newest ones before this number."),
            LIMIT,
        ],
        body: None,
        answers: &[(200, "A page.", body("Messages", "messages"))],
        refusals: OF_A_CONVERSATION,
    },
    Operation {
        method: "post",
        path: "/messages",
        id: "send_message",
        tag: "messages",
        summary: "Send a message",
        about: "Answered when it is on the disk and was announced. The same client_message_id again answers the first message and \
                sends nothing. With wait_ms the answer waits for receipts, and tells who is missing.",
        signed_in: true,
        parameters: &[query(
            "wait_ms",
            Kind::Millis,
            "Wait so long for receipts; at most 20,000.",
        )],
        body: body("NewMessage", "new_message"),
        answers: &[
            (201, "It is saved and was announced.", body("Sent", "sent")),
            (200, "It had been sent before.", body("Sent", "sent")),
        ],
        refusals: OF_A_CONVERSATION,
    },
    Operation {
        method: "patch",
        path: "/messages/{message_id}",
        id: "edit_message",
        tag: "messages",
        summary: "Change a message",
        about: "Its sender, or a service.",
        signed_in: true,
        parameters: &[path("message_id")],
        body: body("NewContent", "new_content"),
        answers: &[(200, "The message as it is now.", body("Message", "message"))],
        refusals: &[401, 403, 404, 409],
    },
    Operation {
        method: "delete",
        path: "/messages/{message_id}",
        id: "delete_message",
        tag: "messages",
        summary: "Delete a message",
        about: "Its sender, the owner of the conversation, an admin or a service. Its number stays.",
        signed_in: true,
        parameters: &[path("message_id")],
        body: None,
        answers: &[(204, "It is empty now.", None)],
        refusals: OF_A_CONVERSATION,
    },
    Operation {
        method: "get",
        path: "/messages/{message_id}/delivery",
        id: "delivery",
        tag: "messages",
        summary: "What became of a message",
        about: "Participant by participant, socket by socket: for its sender, a service, an observer or an admin.",
        signed_in: true,
        parameters: &[path("message_id")],
        body: None,
        answers: &[(200, "The roll call.", body("Delivery", "delivery"))],
        refusals: OF_A_CONVERSATION,
    },
    Operation {
        method: "get",
        path: "/search",
        id: "search",
        tag: "messages",
        summary: "Search messages",
        about: "Every word must occur. Only conversations that the caller is in; the newest first.",
        signed_in: true,
        parameters: &[
            Parameter {
                required: true,
                ..query("q", Kind::Words, "Words: letters and digits, at most 16 of them.")
            },
            query("conversation_id", Kind::Id, "Only in this one."),
            query(
                "before_seq",
                Kind::Seq,
                "With conversation_id: only before this number.",
            ),
            LIMIT,
        ],
        body: None,
        answers: &[(200, "What was found.", body("Found", "found"))],
        refusals: OF_A_CONVERSATION,
    },
    Operation {
        method: "get",
        path: "/openapi.json",
        id: "openapi",
        tag: "description",
        summary: "This description",
        about: "OpenAPI 3.1, for programs.",
        signed_in: false,
        parameters: &[],
        body: None,
        answers: &[(200, "The document.", body("Anything", "anything"))],
        refusals: &[],
    },
];
