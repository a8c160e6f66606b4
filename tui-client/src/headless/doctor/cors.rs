//! What a browser would be allowed from an origin.

use reqwest::Method;

use super::check::{Check, Finding};
use super::patient::{Answer, Patient};
use super::wire::{Refusal, Wire};

const HANDSHAKE: &str = "EIO=4&transport=polling";

/// What stands in the way of this origin, if anything does.
fn obstacle(answer: &Answer, origin: &str) -> Option<String> {
    match answer.header("access-control-allow-origin") {
        None => Some(format!("no Access-Control-Allow-Origin for {origin}")),
        Some(allowed) if allowed == origin || allowed == "*" => None,
        Some(other) => Some(format!("only {other} is allowed, and not {origin}")),
    }
}

pub(super) async fn cors(patient: &mut Patient) -> Finding {
    let Some(origin) = patient.origin.clone() else {
        return Finding::skipped(Check::Cors, "no page's origin was given (--origin https://…)");
    };
    let remedy = format!(
        "allow it: ALLOWED_ORIGINS={origin} (Rollcall), cors: {{ origin: {origin:?} }} (Node); no path, no slash at the end"
    );
    let url = patient.at(&patient.path, HANDSHAKE);
    let headers = [("origin", origin.as_str())];
    let simple = match patient.request(Method::GET, url.clone(), &headers, None).await {
        Ok(answer) => answer,
        Err(words) => return Finding::failed(Check::Cors, words, remedy),
    };
    if simple.status == 403 {
        return Finding::failed(Check::Cors, format!("{origin} is refused ({})", simple.words()), remedy);
    }
    if let Some(obstacle) = obstacle(&simple, &origin) {
        return Finding::failed(Check::Cors, format!("polling: {obstacle}"), remedy);
    }
    let asked = [
        ("origin", origin.as_str()),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    let preflight = patient.request(Method::OPTIONS, url, &asked, None).await;
    if let Ok(preflight) = &preflight
        && let Some(obstacle) = obstacle(preflight, &origin)
    {
        return Finding::warning(
            Check::Cors,
            format!("preflight ({}): {obstacle}", preflight.status),
            "own headers (extraHeaders) are asked about first: let OPTIONS through to the server",
        );
    }
    // Any other refusal is not about the origin, and `websocket` tells of it.
    if let Err(refusal @ Refusal::Http(401 | 403, _)) = Wire::open(patient, None, Some(&origin)).await {
        return Finding::failed(
            Check::Cors,
            format!("WebSocket from {origin}: {}", refusal.words()),
            remedy,
        );
    }
    let credentials = simple.header("access-control-allow-credentials") == Some("true");
    let any = simple.header("access-control-allow-origin") == Some("*");
    let found = match (any, credentials) {
        (true, _) => format!("{origin} is let in, as everybody is; withCredentials is not possible"),
        (false, true) => format!("{origin} is let in, with credentials"),
        (false, false) => format!("{origin} is let in; withCredentials (cookies) is not"),
    };
    Finding::good(Check::Cors, found)
}
