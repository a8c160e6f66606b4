//! Socket.IO itself: the namespace, and what a Rollcall does beyond it.

use rollcall_client::{Packet, PacketKind};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::check::{Check, Finding, took};
use super::patient::Patient;
use super::wire::{Wire, connect_packet};

/// A Rollcall says `session` at once.
const SESSION_PATIENCE: Duration = Duration::from_secs(2);

/// What came of CONNECT.
pub(super) enum Connected {
    Yes { sid: String, wire: Box<Wire> },
    No(String),
}

/// Connects to the namespace.
pub(super) async fn connect(patient: &Patient, token: Option<&str>) -> Result<Connected, String> {
    let (mut wire, _) = Wire::opened(patient).await?;
    wire.send(connect_packet(patient, token)).await?;
    loop {
        let packet = Packet::read(&wire.packet().await?);
        match packet.kind {
            PacketKind::Connect => {
                let sid = packet.data["sid"].as_str().unwrap_or("?").to_owned();
                let wire = Box::new(wire);
                return Ok(Connected::Yes { sid, wire });
            }
            PacketKind::ConnectError => {
                let message = packet.data["message"].as_str().or(packet.data.as_str());
                return Ok(Connected::No(message.unwrap_or("without a word").to_owned()));
            }
            PacketKind::Disconnect | PacketKind::Close => return Err("the server disconnected".into()),
            _ => {}
        }
    }
}

pub(super) async fn namespace(patient: &mut Patient) -> Finding {
    let name = patient.namespace.clone();
    let token = patient.token.clone();
    match connect(patient, token.as_deref()).await {
        Ok(Connected::Yes { .. }) => Finding::good(Check::Namespace, format!("{name} is there")),
        Ok(Connected::No(message)) => {
            let lower = message.to_ascii_lowercase();
            if lower.contains("namespace") || lower.starts_with("not_found") {
                return Finding::failed(
                    Check::Namespace,
                    format!("{name}: {message}"),
                    "what stands behind the host in io(\"https://host/name\") is a namespace and no path; the usual one is /",
                );
            }
            Finding::good(Check::Namespace, format!("{name} is there (and refuses: {message})"))
        }
        Err(words) => Finding::failed(
            Check::Namespace,
            format!("CONNECT to {name} was not answered: {words}"),
            "a middleware that never calls next(), or a namespace that is made only later",
        ),
    }
}

/// Emits with an acknowledgement, and gives its arguments.
async fn ask(wire: &mut Wire, patient: &Patient, ack: u32, event: &str) -> Result<Value, String> {
    let namespace = match patient.namespace.as_str() {
        "/" => String::new(),
        namespace => format!("{namespace},"),
    };
    wire.send(format!("42{namespace}{ack}{}", json!([event, {}]))).await?;
    loop {
        let packet = Packet::read(&wire.packet().await?);
        if packet.kind == PacketKind::Ack && packet.ack == Some(u64::from(ack)) {
            return Ok(packet.data);
        }
    }
}

/// Connects, and waits for `session`.
async fn session(patient: &Patient) -> Result<Option<(Box<Wire>, Value)>, String> {
    let Connected::Yes { mut wire, .. } = connect(patient, patient.token.as_deref()).await? else {
        return Ok(None);
    };
    let deadline = Instant::now() + SESSION_PATIENCE.min(patient.timeout);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(text) = wire.text_within(left).await? else {
            return Ok(None);
        };
        let packet = Packet::read(&text);
        if packet.event.as_deref() == Some("session") {
            let session = packet.data[0].clone();
            return Ok(Some((wire, session)));
        }
    }
}

pub(super) async fn auto_join(patient: &mut Patient) -> Finding {
    let failed = |words: String| Finding::failed(Check::AutoJoin, words, "the server's log says why");
    let (mut wire, session) = match session(patient).await {
        Ok(Some(begun)) => begun,
        Ok(None) => {
            return Finding::skipped(
                Check::AutoJoin,
                "no session event came: this is no Rollcall, and joins are its own affair",
            );
        }
        Err(words) => return failed(words),
    };
    let whoami = match ask(&mut wire, patient, 1, "whoami").await {
        Ok(answer) => answer[0].clone(),
        Err(words) => return failed(format!("whoami: {words}")),
    };
    let conversations = session["conversations"].as_array().map_or(0, Vec::len);
    let outside: Vec<&str> = whoami["conversations"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|conversation| conversation["in_room"] != json!(true))
        .filter_map(|conversation| conversation["id"].as_str())
        .collect();
    if !outside.is_empty() {
        return Finding::failed(
            Check::AutoJoin,
            format!("connected, but not in the room of {}", outside.join(", ")),
            "the next message repairs it; explain says how it came about",
        );
    }
    if whoami["sid"] != session["sid"] {
        return failed(format!("session says SID {}, whoami {}", session["sid"], whoami["sid"]));
    }
    Finding::good(
        Check::AutoJoin,
        format!("in the rooms of all {conversations} conversations"),
    )
}

pub(super) async fn echo(patient: &mut Patient, event: Option<&str>) -> Finding {
    let begun = match (event, session(patient).await) {
        (_, Err(words)) => return Finding::failed(Check::Echo, words, "see accepted"),
        (None, Ok(None)) => {
            return Finding::skipped(
                Check::Echo,
                "no event with an acknowledgement is known here (--event NAME)",
            );
        }
        (None, Ok(Some((wire, _)))) => Some((wire, "whoami")),
        (Some(event), Ok(begun)) => {
            let wire = match begun {
                Some((wire, _)) => Some(wire),
                None => match connect(patient, patient.token.as_deref()).await {
                    Ok(Connected::Yes { wire, .. }) => Some(wire),
                    _ => None,
                },
            };
            wire.map(|wire| (wire, event))
        }
    };
    let Some((mut wire, event)) = begun else {
        return Finding::failed(Check::Echo, "not connected", "see accepted");
    };
    let started = Instant::now();
    match ask(&mut wire, patient, 7, event).await {
        Ok(_) => Finding::good(
            Check::Echo,
            format!("{event} was acknowledged {}", took(started.elapsed())),
        ),
        Err(words) => Finding::failed(
            Check::Echo,
            format!("{event} was not acknowledged: {words}"),
            "nobody listens to it, its listener does not call its callback, or it was registered too late",
        ),
    }
}
