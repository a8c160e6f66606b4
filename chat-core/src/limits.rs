//! Every bound that the rules know, with its reason.

/// A message's content by default, in bytes of UTF-8 (`ROLLCALL_MAX_MESSAGE_BYTES`). Four screens of text: more is a document.
pub const MESSAGE_BYTES_DEFAULT: usize = 16_384;

/// How far a client may lag behind in one conversation and still be resumed message by message. Beyond it, paging by
/// REST is cheaper for both ends than a burst of events.
pub const RESUME_MESSAGES_MAX: u64 = 1_000;

/// Messages in a page when the caller does not say.
pub const PAGE_DEFAULT: u32 = 50;
/// Messages in a page at most; more is clamped to it. Keeps one answer under 200 × 16 KiB.
pub const PAGE_MAX: u32 = 200;

/// What somebody searches for, in characters. More is a text, not a search.
pub const SEARCH_CHARS_MAX: usize = 200;
/// Words of a search: each is one more list of places to intersect.
pub const SEARCH_WORDS_MAX: usize = 16;
/// The line that shows why a message was found, in characters: two lines of a phone.
pub const SNIPPET_CHARS: usize = 160;

/// Unread messages are counted up to this many: the count reads an index row each, and nobody reads "4,711 unread".
pub const UNREAD_MAX: u64 = 1_000;

/// Messages that are looked at to count the unread ones: somebody who wrote a million messages and read none must not
/// make the count read a million rows. Those of others beyond it are not counted.
pub const UNREAD_SCAN_MAX: u64 = 10_000;

/// Participants of a group. A fan-out is one pass over them, and each change of the group tells every one of them.
pub const PARTICIPANTS_MAX: usize = 5_000;

/// Conversations that one user can be in: `session` lists them all in one packet.
pub const CONVERSATIONS_PER_USER_MAX: usize = 1_000;

/// Names that one message may mention (`@username`): a row each. More is a list, not a call.
pub const MENTIONS_PER_MESSAGE_MAX: usize = 50;

/// Bans of one conversation: they are listed in one answer.
pub const BANS_MAX: usize = 1_000;

/// Why somebody was banned, in characters: a sentence.
pub const REASON_CHARS_MAX: usize = 200;

/// A title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;

/// A display name, in characters.
pub const DISPLAY_NAME_CHARS_MAX: usize = 64;

/// A username, in characters.
pub const USERNAME_CHARS_MIN: usize = 2;
/// A username, in characters.
pub const USERNAME_CHARS_MAX: usize = 32;

/// A password, in bytes. Shorter ones are guessed; longer ones only feed argon2.
pub const PASSWORD_BYTES_MIN: usize = 8;
/// A password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 256;

/// A message that was handed to a socket that promised receipts is unconfirmed from here on: ten seconds after the last of
/// the attempts at 0, 5, 15 and 35 s.
pub const UNCONFIRMED_AFTER_MILLIS: u64 = 45_000;

/// A saved message may be this young without having been handed over before that needs a reason: the way from the commit to
/// a socket's buffer takes milliseconds, and the first retry comes after 5 s.
pub const ON_ITS_WAY_MILLIS: u64 = 5_000;

/// So many connects of a user …
pub const LOOP_CONNECTS: usize = 5;
/// … within this time …
pub const LOOP_WITHIN_MILLIS: u64 = 60_000;
/// … of which none lived this long, are a reconnect loop.
pub const LOOP_LIFE_MILLIS: u64 = 10_000;

/// Clients whose connection was lost come back within this time if they come back by themselves: twelve of the five-second
/// delays that official clients grow to. Later it is absence, whatever the last connection ended by.
pub const COMES_BACK_WITHIN_MILLIS: u64 = 60_000;

/// A page size as asked for, made one that is served: `None` is the default, more than the most is the most.
pub fn page_size(asked: Option<u32>) -> u32 {
    asked.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
}
