//! From what a person has in hand (a title, a username) to ids.

use anyhow::{Result, bail};
use rollcall_client::protocol::ConversationView;
use rollcall_client::protocol::event::Session;
use rollcall_client::{ClientEvent, Events, ServerEvent, State};
use serde_json::Value;

use crate::site::Site;

/// Waits for `session`, the first thing that a Rollcall says.
pub(super) async fn session(events: &mut Events, site: &Site) -> Result<Session> {
    let heard = async {
        while let Some(event) = events.next().await {
            match event {
                ClientEvent::Server(ServerEvent::Session(session)) => return Ok(*session),
                ClientEvent::State(State::Closed { reason }) => bail!("the connection ended: {reason}"),
                _ => {}
            }
        }
        bail!("the connection ended")
    };
    match tokio::time::timeout(site.timeout, heard).await {
        Ok(session) => session,
        Err(_) => bail!(
            "connected, but no `session` came within {:?}: is {} a Rollcall?",
            site.timeout,
            site.url
        ),
    }
}

/// The conversation of that id, or of that title.
pub(super) fn conversation<'a>(session: &'a Session, wanted: &str) -> Result<&'a ConversationView> {
    let all = &session.conversations;
    if let Some(found) = all.iter().find(|view| view.id.as_str() == wanted) {
        return Ok(found);
    }
    let named: Vec<&ConversationView> = all.iter().filter(|view| called(session, view) == wanted).collect();
    let name = &session.user.username;
    match named.as_slice() {
        [one] => Ok(one),
        [] => {
            let known: Vec<String> = all.iter().map(|view| called(session, view)).collect();
            bail!(
                "{name} is in no conversation {wanted:?}; there are: {}",
                known.join(", ")
            )
        }
        several => bail!(
            "{name} is in {} conversations called {wanted:?}: give the id",
            several.len()
        ),
    }
}

/// A group's title; otherwise the other one's username.
pub(crate) fn called(session: &Session, view: &ConversationView) -> String {
    let others = view.participants.iter().filter(|other| other.id != session.user.id);
    let names: Vec<&str> = others.map(|other| other.username.as_str()).collect();
    view.title.clone().unwrap_or_else(|| names.join(", "))
}

/// A user's id, from an id or a username.
pub(super) async fn user_id(site: &Site, wanted: &str) -> Result<String> {
    let users = site
        .api(site.observer().as_deref(), &["users"], &[("q", wanted)])
        .await?;
    let users = users["users"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = users
        .iter()
        .find(|user| user["username"] == wanted || user["id"] == wanted);
    // An id is not searched by; the question itself will say if it is nobody's.
    Ok(found.and_then(|user| user["id"].as_str()).unwrap_or(wanted).to_owned())
}

/// The objects of a list of the admin's API.
pub(super) fn items(answer: &Value) -> &[Value] {
    answer["items"].as_array().map(Vec::as_slice).unwrap_or_default()
}
