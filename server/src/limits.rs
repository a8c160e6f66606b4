//! Every bound of the server, with its reason. The rules' own bounds are in [`chat_core::limits`].

use std::time::Duration;

/// The largest packet that is read, in bytes: the contract's 1 MiB. Sixty-four times the largest message, so that a client that
/// sends too much is told so instead of being cut.
pub const PACKET_BYTES_MAX: usize = 1 << 20;

/// Packets that wait in a socket's own buffer (socketioxide's default): a burst of two pages of messages.
pub const SOCKET_BUFFER_PACKETS: usize = 128;

/// Bytes that may wait before the next message to a socket. The heartbeat waits behind them, and behind what the kernel holds
/// ([`SEND_BUFFER_BYTES`], which it doubles): its answer must come within 20 s, so that a client may be as slow as 40 kB/s.
pub const SOCKET_BYTES_AHEAD_MAX: u64 = 512 << 10;

/// Sockets of one conversation that a message is written to one after the other by whoever announces it; the others' own tasks write
/// to them. Each takes some microseconds of the kernel's, so that the conversation's next message waits a millisecond for it at most.
/// Messages that are written together take hardly more than one, and share it: so many sockets for each of them, up to
/// [`RUN_WRITES_MAX`].
pub const WRITTEN_AT_ONCE_MAX: usize = 128;

/// Messages that are announced together and count for [`WRITTEN_AT_ONCE_MAX`]: 1,024 sockets in one go.
pub const RUN_WRITES_MAX: usize = 8;

/// Messages of one conversation that are announced together: as many as one client may have under way.
pub const RUN_MESSAGES_MAX: usize = SENDS_IN_FLIGHT_MAX;

/// Bytes of messages that are announced together, but for the last one, which may go beyond it: half of what the kernel holds for
/// a connection ([`SEND_BUFFER_BYTES`]), so that one whose client reads takes all of them in one go.
pub const RUN_BYTES_MAX: usize = 64 << 10;

/// What the kernel may hold for one connection. By itself it lets it grow to megabytes, which a slow client takes minutes to read.
pub const SEND_BUFFER_BYTES: usize = 128 << 10;

/// Refusals of a flood that wait for room in the buffer of whoever sends it; a client that sends on and reads none of them is closed.
pub const REFUSALS_WAITING_MAX: usize = 1_024;

/// How long a service's token is listed after its end, taken back or not.
pub const TOKENS_KEPT_AFTER_END: Duration = Duration::from_hours(30 * 24);

/// Notices that wait for the webhook: minutes of a busy server. Beyond it they are lost, and counted.
pub const WEBHOOK_QUEUE_MAX: usize = 10_000;
/// The same in bytes: 10,000 of usual messages are some 6 MB; of a crowd of 5,000 that is offline, whom to notify is 120 kB a message.
pub const WEBHOOK_QUEUE_BYTES_MAX: usize = 32 << 20;
/// Notices between their happening and the look at whom to notify, which follows at once: what one burst of commits announces.
pub const NOTICES_ARRIVING_MAX: usize = 1_024;
/// How long the other server may take to answer.
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a request is made before it is given up: the pauses between are two minutes, and each attempt may take until its own limit.
pub const WEBHOOK_ATTEMPTS_MAX: u32 = 9;
/// The pause after the first attempt; each next one is twice as long …
pub const WEBHOOK_PAUSE_FIRST: Duration = Duration::from_millis(500);
/// … up to this.
pub const WEBHOOK_PAUSE_MAX: Duration = Duration::from_mins(1);

/// Finished traces that wait for their export: some 2 MB. Beyond it they are lost, and counted.
pub const TRACES_WAITING_MAX: usize = 4_096;
/// Traces of one request to the collector: some 2,500 spans, about 1 MB.
pub const TRACE_BATCH_MAX: usize = 512;
/// How long finished traces wait for company: a fifth of the time in which the queue fills at 4,000 messages a second.
pub const TRACE_LINGER: Duration = Duration::from_millis(200);
/// How long the collector may take for a batch, repetitions included.
pub const TRACE_EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// What is read of the collector's answer.
pub const TRACE_ANSWER_BYTES_MAX: usize = 64 << 10;

/// A plain WebSocket's `hello` comes within this, or there is none: the contract's 1 s.
pub const HELLO_WITHIN: Duration = Duration::from_secs(1);
/// So many refused events of a plain WebSocket …
pub const REFUSALS_MAX: usize = 100;
/// … within this time close it: the contract's 100 in 10 s.
pub const REFUSALS_WITHIN: Duration = Duration::from_secs(10);
/// How long a plain WebSocket may take to hear its close code and answer it.
pub const FAREWELL_PATIENCE: Duration = Duration::from_secs(1);
/// How often a stop looks whether all of them have.
pub const FAREWELL_LOOK: Duration = Duration::from_millis(10);

/// Events of one socket that wait for their turn. A client that pipelines deeper than this is told `rate_limited`.
pub const INBOX_EVENTS_MAX: usize = 1_024;
/// The same in bytes: a stalled database must not let every socket park 1,024 packets of 1 MiB.
pub const INBOX_BYTES_MAX: usize = 4 << 20;

/// Messages of one socket that wait for their commit at the same time; their order is kept. Deep enough to fill a group commit.
pub const SENDS_IN_FLIGHT_MAX: usize = 64;

/// Events other than messages that wait for a socket: one whose buffer is full, or whose session is being made. Enough for the presence
/// of everybody in a large group who comes back at once; one that cannot take even these is closed as slow.
pub const BACKLOG_EVENTS_MAX: usize = 1_024;

/// A session that could not be opened because the store does not answer is tried again, first after this, then after twice as long.
pub const SESSION_RETRY_FIRST: Duration = Duration::from_millis(100);
/// How long a client waits for its session before it is told to come back later.
pub const SESSION_PATIENCE: Duration = Duration::from_secs(20);

/// How long the feeder waits for a store that does not answer, at most.
pub const FEED_STORE_RETRY_MAX: Duration = Duration::from_secs(2);

/// Messages that the feeder reads from the store at a time: half a socket's buffer, so that a heartbeat still fits beside them.
pub const FEED_PAGE: u32 = 64;
/// How often the feeder looks whether a full socket has drained.
pub const FEED_RETRY: Duration = Duration::from_millis(25);
/// A lagging socket that takes nothing for this long is closed as slow (close code 4408 of the contract).
pub const LAGGING_WITHOUT_PROGRESS_MAX: Duration = Duration::from_secs(30);

/// How long a message waits for an earlier one of its conversation that is committed but not yet here, before the earlier one is
/// read from the store.
pub const SEQ_GAP_WAIT: Duration = Duration::from_millis(250);

/// Conversations whose participants are held in memory. At 10 participants each about 150 MiB; the least recently used beyond it are
/// read again when needed.
pub const DIRECTORY_CONVERSATIONS_MAX: usize = 100_000;

/// A typing mark ends by itself after this: the contract's 6 s.
pub const TYPING_LASTS: Duration = Duration::from_secs(6);
/// Typing marks held at the same time, over all conversations.
pub const TYPING_MARKS_MAX: usize = 100_000;

/// `heads` goes out at most this often: the contract's 15 s.
pub const HEADS_INTERVAL: Duration = Duration::from_secs(15);

/// A user who comes back within this was never away: a reload of a page must not flicker on everybody's screen. The contract gives
/// presence one second.
pub const OFFLINE_GRACE: Duration = Duration::from_millis(400);

/// Changes of presence are gathered this long and told together: a hundred people who come in one moment are one burst to everybody
/// and not a hundred. Beside [`OFFLINE_GRACE`] still well within the contract's second.
pub const PRESENCE_GATHERED: Duration = Duration::from_millis(200);
/// So many of them are told in a row: half a socket's buffer ([`SOCKET_BUFFER_PACKETS`]), so that messages fit beside them.
pub const PRESENCE_AT_A_TIME: usize = 64;

/// `token_expiring` comes this long before the token's end.
pub const TOKEN_EXPIRING_BEFORE: Duration = Duration::from_mins(1);

/// Clients are asked to come back this long after `server_shutdown`, in milliseconds.
pub const SHUTDOWN_RETRY_AFTER_MS: u64 = 1_000;
/// Appends in flight are waited for this long when the server stops; the contract gives the whole stop 15 s.
pub const SHUTDOWN_DRAIN: Duration = Duration::from_secs(7);

/// How long connections stay after `server_shutdown`: two round trips of a slow phone.
pub const SHUTDOWN_FAREWELL: Duration = Duration::from_millis(700);

/// The longest user agent that is kept, in characters.
pub const USER_AGENT_CHARS_MAX: usize = 200;

/// Heartbeat of an idle connection, Socket.IO's own defaults.
pub const PING_INTERVAL: Duration = Duration::from_secs(25);
/// How long a client may take to answer a heartbeat.
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// A connection that joins no namespace within this is closed.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Over long polling, a refused CONNECT is answered this long after it came, so that the request that brought it is answered
/// first. The Python client never says that it goes when it hears of the refusal while that request is still open, and waits
/// for its last poll until [`CONNECT_TIMEOUT`]. Many times what a process takes to wake up, and nobody notices it.
pub const POLLING_REFUSAL_DELAY: Duration = Duration::from_millis(100);

/// How long a token of our own is good. A day: a phone that was off over night signs in once in the morning.
pub const TOKEN_LIFETIME: Duration = Duration::from_hours(24);
/// How long the tokens of the chat page are good. Short, since a script that got into the page could carry one off; the page
/// fetches the next one by a cookie that no script can read.
pub const PAGE_TOKEN_LIFETIME: Duration = Duration::from_mins(15);
/// How long the chat page stays signed in without being opened: two weeks, a holiday.
pub const BROWSER_SESSION_LIFETIME: Duration = Duration::from_hours(14 * 24);
/// How long a stored account is taken for what it was. Only another process (the command line) changes it unseen, and a second
/// is less than it takes to type the command.
pub const ACCOUNT_REMEMBERED: Duration = Duration::from_secs(1);
/// How many accounts are remembered at most; the others are read each time. A few MB.
pub const ACCOUNTS_REMEMBERED_MAX: usize = 10_000;
/// The longest token that is looked at, in bytes. Headers hold 8 KiB in most proxies, so no client has a longer one.
pub const TOKEN_BYTES_MAX: usize = 8_192;
/// How far in the future a token's `nbf` may lie: two machines' clocks differ.
pub const NOT_BEFORE_LEEWAY: Duration = Duration::from_mins(1);

/// Sign-ins that wait for a core. At some 30 ms each the last of them waits about a second on two cores; a client that
/// is told to come back is better off than one that waits longer.
pub const PASSWORDS_WAITING_MAX: usize = 64;
/// The highest cost of a bcrypt hash that is taken: some 3 s of one core. Each step doubles it, and while such a hash is
/// stored every refused sign-in takes as long.
pub const BCRYPT_COST_MAX: u32 = 15;
/// The most memory that a foreign argon2id hash may ask for, in KiB: 256 MiB for each sign-in that runs.
pub const FOREIGN_ARGON2_KIB_MAX: u32 = 262_144;
/// The most passes over it: some 3 s of one core.
pub const FOREIGN_ARGON2_PASSES_MAX: u32 = 10;

/// Keys that one rate limit remembers: some 10 MB. Beyond it all newcomers share one allowance.
pub const RATE_KEYS_MAX: usize = 100_000;
/// Every so many checks a rate limit forgets the keys that have been quiet.
pub const RATE_KEYS_SWEEP_EVERY: u32 = 16_384;

/// A request's body at most, in bytes: as much as a Socket.IO packet.
pub const HTTP_BODY_BYTES_MAX: usize = 1 << 20;
/// How long a request may take until its answer begins, the reading of its body included. Longer than `wait_ms` may be.
pub const HTTP_ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long `/health/ready` waits for the database: probes commonly give up after a few seconds themselves.
pub const READINESS_TIMEOUT: Duration = Duration::from_secs(2);
/// For how long an answer of `/health/ready` holds: anybody may ask it, and each check is a write.
pub const READINESS_KEPT: Duration = Duration::from_millis(500);

/// Bytes that a WebSocket reads at a time. Chat messages are small; the default of 4 KiB stays allocated for every idle connection.
pub const WEBSOCKET_READ_BUFFER_BYTES: usize = 512;
/// Connections of one listener; more wait in the kernel's backlog. Above what one node's memory carries in connections.
pub const CONNECTIONS_MAX: usize = 200_000;
/// How long each step of closing (sockets, requests) may take when the server stops.
pub const SHUTDOWN_CLOSE: Duration = Duration::from_millis(1_500);
/// How often the rate limits forget addresses and users that are quiet.
pub const RATES_SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// Unconfirmed messages that are remembered one by one, per socket and conversation. More than a client can be behind by without
/// being lagging; 32 bytes each, and none while a client confirms.
pub const OUTSTANDING_MAX: usize = 128;
/// Receipts whose times are remembered, per socket and conversation.
pub const CONFIRMATIONS_MAX: usize = 16;
/// Runs of messages from the store that are remembered, per socket and conversation: each time that a client came back or lagged.
pub const FED_RUNS_MAX: usize = 8;
/// Ended lanes that are remembered, per socket and conversation: a client that joins and leaves with every click keeps the last ones.
pub const FORMER_LANES_MAX: usize = 4;
/// When an unconfirmed message is handed over again, counted from the first time: the contract's 5, 15 and 35 s.
pub const RETRY_AFTER: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(35)];
/// When it is called unconfirmed: the contract's 45 s.
pub const UNCONFIRMED_AFTER: Duration = Duration::from_secs(45);
/// How often the canary flies.
pub const CANARY_INTERVAL: Duration = Duration::from_secs(10);
/// How long a flight of the canary may take: both messages together. A person would have given up by then.
pub const CANARY_PATIENCE: Duration = Duration::from_secs(5);
/// How often overdue messages are looked for.
pub const RETRY_LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Receipts of a conversation are told at most this often: the contract's 200 ms.
pub const RECEIPTS_COALESCED: Duration = Duration::from_millis(200);
/// Cursors are stored at every so many of those: every five seconds. Whoever reads them from the store has them stored first. What a
/// process that is killed takes with it are five seconds' receipts: what was received, clients say again by saying what they hold when
/// they come back; what was read in these seconds may count as unread until they read on.
pub const RECEIPTS_STORED_EVERY: u32 = 25;
/// Marks of what was announced likewise: every two seconds. They have a journal, which survives the process and not a power cut.
pub const MARKS_STORED_EVERY: u32 = 10;
/// Receipts are told to everybody up to this many participants: beyond it they would be most of the traffic, and nobody reads fifty
/// ticks.
pub const RECEIPTS_PARTICIPANTS_MAX: usize = 50;
/// What the ledger holds in memory, in bytes: some 100,000 messages.
pub const LEDGER_BYTES_MAX: usize = 32 << 20;
/// Closed sockets that are remembered per user, for messages of the last minutes.
pub const CLOSED_SOCKETS_PER_USER_MAX: usize = 16;
/// Closed sockets that are remembered in all.
pub const CLOSED_SOCKETS_MAX: usize = 20_000;
/// Entries of connection histories and exceptions that wait to be written.
pub const EVIDENCE_WAITING_MAX: usize = 16_384;
/// Evidence is written this often.
pub const EVIDENCE_INTERVAL: Duration = Duration::from_millis(250);
/// How often a process notes that it is there: what the next one calls the end of one that died is at most this too early.
pub const ALIVE_NOTED_EVERY: Duration = Duration::from_secs(1);
/// Entries of connection histories that are looked at for one question, in all.
pub const CONNECTIONS_LOOKED_AT: u32 = 2_000;
/// The same of one user, however many are asked about; and however few: of somebody who comes and goes all day the newest tell enough.
pub const CONNECTIONS_LOOKED_AT_LEAST: u32 = 50;
/// See [`CONNECTIONS_LOOKED_AT_LEAST`].
pub const CONNECTIONS_LOOKED_AT_MOST: u32 = 500;
/// Evidence is kept this long, in milliseconds: a week, so that Monday can explain the weekend.
pub const EVIDENCE_KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Streams of live traffic at once: each looks at every event.
pub const TRAFFIC_STREAMS_MAX: usize = 16;
/// Probes at once: each may wait for the answers of every socket there is.
pub const PROBES_MAX: usize = 4;
/// How long a probe waits for answers, at most and unless it is told otherwise: the contract's 5 s.
pub const PROBE_PATIENCE_MAX: Duration = Duration::from_secs(5);
/// Sockets that one probe asks: more answers nobody reads, and each waits on a timer of its own.
pub const PROBE_SOCKETS_MAX: usize = 10_000;

/// Official Admin UIs at once: each is told of everything.
pub const ADMIN_UIS_MAX: usize = 32;
/// Sockets that the official Admin UI is shown: its own tables look through all of them for each one that comes.
pub const ADMIN_UI_SOCKETS_MAX: usize = 10_000;
/// Comings and goings that wait to be told to Admin UIs; beyond it they are shown everything anew.
pub const ADMIN_UI_HAPPENINGS_MAX: usize = 16_384;
/// Events that wait for one Admin UI that is slow; beyond it they are dropped, and it is shown everything anew.
pub const ADMIN_UI_WAITING_MAX: usize = 4_096;
/// The same in bytes. The events themselves are shared by all Admin UIs.
pub const ADMIN_UI_WAITING_BYTES_MAX: usize = 4 << 20;
/// An Admin UI that takes nothing for this long is cut.
pub const ADMIN_UI_PATIENCE: Duration = Duration::from_secs(30);
/// Commands of one Admin UI that wait to be carried out.
pub const ADMIN_UI_COMMANDS_WAITING_MAX: usize = 64;
/// Sessions of the official Admin UI that are remembered, and for how long: until tomorrow morning's reload.
pub const ADMIN_UI_SESSIONS_MAX: usize = 1_000;
/// See [`ADMIN_UI_SESSIONS_MAX`].
pub const ADMIN_UI_SESSION_LIFETIME: Duration = Duration::from_hours(24);
/// How often it is looked whether an Admin UI's account still is one that may look.
pub const ADMIN_UI_STANDING_INTERVAL: Duration = Duration::from_secs(10);

/// Attempts of the webhook that failed and are shown: two requests that were given up, or an hour of one that is not taken.
pub const WEBHOOK_FAILURES_KEPT: usize = 20;

/// Sockets of services that watch receipts: each is looked at when receipts are told.
pub const WATCHING_SOCKETS_MAX: usize = 100;

/// Conversations that one socket watches by their ids: about a megabyte. Those that its service made need none.
pub const WATCHED_CONVERSATIONS_MAX: usize = 10_000;

/// Cursors in one `receipts` for a service: about 50 KiB, a tenth of a socket's buffer.
pub const RECEIPTS_PER_EVENT: usize = 500;
