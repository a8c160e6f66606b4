//! Everything that the screen shows. Changed by `update` alone, drawn by `view`.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::tz::TimeZone;
use rollcall_client::protocol::chat_core::{self, ConversationId, Message, Sid, UserId};
use rollcall_client::protocol::event::Session;
use rollcall_client::protocol::{ConversationView, UserView};
use rollcall_client::{DownReason, State};

pub(crate) mod call;
pub(crate) mod composer;
pub(crate) mod looking;
pub(crate) mod timeline;
pub(crate) mod wire;

use call::Call;
use composer::Composer;
use looking::{Draft, FaultsOn, Looking, Popup, Screen};
use timeline::Timeline;
use wire::WireLog;

use crate::theme::ThemeName;

/// Milliseconds since the program began: a clock that never goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(pub(crate) u64);

impl Millis {
    pub(crate) fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// Where keys go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Choosing a conversation.
    #[default]
    List,
    /// Writing.
    Write,
    /// Writing a command after `:`.
    Command,
    /// Writing what is searched for after `/`.
    Search,
}

/// The connection, as the status line tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Link {
    #[default]
    Connecting,
    Connected(Sid),
    Reconnecting {
        attempt: u32,
        retry_at: Millis,
        reason: DownReason,
    },
    Closed(DownReason),
}

/// What `join_conversation` said of the open conversation's room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) verified: bool,
    pub(crate) sockets: usize,
}

/// Something to say in the line above the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) text: String,
    pub(crate) until: Millis,
}

/// The terminal's size, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u16,
    pub(crate) height: u16,
}

/// Everything that the screen shows.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// `alice`, until the server says who one is.
    pub(crate) name: String,
    /// `127.0.0.1:4600`
    pub(crate) server: String,
    pub(crate) me: Option<UserView>,
    pub(crate) now: Millis,
    pub(crate) zone: TimeZone,
    pub(crate) size: Size,
    pub(crate) mode: Mode,
    pub(crate) help: bool,
    pub(crate) link: Link,
    /// Newest activity first.
    pub(crate) conversations: Vec<ConversationView>,
    /// The list's cursor.
    pub(crate) selected: usize,
    pub(crate) open: Option<ConversationId>,
    pub(crate) room: Option<Room>,
    /// When the room's figures are to be asked for again.
    pub(crate) room_stale_at: Option<Millis>,
    pub(crate) timelines: HashMap<ConversationId, Timeline>,
    /// Rows between the newest row and the last one shown; 0 follows what comes.
    pub(crate) scrolled: usize,
    pub(crate) composer: Composer,
    pub(crate) command: Composer,
    /// Who types where, and until when that is believed.
    pub(crate) typing: BTreeMap<(ConversationId, UserId), Millis>,
    /// When the server was last told that one types; `None`: it believes that one does not.
    pub(crate) typing_told: Option<Millis>,
    pub(crate) notice: Option<Notice>,
    pub(crate) quit: bool,
    /// Which of one's identities this is, of how many.
    pub(crate) seat: (usize, usize),
    /// Every identity's SID, so that the ledger's sockets are recognised.
    pub(crate) sids: Vec<Option<Sid>>,
    pub(crate) screen: Screen,
    pub(crate) popup: Option<Popup>,
    pub(crate) looking: Looking,
    pub(crate) draft: Draft,
    pub(crate) calls: HashMap<ConversationId, Call>,
    pub(crate) wire: WireLog,
    pub(crate) faults: FaultsOn,
    pub(crate) session: Option<Box<Session>>,
    pub(crate) search: String,
    /// The row that was found last.
    pub(crate) searched_at: Option<usize>,
    pub(crate) theme: ThemeName,
    pub(crate) mouse: bool,
    /// May the ledger be asked about others' messages?
    pub(crate) observes: bool,
}

impl Model {
    pub(crate) fn new(name: &str, server: &str, size: Size, zone: TimeZone) -> Self {
        Self {
            name: name.to_owned(),
            server: server.to_owned(),
            me: None,
            now: Millis(0),
            zone,
            size,
            mode: Mode::List,
            help: false,
            link: Link::Connecting,
            conversations: Vec::new(),
            selected: 0,
            open: None,
            room: None,
            room_stale_at: None,
            timelines: HashMap::new(),
            scrolled: 0,
            composer: Composer::default(),
            command: Composer::default(),
            typing: BTreeMap::new(),
            typing_told: None,
            notice: None,
            quit: false,
            seat: (0, 1),
            sids: Vec::new(),
            screen: Screen::Chat,
            popup: None,
            looking: Looking::default(),
            draft: Draft::New,
            calls: HashMap::new(),
            wire: WireLog::default(),
            faults: FaultsOn::default(),
            session: None,
            search: String::new(),
            searched_at: None,
            theme: ThemeName::default(),
            mouse: true,
            observes: false,
        }
    }

    /// The roll call of the conversation that is open.
    pub(crate) fn call(&self) -> Option<&Call> {
        self.calls.get(self.open.as_ref()?)
    }

    pub(crate) fn call_mut(&mut self) -> Option<&mut Call> {
        self.calls.get_mut(self.open.as_ref()?)
    }

    /// Since the program began.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now.0)
    }

    pub(crate) fn conversation(&self, id: &ConversationId) -> Option<&ConversationView> {
        self.conversations.iter().find(|view| view.id == *id)
    }

    pub(crate) fn conversation_mut(&mut self, id: &ConversationId) -> Option<&mut ConversationView> {
        self.conversations.iter_mut().find(|view| view.id == *id)
    }

    /// The conversation that is open, with its messages.
    pub(crate) fn open_timeline(&self) -> Option<(&ConversationView, &Timeline)> {
        let id = self.open.as_ref()?;
        Some((self.conversation(id)?, self.timelines.get(id)?))
    }

    pub(crate) fn is_me(&self, user: &UserId) -> bool {
        self.me.as_ref().is_some_and(|me| me.id == *user)
    }

    /// Does somebody else's message name this user?
    pub(crate) fn is_named_in(&self, message: &Message) -> bool {
        let Some(me) = self.me.as_ref().filter(|me| me.id != message.sender_id) else {
            return false;
        };
        chat_core::mention::named_in(&message.content).contains(&me.username)
    }

    /// A group's title; otherwise whom one talks with.
    pub(crate) fn title(&self, view: &ConversationView) -> String {
        if let Some(title) = &view.title {
            return title.clone();
        }
        let others: Vec<&str> = self.others(view).map(|other| other.display_name.as_str()).collect();
        if others.is_empty() {
            self.name.clone()
        } else {
            others.join(", ")
        }
    }

    /// Everybody but oneself.
    pub(crate) fn others<'a>(
        &'a self,
        view: &'a ConversationView,
    ) -> impl Iterator<Item = &'a rollcall_client::protocol::ParticipantView> {
        view.participants
            .iter()
            .filter(|participant| !self.is_me(&participant.id))
    }

    /// Is somebody else there?
    pub(crate) fn is_online(&self, view: &ConversationView) -> bool {
        self.others(view).any(|other| other.online)
    }

    /// Shows `text` for some seconds.
    pub(crate) fn say(&mut self, text: impl Into<String>) {
        const SHOWN_MILLIS: u64 = 6_000;
        self.notice = Some(Notice {
            text: text.into(),
            until: self.now.plus(SHOWN_MILLIS),
        });
    }

    /// The connection changed.
    pub(crate) fn set_link(&mut self, state: State) {
        self.link = match state {
            State::Connecting => match &self.link {
                // An attempt takes moments; why there is no connection stays readable meanwhile.
                Link::Reconnecting { attempt, reason, .. } => Link::Reconnecting {
                    attempt: *attempt,
                    retry_at: self.now,
                    reason: reason.clone(),
                },
                _ => Link::Connecting,
            },
            State::Connected { sid } => Link::Connected(sid),
            State::Reconnecting {
                attempt,
                retry_in,
                reason,
            } => Link::Reconnecting {
                attempt,
                retry_at: self.now.plus(u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX)),
                reason,
            },
            State::Closed { reason } => Link::Closed(reason),
        };
    }
}
