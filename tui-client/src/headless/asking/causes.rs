//! `delivery` and `explain`: what became of a message.

use anyhow::{Result, bail};
use serde_json::Value;

use super::super::{Outcome, finding};
use super::cell;
use crate::args::{DeliveryArgs, ExplainArgs};
use crate::out::{Cell, Out, Tone, shown};
use crate::site::Site;
use crate::text::harmless_line;

/// Shape and colour of a status of the contract.
fn status(word: &str) -> (Tone, &'static str) {
    match word {
        "read" | "delivered" => (Tone::Good, "●"),
        "sent" => (Tone::Late, "◌"),
        "offline" => (Tone::Faint, "○"),
        _ => (Tone::Failed, "■"),
    }
}

/// The cause, where it says more than the status beside it: who is offline is so because they are offline.
pub(crate) fn cause_beside<'a>(status: &str, cause: &'a Value) -> Option<&'a str> {
    cause.as_str().filter(|cause| *cause != status)
}

/// The sender may ask, and so may an admin.
async fn delivery_of(site: &Site, message: &str) -> Result<Value> {
    let mut refused = None;
    for identity in &site.identities {
        match site
            .api(identity.token.get().as_deref(), &["messages", message, "delivery"], &[])
            .await
        {
            Ok(answer) => return Ok(answer),
            Err(error) => refused = Some(error),
        }
    }
    match (site.admin(&["messages", message, "delivery"], &[]).await, refused) {
        (Ok(answer), _) => Ok(answer),
        (Err(_), Some(error)) => Err(error.context("only its sender and admins may ask")),
        (Err(error), None) => Err(error),
    }
}

pub(in super::super) async fn delivery(site: &Site, args: &DeliveryArgs, out: Out) -> Result<Outcome> {
    let answer = delivery_of(site, &args.message).await?;
    let participants = answer["participants"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_bad = |participant: &&Value| {
        let word = participant["status"].as_str().unwrap_or_default();
        !matches!(word, "read" | "delivered" | "sent" | "offline")
    };
    let bad = participants.iter().filter(is_bad).count();
    let outcome = if bad == 0 { Outcome::Good } else { Outcome::Bad };
    if site.json {
        out.json(&answer)?;
        return Ok(outcome);
    }
    let words = if bad == 0 {
        out.paint(Tone::Good, "● nobody who is there is without it")
    } else {
        out.paint(
            Tone::Failed,
            &format!("■ {bad} of {} people have not got it", participants.len()),
        )
    };
    out.line(words)?;
    let mut rows = Vec::new();
    for participant in participants {
        let word = shown(&participant["status"]);
        let (tone, shape) = status(&word);
        let status = Cell::new(tone, format!("{shape} {word}"));
        let cause = Cell::plain(cause_beside(&word, &participant["cause"]).unwrap_or("-"));
        let mut lead = vec![cell(participant, "username"), status, cause];
        let sockets = participant["sockets"].as_array().map(Vec::as_slice).unwrap_or_default();
        for socket in sockets {
            let fields = [
                "sid",
                "client",
                "path",
                "attempts",
                "latency_ms",
                "confirmed_at",
                "error",
            ];
            lead.extend(fields.map(|field| cell(socket, field)));
            rows.push(std::mem::replace(&mut lead, vec![Cell::plain(""); 3]));
        }
        if sockets.is_empty() {
            rows.push(lead);
        }
    }
    let head = [
        "user",
        "status",
        "cause",
        "SID",
        "client",
        "path",
        "attempts",
        "ms",
        "confirmed",
        "error",
    ];
    out.table(&head, &rows)?;
    Ok(outcome)
}

pub(in super::super) async fn explain(site: &Site, args: &ExplainArgs, out: Out) -> Result<Outcome> {
    let user = match &args.user {
        Some(user) => Some(finding::user_id(site, user).await?),
        None => None,
    };
    let asked = [
        ("message_id", args.message.as_deref()),
        ("conversation_id", args.conversation.as_deref()),
        ("client_message_id", args.client_message.as_deref()),
        ("user_id", user.as_deref()),
    ];
    let query: Vec<(&str, &str)> = asked
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value)?)))
        .collect();
    let answer = site.admin(&["explain"], &query).await?;
    let Some(verdict) = answer["verdict"].as_str() else {
        bail!("the answer has no verdict: {answer}");
    };
    let (tone, shape) = status(verdict);
    let outcome = if tone == Tone::Failed {
        Outcome::Bad
    } else {
        Outcome::Good
    };
    if site.json {
        out.json(&answer)?;
        return Ok(outcome);
    }
    let cause = cause_beside(verdict, &answer["cause"])
        .map(|cause| format!(" ({cause})"))
        .unwrap_or_default();
    out.line(out.paint(tone, &harmless_line(&format!("{shape} {verdict}{cause}"))))?;
    out.line(harmless_line(&shown(&answer["summary"])))?;
    if let Some(remedy) = answer["remedy"].as_str() {
        out.line(format!("→ {}", harmless_line(remedy)))?;
    }
    let rows = answer["steps"].as_array().into_iter().flatten().map(|step| {
        let (tone, shape) = match step["status"].as_str() {
            Some("ok") => (Tone::Good, "●"),
            Some("failed") => (Tone::Failed, "■"),
            Some("skipped") => (Tone::Faint, "○"),
            _ => (Tone::Late, "◌"),
        };
        let status = format!("{shape} {}", shown(&step["status"]));
        vec![
            Cell::new(tone, status),
            cell(step, "step"),
            cell(step, "at"),
            cell(step, "detail"),
        ]
    });
    out.table(&["", "step", "at", "detail"], &rows.collect::<Vec<_>>())?;
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cause_that_is_the_status_is_not_said_twice() {
        assert_eq!(cause_beside("offline", &json!("offline")), None);
        assert_eq!(cause_beside("missed", &json!("not_in_room")), Some("not_in_room"));
        assert_eq!(cause_beside("read", &Value::Null), None);
    }
}
