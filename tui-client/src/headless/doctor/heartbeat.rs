//! The heartbeat: whether a connection lives through a whole interval in which nothing passes on it.
//!
//! Some servers ping as soon as the connection is open, so that the first ping says nothing about the intervals between: what
//! cuts idle connections after 20 s is only seen by waiting for a ping that comes after 25 s of silence.

use std::time::Duration;

use rollcall_client::{Packet, PacketKind};
use tokio::time::Instant;

use super::check::{Check, Finding};
use super::patient::Patient;
use super::wire::{Ending, Wire, connect_packet};
use crate::duration::in_words;

/// A ping may be a little late without anything being wrong.
const GRACE: Duration = Duration::from_secs(5);
/// After the pong, a server that did not like it closes.
const AFTER_PONG: Duration = Duration::from_millis(500);
/// How long `--quick` waits for a ping that is sent at once.
const QUICK_PATIENCE: Duration = Duration::from_secs(1);
/// A server that always has something to say is not waited for any longer.
const PINGS_MAX: u32 = 3;
/// Most proxies cut what is silent for 60 s.
const PROXY_PATIENCE: Duration = Duration::from_secs(55);

/// A longer interval is not waited for.
const INTERVAL_MAX: Duration = Duration::from_mins(5);

const SWALLOWED: &str = "something in between holds back or forgets what is quiet (a buffering proxy, a firewall's or NAT's table): let it \
                         pass unbuffered, and keep idle connections for 60 s and more";
const OWN_GOODBYE: &str = "the server itself said goodbye: its log says why";

/// What was seen of the pings so far.
struct Seen {
    interval: Duration,
    pings: u32,
    /// The longest time in which nothing passed, before something did.
    longest: Duration,
    /// Why CONNECT was refused. Servers end such connections before long.
    refused: Option<String>,
}

pub(super) async fn heartbeat(patient: &mut Patient, quick: bool) -> Finding {
    let (mut wire, open) = match Wire::opened(patient).await {
        Ok(opened) => opened,
        Err(words) => return Finding::failed(Check::Heartbeat, words, "see websocket"),
    };
    // Some servers end what does not connect to a namespace in time.
    let _ = wire.send(connect_packet(patient, patient.token.as_deref())).await;
    let mut seen = Seen {
        interval: Duration::from_millis(open.ping_interval),
        pings: 0,
        longest: Duration::ZERO,
        refused: None,
    };
    if seen.interval.is_zero() || seen.interval > INTERVAL_MAX {
        let found = format!(
            "a ping is due every {}, which is not waited for",
            in_words(seen.interval)
        );
        return Finding::warning(
            Check::Heartbeat,
            found,
            "a pingInterval of 25 s suits clients and proxies",
        );
    }
    if quick {
        return seen.first(&mut wire).await;
    }
    while seen.pings < PINGS_MAX {
        let patience = seen.interval + GRACE.min(seen.interval);
        if let Err(finding) = seen.ping(&mut wire, patience).await {
            return finding;
        }
        if seen.was_idle() {
            break;
        }
    }
    seen.survived()
}

impl Seen {
    /// `--quick`: the first ping, where the server sends it at once. It proves nothing about idle connections.
    async fn first(&mut self, wire: &mut Wire) -> Finding {
        let started = Instant::now();
        let found = match self.ping(wire, QUICK_PATIENCE.min(self.interval)).await {
            Ok(()) => format!("only the first ping was seen, after {}", in_words(started.elapsed())),
            Err(_) if wire.ending().is_none() => {
                format!("no ping was seen, it is due every {}", in_words(self.interval))
            }
            Err(finding) => return finding,
        };
        let not = "; whether an idle connection lives through an interval was not looked at (--quick)";
        Finding::skipped(Check::Heartbeat, format!("{found}{not}"))
    }

    /// Waits for a ping and answers it.
    async fn ping(&mut self, wire: &mut Wire, patience: Duration) -> Result<(), Finding> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let heard = wire.text_within(left).await;
            match heard {
                Ok(Some(text)) => {
                    self.longest = self.longest.max(wire.idle());
                    if text == "2" {
                        break;
                    }
                    self.heard(&text);
                }
                Ok(None) => return Err(self.without_a_ping(wire.idle())),
                Err(words) => return Err(self.cut(wire, &words)),
            }
        }
        let idle = wire.idle();
        self.pings += 1;
        let answered = match wire.send("3").await {
            Ok(()) => match wire.text_within(AFTER_PONG.min(self.interval / 4)).await {
                Ok(text) => {
                    // The first ping may come before the answer to CONNECT.
                    if let Some(text) = text {
                        self.heard(&text);
                    }
                    Ok(())
                }
                Err(words) => Err(words),
            },
            Err(words) => Err(words),
        };
        answered.map_err(|words| {
            let found = format!(
                "a ping came after {} of idleness, but after the pong {words}",
                in_words(idle)
            );
            let remedy = if wire.ending() == Some(Ending::Goodbye) {
                OWN_GOODBYE
            } else {
                SWALLOWED
            };
            Finding::failed(Check::Heartbeat, found, remedy)
        })
    }

    /// Keeps what the answer to CONNECT says, if it is a refusal.
    fn heard(&mut self, text: &str) {
        let packet = Packet::read(text);
        if packet.kind == PacketKind::ConnectError {
            let message = packet.data["message"].as_str().or(packet.data.as_str());
            self.refused = Some(message.unwrap_or("without a word").to_owned());
        }
    }

    /// Timers are not exact, and a ping's way is not always equally long.
    fn was_idle(&self) -> bool {
        self.longest >= self.interval.mul_f64(0.9)
    }

    fn without_a_ping(&self, idle: Duration) -> Finding {
        let (idle, interval) = (in_words(idle), in_words(self.interval));
        let found = match self.pings {
            0 => format!("no ping came within {idle}, it is due every {interval}"),
            _ => format!("after the first ping no ping came within {idle} of idleness, it is due every {interval}"),
        };
        Finding::failed(Check::Heartbeat, found, SWALLOWED)
    }

    fn cut(&self, wire: &Wire, words: &str) -> Finding {
        let (idle, interval) = (in_words(wire.idle()), in_words(self.interval));
        let found = format!("{words} after {idle} of idleness, before the ping that is due every {interval}");
        if let Some(refused) = &self.refused {
            let found =
                format!("{found}; since CONNECT was refused ({refused}), it may well be the server that does not wait");
            let remedy =
                "with a token that is let in (--as, --token, --auth) it can be told apart from a proxy's idle timeout";
            return Finding::warning(Check::Heartbeat, found, remedy);
        }
        if wire.ending() == Some(Ending::Goodbye) {
            return Finding::failed(Check::Heartbeat, found, OWN_GOODBYE);
        }
        let remedy = format!(
            "something in between cuts what is idle: a proxy's idle timeout must be longer than the {interval} between two pings (nginx: \
             proxy_read_timeout 60s; HAProxy: timeout tunnel 1h; a load balancer: its idle timeout), or pingInterval shorter than the timeout"
        );
        Finding::failed(Check::Heartbeat, found, remedy)
    }

    fn survived(&self) -> Finding {
        let (longest, interval) = (in_words(self.longest), in_words(self.interval));
        if !self.was_idle() {
            let found = format!(
                "{} pings came and were answered; the server said so much in between that the connection never stood idle for a \
                 whole interval ({longest} of {interval}), so that no idle timeout was put to the test",
                self.pings
            );
            return Finding::good(Check::Heartbeat, found);
        }
        let found = format!(
            "the connection stood idle for {longest} and lived; the ping after that came, and its answer was taken"
        );
        if self.interval > PROXY_PATIENCE {
            let remedy = "proxies often cut what is quiet for 60 s: a shorter pingInterval keeps connections alive";
            return Finding::warning(Check::Heartbeat, found, remedy);
        }
        Finding::good(Check::Heartbeat, found)
    }
}
