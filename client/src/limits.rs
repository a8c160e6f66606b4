//! Every bound of the client, with its reason.

use std::time::Duration;

/// Events that wait for the consumer: a burst of one resumed conversation fits, and a consumer that stands still is
/// noticed before much memory is gone.
pub(crate) const EVENT_CAPACITY: usize = 1_024;

/// Calls that wait to be written. More means that the server does not read; the caller waits then.
pub(crate) const COMMAND_CAPACITY: usize = 256;

/// Packets that wait in front of the socket before further calls are left in their channel.
pub(crate) const OUTGOING_MAX: usize = 256;

/// Calls that wait for their acknowledgement. Beyond it a server has stopped answering.
pub(crate) const IN_FLIGHT_MAX: usize = 65_536;

/// The largest frame that is read: `session` lists up to 1,000 conversations with their participants in one.
pub(crate) const FRAME_BYTES_MAX: usize = 64 << 20;

/// How long TCP, TLS, the upgrade and both handshakes may take together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an acknowledgement is waited for.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that lived this long was a good one: the next failure starts again at the shortest wait.
pub(crate) const GOOD_CONNECTION: Duration = Duration::from_secs(10);

/// The shortest and longest silence that is believed from a server's handshake.
pub(crate) const SILENCE_MIN: Duration = Duration::from_millis(100);
pub(crate) const SILENCE_MAX: Duration = Duration::from_mins(10);

/// Receipts of one conversation are sent at most this often, the first of a burst at once: the server tells the others no more often.
pub(crate) const RECEIPT_INTERVAL: Duration = Duration::from_millis(200);

/// Of a conversation of more than so many nobody else is told who has received what (`receipts` in docs/protocol.md).
pub(crate) const CROWD_ABOVE: usize = 50;

/// What comes to such a conversation is confirmed after so long, together with all that came meanwhile. Nobody waits for it but the roll
/// call, which gives it five seconds; and a thousand people who confirm each message cost the server more than the messages do.
pub(crate) const CROWD_RECEIPT_DELAY: Duration = Duration::from_secs(2);

/// What comes after such a conversation was quiet for so long is confirmed at once: it costs little, and then the roll call knows how
/// fast it was.
pub(crate) const CROWD_QUIET: Duration = Duration::from_secs(10);

/// `heads` may overtake a message that is on its way; only what is still missing after this is a gap.
pub(crate) const HEADS_GRACE: Duration = Duration::from_secs(1);

/// How often the filling of a gap is tried on one connection before it is given up and resumed on a new one.
pub(crate) const FILL_ATTEMPTS: u32 = 3;

/// The wait after a `sync` that was refused for now.
pub(crate) const FILL_PAUSE: Duration = Duration::from_millis(500);

/// Events that may come before the answer to CONNECT. More is no handshake any more.
pub(crate) const EARLY_EVENTS_MAX: usize = 256;

/// Seqs before the head at connect that are remembered as given out, so that a message on its way is given exactly once.
pub(crate) const EARLY_MAX: usize = 64;

/// The longest piece of an unreadable frame that is reported, in characters.
pub(crate) const PREVIEW_CHARS_MAX: usize = 200;
