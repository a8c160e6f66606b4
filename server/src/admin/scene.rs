//! What surrounds a page: who looks, when, at which tab; and whether the whole page is wanted or only its live parts.

use askama::Template;
use axum::extract::{FromRef, FromRequestParts};
use axum::response::{Html, IntoResponse, Response};
use chat_core::Timestamp;
use http::request::Parts;

use super::AdminDeps;
use super::asked::Asked;
use super::assets;
use super::refusal::Refusal;
use super::viewer::Viewer;
use super::words::Stamp;

/// The header with which `live.js` asks for a page's live parts alone.
const FRAGMENT_HEADER: &str = "x-rollcall-fragment";

/// The entries of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Namespaces,
    Rooms,
    Sockets,
    Users,
    Conversations,
    Messages,
    Explain,
    Traffic,
    Probe,
    Rejected,
    Nodes,
    Tokens,
    Webhook,
    Audit,
}

impl Tab {
    const ALL: [Tab; 15] = [
        Tab::Overview,
        Tab::Namespaces,
        Tab::Rooms,
        Tab::Sockets,
        Tab::Users,
        Tab::Conversations,
        Tab::Messages,
        Tab::Explain,
        Tab::Traffic,
        Tab::Probe,
        Tab::Rejected,
        Tab::Nodes,
        Tab::Tokens,
        Tab::Webhook,
        Tab::Audit,
    ];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Tab::Overview => "Overview",
            Tab::Namespaces => "Namespaces",
            Tab::Rooms => "Rooms",
            Tab::Sockets => "Sockets",
            Tab::Users => "Users",
            Tab::Conversations => "Conversations",
            Tab::Messages => "Messages",
            Tab::Explain => "Explain",
            Tab::Traffic => "Traffic",
            Tab::Probe => "Probe",
            Tab::Rejected => "Rejected",
            Tab::Nodes => "Nodes",
            Tab::Tokens => "Tokens",
            Tab::Webhook => "Webhook",
            Tab::Audit => "Audit",
        }
    }

    pub(crate) fn href(self) -> &'static str {
        match self {
            Tab::Overview => "/admin",
            Tab::Namespaces => "/admin/namespaces",
            Tab::Rooms => "/admin/rooms",
            Tab::Sockets => "/admin/sockets",
            Tab::Users => "/admin/users",
            Tab::Conversations => "/admin/conversations",
            Tab::Messages => "/admin/messages",
            Tab::Explain => "/admin/explain",
            Tab::Traffic => "/admin/traffic",
            Tab::Probe => "/admin/probe",
            Tab::Rejected => "/admin/rejected",
            Tab::Nodes => "/admin/nodes",
            Tab::Tokens => "/admin/tokens",
            Tab::Webhook => "/admin/webhook",
            Tab::Audit => "/admin/audit",
        }
    }
}

/// One request for a page.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) viewer: Viewer,
    pub(crate) now: Timestamp,
    pub(crate) asked: Asked,
    fragment: bool,
}

impl Scene {
    pub(crate) fn new(deps: &AdminDeps, viewer: Viewer, parts: &Parts) -> Self {
        Self {
            viewer,
            now: deps.clock.now(),
            asked: Asked::of(&parts.uri),
            fragment: parts.headers.contains_key(FRAGMENT_HEADER),
        }
    }

    /// The frame around the page `title` of this tab.
    pub(crate) fn chrome(&self, tab: Option<Tab>, title: impl Into<String>) -> Chrome {
        Chrome {
            title: title.into(),
            nav: Tab::ALL
                .iter()
                .map(|entry| NavItem {
                    label: entry.label(),
                    href: entry.href(),
                    current: tab == Some(*entry),
                })
                .collect(),
            username: self.viewer.account.username.clone(),
            role: self.viewer.account.role.as_str(),
            may_change: self.viewer.may_change(),
            csrf: self.viewer.csrf().unwrap_or_default().to_owned(),
            at: self.stamp(self.now),
            fragment: self.fragment,
            done: self.asked.get("done").and_then(done),
            assets: assets::Urls::ADMIN,
        }
    }

    pub(crate) fn stamp(&self, at: Timestamp) -> Stamp {
        Stamp::new(at, self.now)
    }

    #[cfg(test)]
    pub(crate) fn sample(uri: &str, role: chat_core::Role) -> Self {
        use super::session::Account;
        use super::viewer::Via;
        Self {
            viewer: Viewer {
                account: Account {
                    user_id: chat_core::UserId::parse("admin").unwrap(),
                    username: "admin".to_owned(),
                    role,
                },
                via: Via::Bearer,
            },
            now: sample_time(0),
            asked: Asked::of(&uri.parse().unwrap()),
            fragment: false,
        }
    }
}

/// The moment of every sample, and so many seconds before it.
#[cfg(test)]
pub(crate) fn sample_time(seconds_ago: i64) -> Timestamp {
    let now: Timestamp = "2026-11-21T03:14:07.113Z".parse().unwrap();
    now.plus_millis(-1_000 * seconds_ago)
}

impl<S: Sync> FromRequestParts<S> for Scene
where
    AdminDeps: FromRef<S>,
{
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let viewer = Viewer::from_request_parts(parts, state).await?;
        Ok(Self::new(&AdminDeps::from_ref(state), viewer, parts))
    }
}

/// What a form did, told on the page that it leads to. A closed set: the address bar can not write on the page.
fn done(what: &str) -> Option<&'static str> {
    match what {
        "disconnected" => Some("The socket was disconnected."),
        "joined" => Some("The socket was joined to the room."),
        "left" => Some("The socket was taken out of the room."),
        "repaired" => Some("Everybody who was online and missing is in the room again."),
        "disabled" => Some("The account is disabled, and its sockets are closed."),
        "enabled" => Some("The account is enabled again."),
        "revoked" => Some("The token is taken back; its connections are closed within seconds."),
        "ban-lifted" => Some("The ban is lifted: they can be added again."),
        "user-disconnected" => Some("Every socket of this user was disconnected."),
        _ => None,
    }
}

/// What every signed-in page has around its content.
#[derive(Debug, Clone)]
pub(crate) struct Chrome {
    pub(crate) title: String,
    pub(crate) nav: Vec<NavItem>,
    pub(crate) username: String,
    pub(crate) role: &'static str,
    pub(crate) may_change: bool,
    pub(crate) csrf: String,
    /// When what the page shows was true.
    pub(crate) at: Stamp,
    /// Only the live parts.
    pub(crate) fragment: bool,
    pub(crate) done: Option<&'static str>,
    pub(crate) assets: assets::Urls,
}

/// An entry of the navigation.
#[derive(Debug, Clone)]
pub(crate) struct NavItem {
    pub(crate) label: &'static str,
    pub(crate) href: &'static str,
    pub(crate) current: bool,
}

/// Renders a page.
pub(crate) fn html(page: &impl Template) -> Result<Response, Refusal> {
    match page.render() {
        Ok(text) => Ok(Html(text).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            Err(Refusal::Internal)
        }
    }
}
