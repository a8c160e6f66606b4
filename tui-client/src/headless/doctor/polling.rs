//! HTTP long-polling: a whole handshake, and whether every request of it meets the same process.

use reqwest::Method;
use tokio::time::Instant;

use super::check::{Check, Finding, took};
use super::patient::{Answer, Open, Patient};

/// Sessions that are tried for stickiness: with two processes and no stickiness, all go well once in 4,096 times.
const SESSIONS: usize = 6;
/// A ping, an event or two may come before CONNECT's answer.
const POLLS_MAX: usize = 4;
/// Between the packets of one answer.
const SEPARATOR: char = '\u{1e}';
/// Engine.IO's "Session ID unknown".
const SID_UNKNOWN: u64 = 1;

/// Opens a session and connects to the namespace.
async fn session(patient: &Patient) -> Result<Answer, Failure> {
    let query = "EIO=4&transport=polling";
    let answer = patient.get(&patient.path, query).await.map_err(Failure::Words)?;
    let open = Open::read(&answer.body).ok_or_else(|| Failure::Answer(answer.clone()))?;
    let query = format!("{query}&sid={}", open.sid);
    let url = patient.at(&patient.path, &query);
    let connect = super::wire::connect_packet(patient, patient.token.as_deref());
    let posted = patient.request(Method::POST, url.clone(), &[], Some(connect)).await;
    let posted = posted.map_err(Failure::Words)?;
    if posted.status != 200 {
        return Err(Failure::Answer(posted));
    }
    let mut polled = None;
    for _ in 0..POLLS_MAX {
        let answer = patient.request(Method::GET, url.clone(), &[], None).await;
        let answer = answer.map_err(Failure::Words)?;
        if answer.status != 200 {
            return Err(Failure::Answer(answer));
        }
        // A ping may come first, and wants its answer.
        if answer.body.split(SEPARATOR).any(|packet| packet == "2") {
            let _ = patient.request(Method::POST, url.clone(), &[], Some("3".into())).await;
        }
        let done = is_connected(&answer);
        polled = Some(answer);
        if done {
            break;
        }
    }
    // Ends the session, so that it does not hang about; whether that is heard does not matter.
    let _ = patient.request(Method::POST, url, &[], Some("1".into())).await;
    polled.ok_or_else(|| Failure::Words("nothing was polled".into()))
}

/// Is CONNECT answered in it, one way or the other?
fn is_connected(polled: &Answer) -> bool {
    let mut packets = polled.body.split(SEPARATOR);
    packets.any(|packet| packet.starts_with("40") || packet.starts_with("44"))
}

enum Failure {
    Words(String),
    Answer(Answer),
}

impl Failure {
    fn is_unknown_session(&self) -> bool {
        matches!(self, Failure::Answer(answer) if answer.engine_code() == Some(SID_UNKNOWN))
    }

    fn words(&self) -> String {
        match self {
            Failure::Words(words) => words.clone(),
            Failure::Answer(answer) => answer.words(),
        }
    }
}

pub(super) async fn polling(patient: &mut Patient) -> Finding {
    if patient.opened.as_ref().and_then(Answer::engine_code) == Some(0) {
        return Finding::failed(
            Check::Polling,
            "the server does not offer polling",
            "clients begin with polling: let them begin with io(url, { transports: [\"websocket\"] }), or allow it",
        );
    }
    let started = Instant::now();
    match session(patient).await {
        Ok(polled) if is_connected(&polled) => Finding::good(
            Check::Polling,
            format!("handshake and CONNECT went through {}", took(started.elapsed())),
        ),
        Ok(polled) => Finding::failed(
            Check::Polling,
            format!("CONNECT was not answered, but with {:?}", polled.body),
            "is it a Socket.IO server behind Engine.IO? a middleware that never calls next() does this, too",
        ),
        // Seen again by the next check, which says more about it.
        Err(failure) if failure.is_unknown_session() => Finding::good(
            Check::Polling,
            "the handshake went through (its second request did not; see sticky)",
        ),
        Err(failure) => Finding::failed(
            Check::Polling,
            failure.words(),
            "a proxy that buffers, caches or refuses POST does this: lead all methods of the path on, unbuffered",
        ),
    }
}

pub(super) async fn sticky(patient: &mut Patient) -> Finding {
    let mut unknown = 0;
    for _ in 0..SESSIONS {
        match session(patient).await {
            Ok(_) => {}
            Err(failure) if failure.is_unknown_session() => unknown += 1,
            Err(failure) => {
                return Finding::warning(
                    Check::Sticky,
                    failure.words(),
                    "try again; if it stays, the server's log says why",
                );
            }
        }
    }
    if unknown == 0 {
        return Finding::good(
            Check::Sticky,
            format!("{SESSIONS} sessions stayed with one process each"),
        );
    }
    Finding::failed(
        Check::Sticky,
        format!(
            "in {unknown} of {SESSIONS} sessions a request met a process that did not know it (\"Session ID unknown\")"
        ),
        "several processes need sticky sessions (nginx: ip_hash or hash $arg_sid; a cookie): or clients that begin with WebSocket",
    )
}
