//! Where Socket.IO is, and which version of Engine.IO it speaks.

use super::check::{Check, Finding};
use super::patient::{Answer, Open, Patient};

/// Engine.IO's error codes.
const TRANSPORT_UNKNOWN: u64 = 0;
const FORBIDDEN: u64 = 4;
const UNSUPPORTED_VERSION: u64 = 5;

const POLLING: &str = "EIO=4&transport=polling";

/// Does an Engine.IO server answer here, whatever it says? A Rollcall says with Engine.IO's words that it is elsewhere.
fn is_engine(answer: &Answer) -> bool {
    if answer.status == 404 {
        return false;
    }
    Open::read(&answer.body).is_some() || answer.body.contains("\"sid\"") || answer.engine_code().is_some()
}

pub(super) async fn path(patient: &mut Patient) -> Finding {
    let asked = patient.path.clone();
    let answer = match patient.get(&asked, POLLING).await {
        Ok(answer) => answer,
        Err(words) => {
            return Finding::failed(
                Check::Path,
                words,
                "the server closes what it does not know; its log says why",
            );
        }
    };
    if is_engine(&answer) {
        patient.opened = Some(answer);
        return Finding::good(Check::Path, format!("Socket.IO answers at {asked}"));
    }
    for near in near_misses(patient) {
        if let Ok(other) = patient.get(&near, POLLING).await
            && is_engine(&other)
        {
            patient.opened = Some(other);
            patient.path.clone_from(&near);
            return Finding::failed(
                Check::Path,
                format!("Socket.IO is at {near}, and not at {asked}"),
                format!("io(url, {{ path: {near:?} }}), or let the proxy lead {asked} there"),
            );
        }
    }
    let (found, remedy) = match (answer.status, answer.is_web_page()) {
        (_, true) => (
            format!("a web page answers at {asked} (HTTP {})", answer.status),
            "a front end's server answers in its place: let the proxy lead /socket.io/ to the chat server",
        ),
        (401 | 403, _) => (
            answer.words(),
            "something in front refuses: basic auth, an allow list, or the origin (try --origin)",
        ),
        (404, _) => (
            format!("nothing at {asked} ({})", answer.words()),
            "is it a Socket.IO server? does the proxy cut the prefix off, or lead only some paths on? (--path)",
        ),
        _ => (answer.words(), "the server's log says why"),
    };
    Finding::failed(Check::Path, found, remedy)
}

/// Where it is by mistake, or by somebody's choice.
fn near_misses(patient: &Patient) -> Vec<String> {
    let slashless = patient.path.trim_end_matches('/').to_owned();
    let common = [
        "/socket.io/",
        "/ws/socket.io/",
        "/api/socket.io/",
        "/chat/socket.io/",
        "/socket/socket.io/",
        "/socket/",
        "/ws/",
        "/engine.io/",
    ];
    let common = common.into_iter().map(ToOwned::to_owned);
    let mut all: Vec<String> = [slashless.clone(), format!("{slashless}/")]
        .into_iter()
        .chain(common)
        .collect();
    all.retain(|path| *path != patient.path && !path.is_empty());
    all
}

pub(super) async fn engine_io(patient: &mut Patient) -> Finding {
    let Some(answer) = patient.opened.clone() else {
        return Finding::failed(Check::EngineIo, "no Socket.IO was found", "see path");
    };
    match answer.engine_code() {
        Some(UNSUPPORTED_VERSION) => return old_version(),
        Some(TRANSPORT_UNKNOWN) => {
            return Finding::good(Check::EngineIo, "version 4, by its error about polling");
        }
        Some(FORBIDDEN) => {
            return Finding::failed(
                Check::EngineIo,
                answer.words(),
                "the server's own rule (allowRequest, the origin) refuses this client",
            );
        }
        Some(_) => {
            return Finding::failed(Check::EngineIo, answer.words(), "the server's log says why");
        }
        None => {}
    }
    let Some(open) = Open::read(&answer.body) else {
        // Version 3 puts a length before each packet.
        return old_version();
    };
    let version_3 = patient.get(&patient.path, "EIO=3&transport=polling").await;
    let version_3 = match version_3 {
        Ok(answer) if answer.status == 200 && answer.body.contains("\"sid\"") => {
            "; version 3 (Socket.IO 2 clients) is let in too"
        }
        _ => "; version 3 (Socket.IO 2 clients) is refused",
    };
    let payload = open
        .max_payload
        .map(|bytes| format!(", at most {bytes} bytes"))
        .unwrap_or_default();
    Finding::good(
        Check::EngineIo,
        format!(
            "version 4: ping every {} s, {} s to answer{payload}{version_3}",
            open.ping_interval / 1_000,
            open.ping_timeout / 1_000
        ),
    )
}

fn old_version() -> Finding {
    Finding::failed(
        Check::EngineIo,
        "the server speaks Engine.IO 3 (Socket.IO 2), clients of today speak 4",
        "update the server to Socket.IO 3 or later, or use clients of version 2",
    )
}
