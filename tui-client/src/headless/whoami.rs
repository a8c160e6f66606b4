//! `whoami`: what the server believes of this connection, against what the client believes.

use anyhow::{Context, Result};
use rollcall_client::Client;
use rollcall_client::protocol::chat_core::ids::user_room;
use rollcall_client::protocol::event::Session;
use rollcall_client::protocol::reply::Whoami;
use serde_json::json;

use super::{Outcome, finding};
use crate::out::{Cell, Out, Tone};
use crate::site::Site;
use crate::text::harmless_line;

pub(super) async fn run(site: &Site, out: Out) -> Result<Outcome> {
    let mut outcome = Outcome::Good;
    site.first()?;
    for identity in &site.identities {
        let (client, mut events) = site.builder(Some(identity)).connect().await.context("no connection")?;
        let session = finding::session(&mut events, site).await?;
        let reader = tokio::spawn(async move { while events.next().await.is_some() {} });
        let whoami = ask(&client).await?;
        client.close().await;
        reader.abort();
        let differences = differences(&session, &whoami);
        if !differences.is_empty() {
            outcome = Outcome::Bad;
        }
        if site.json {
            out.json(&json!({"ok": differences.is_empty(), "server": whoami, "differences": differences}))?;
        } else {
            print(out, &session, &whoami, &differences)?;
        }
    }
    Ok(outcome)
}

async fn ask(client: &Client) -> Result<Whoami> {
    Ok(client.whoami().await?)
}

/// What the two sides do not agree about, in words.
pub(crate) fn differences(session: &Session, whoami: &Whoami) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, client: &str, server: &str| {
        if client != server {
            found.push(format!("{what}: the client has {client}, the server {server}"));
        }
    };
    differ("SID", session.sid.as_str(), whoami.sid.as_str());
    differ("namespace", &session.namespace, &whoami.namespace);
    differ("user", session.user.id.as_str(), whoami.user.id.as_str());
    for view in &session.conversations {
        let name = finding::called(session, view);
        match whoami.conversations.iter().find(|other| other.id == view.id) {
            None => found.push(format!("{name}: the client has it, the server does not")),
            Some(other) if !other.in_room => found.push(format!("{name}: this socket is not in {}", view.room)),
            Some(_) if !whoami.rooms.contains(&view.room) => {
                found.push(format!(
                    "{name}: the server says in_room, and {} is not among the rooms",
                    view.room
                ));
            }
            Some(_) => {}
        }
    }
    for other in &whoami.conversations {
        if !session.conversations.iter().any(|view| view.id == other.id) {
            found.push(format!("{}: the server has it, the client does not", other.id));
        }
    }
    found
}

/// Whose a room is, where the client knows a name for it.
pub(crate) fn room_name(session: &Session, room: &str) -> Option<String> {
    if room == session.sid.as_str() {
        return Some("this socket".into());
    }
    if room == user_room(&session.user.id) {
        return Some(session.user.username.clone());
    }
    let view = session.conversations.iter().find(|view| view.room == room)?;
    Some(finding::called(session, view))
}

fn print(out: Out, session: &Session, whoami: &Whoami, differences: &[String]) -> Result<()> {
    let (tone, words) = match differences {
        [] => (Tone::Good, "● client and server agree".to_owned()),
        some => (
            Tone::Failed,
            format!("■ client and server disagree about {} things", some.len()),
        ),
    };
    out.line(out.paint(tone, &format!("{words}: {} is {}", session.user.username, whoami.sid)))?;
    out.line(format!(
        "  user {} ({:?}, {})  namespace {}  node {}  transport {}",
        whoami.user.username, whoami.user.role, whoami.user.id, whoami.namespace, whoami.node_id, whoami.transport
    ))?;
    out.line("  rooms")?;
    for room in &whoami.rooms {
        let name = room_name(session, room).map(|name| format!("{}  ", harmless_line(&name)));
        let id = out.paint(Tone::Faint, &harmless_line(room));
        out.line(format!("    {}{id}", name.unwrap_or_default()))?;
    }
    for difference in differences {
        out.line(out.paint(Tone::Failed, &format!("  ■ {difference}")))?;
    }
    let rows: Vec<Vec<Cell>> = whoami
        .conversations
        .iter()
        .map(|conversation| {
            let view = session.conversations.iter().find(|view| view.id == conversation.id);
            let (tone, word) = if conversation.in_room {
                (Tone::Good, "✓")
            } else {
                (Tone::Failed, "■ no")
            };
            vec![
                Cell::plain(view.map_or_else(|| "?".into(), |view| finding::called(session, view))),
                Cell::new(tone, word),
                Cell::plain(conversation.last_seq.0.to_string()),
                Cell::plain(conversation.received_seq.0.to_string()),
                Cell::new(Tone::Faint, conversation.id.as_str()),
            ]
        })
        .collect();
    out.table(&["conversation", "in room", "last", "received", "id"], &rows)?;
    Ok(())
}
