//! Namespace `/admin`: the protocol of the official Socket.IO Admin UI, so that it connects to this server unchanged.
//!
//! In: connections of that UI, with an admin's or observer's username and password or the id of a session that these began. Out: what
//! it shows, and the few things that it can do. Guarantees: whoever is refused hears exactly `invalid credentials`, after the same
//! time and under the same rate as everywhere else; what is shown holds no secret and is bounded; its sockets count in no figure
//! of chat; a command is carried out only for an admin, and never when the server is read-only.

mod admission;
mod commands;
mod feed;
mod outbox;
mod picture;
mod sessions;
mod shown;
mod stats;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::ConnectInfo;
use chat_core::ports::{Accounts, Clock};
use chat_core::{Role, User};
use rollcall_protocol::reply::Refused as Refusal;
use rollcall_protocol::{ErrorCode, WireError};
use serde_json::{Value, json};
use socketioxide::handler::ConnectHandler;
use socketioxide::socket::DisconnectReason;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::admission::may_look;
use self::commands::Commands;
pub use self::commands::Operate;
use self::feed::{Control, Feed};
use self::outbox::{Item, Kind};
use self::sessions::Sessions;
use self::stats::Stats;
use super::listener::{ConnInfo, Flow, Line};
use super::socketio::packet::{Answer, RawAuth, RawEvent, too_many_waiting};
use super::socketio::{answer_its_request_first, reason_label};
use crate::hub::Hub;
use crate::hub::adapter::{SocketIo, SocketRef};
use crate::hub::admins::{ADMIN_NAMESPACE, AdminCaller, AdminLink};
use crate::identity::{Authority, RateLimits};
use crate::limits::{ADMIN_UI_STANDING_INTERVAL, ADMIN_UIS_MAX, USER_AGENT_CHARS_MAX};
use crate::settings::{AdminUi as Setting, AdminUiMode, TrustedProxies, client_address};
use crate::telemetry::GatewayMetrics;
use crate::telemetry::labels;

/// What becomes of the namespace when the server's address is entered with a slash at its end.
const ALIAS: &str = "//admin";

/// What the namespace is made of.
pub struct Parts {
    /// Who is here.
    pub hub: Arc<Hub>,
    /// Says who somebody is.
    pub authority: Arc<Authority>,
    /// For whether a session's account still is what it was.
    pub accounts: Arc<dyn Accounts>,
    /// How often one may try to sign in.
    pub limits: Arc<RateLimits>,
    /// Carries out commands.
    pub operate: Arc<dyn Operate>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Bytes of all connections.
    pub flow: Arc<Flow>,
    /// Whose `X-Forwarded-For` is believed.
    pub proxies: TrustedProxies,
    /// What is counted.
    pub metrics: GatewayMetrics,
    /// Operators have a listener of their own, and the namespace is there only.
    pub own_listener: bool,
    /// Ends what runs.
    pub stop: CancellationToken,
}

/// Admits Admin UIs, tells them what there is, and carries out their commands.
pub struct AdminUi {
    parts: Parts,
    setting: Setting,
    sessions: Sessions,
    commands: Commands,
    feed: mpsc::Sender<Control>,
}

impl fmt::Debug for AdminUi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AdminUi({:?})", self.setting)
    }
}

/// A connection between its middleware and its handler.
#[derive(Clone)]
struct Admitted {
    user: Arc<User>,
    /// To be told: it was begun just now.
    session: Option<String>,
    /// Its commands, in order; taken once.
    commands: Arc<parking_lot::Mutex<Option<mpsc::Receiver<RawEvent>>>>,
    /// Once it is there.
    link: Arc<OnceLock<Arc<AdminLink>>>,
    gone: CancellationToken,
}

impl AdminUi {
    /// Opens the namespace on `io`, unless it is off, and runs what tells it what there is.
    pub fn open(parts: Parts, setting: Setting, io: &SocketIo) {
        if setting.mode == AdminUiMode::Off {
            return;
        }
        let (sender, control) = mpsc::channel(ADMIN_UIS_MAX);
        let stats = Stats::new(Arc::clone(&parts.hub), Arc::clone(&parts.flow));
        let all_events = setting.mode == AdminUiMode::Development;
        let feed = Feed::new(Arc::clone(&parts.hub), Arc::clone(&parts.clock), stats, all_events);
        let stop = parts.stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled_owned(feed.run(control)).await });
        if all_events {
            tracing::warn!("the Admin UI is in development mode: it is shown every event, shortened");
        }
        let ui = Arc::new(Self {
            commands: Commands {
                hub: Arc::clone(&parts.hub),
                operate: Arc::clone(&parts.operate),
                readonly: setting.readonly,
            },
            parts,
            setting,
            sessions: Sessions::default(),
            feed: sender,
        });
        for path in [ADMIN_NAMESPACE, ALIAS] {
            let (admit, enter) = (Arc::clone(&ui), Arc::clone(&ui));
            let middleware = move |socket: SocketRef, auth: RawAuth| {
                let ui = Arc::clone(&admit);
                async move {
                    let admitted = ui.admit(&socket, auth).await;
                    if admitted.is_err() {
                        answer_its_request_first(&socket).await;
                    }
                    admitted
                }
            };
            let handler = move |socket: SocketRef| {
                let ui = Arc::clone(&enter);
                async move { ui.enter(socket).await }
            };
            io.ns(path, handler.with(middleware));
        }
    }

    fn address(&self, socket: &SocketRef) -> Option<IpAddr> {
        let peer = line_of(socket)?.peer().ip();
        Some(client_address(peer, &socket.req_parts().headers, &self.parts.proxies))
    }

    /// Registered before the client hears that it is connected, so that no early command is lost.
    fn listen(
        self: &Arc<Self>,
        socket: &SocketRef,
        commands: mpsc::Sender<RawEvent>,
        (link, gone): (Arc<OnceLock<Arc<AdminLink>>>, CancellationToken),
    ) {
        socket.on_fallback(move |event: RawEvent| {
            // Here, before the future, is where order is kept.
            let too_many = match commands.try_send(event) {
                Err(mpsc::error::TrySendError::Full(event)) => Some(event.answer),
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
            };
            async move {
                if let Some(answer) = too_many.filter(Answer::is_wanted) {
                    answer.send(&Refusal::new(too_many_waiting())).await;
                }
            }
        });
        let ui = Arc::clone(self);
        socket.on_disconnect(move |reason: DisconnectReason| async move {
            gone.cancel();
            if let Some(link) = link.get() {
                ui.leave(link, reason_label(reason)).await;
            }
        });
    }

    async fn leave(&self, link: &Arc<AdminLink>, reason: labels::DisconnectReason) {
        if self.parts.hub.exit_admin(link, reason) {
            let _stopping = self.feed.send(Control::Exit(Arc::clone(link))).await;
        }
    }

    async fn enter(self: Arc<Self>, socket: SocketRef) {
        let Some(admitted) = socket.extensions.remove::<Admitted>() else {
            return;
        };
        let caller = self.caller(&socket, &admitted.user);
        let Some(link) = self.parts.hub.enter_admin(socket.clone(), caller, line_of(&socket)) else {
            return;
        };
        admitted.link.get_or_init(|| Arc::clone(&link));
        // It may have gone before it was registered; then nobody else takes it out again.
        if admitted.gone.is_cancelled() || !link.is_connected() {
            return self.leave(&link, labels::DisconnectReason::TransportClose).await;
        }
        // After CONNECT and not before, as the original does it: its own UI does not listen yet at that time.
        if let Some(session) = admitted.session {
            say(&link, "session", session.into());
        }
        let features = self.features(admitted.user.role);
        say(&link, "config", json!({ "supportedFeatures": features }));
        let _stopping = self.feed.send(Control::Enter(Arc::clone(&link))).await;
        let commands = admitted.commands.lock().take();
        if let Some(commands) = commands {
            let serve = self.serve(&link, commands);
            admitted.gone.run_until_cancelled(serve).await;
        }
    }

    fn caller(&self, socket: &SocketRef, user: &Arc<User>) -> AdminCaller {
        let user_agent = socket.req_parts().headers.get(http::header::USER_AGENT);
        AdminCaller {
            user: Arc::clone(user),
            role: user.role,
            address: self
                .address(socket)
                .map_or_else(|| "unknown".to_owned(), |address| address.to_string()),
            user_agent: user_agent.map(|value| {
                String::from_utf8_lossy(value.as_bytes())
                    .chars()
                    .take(USER_AGENT_CHARS_MAX)
                    .collect()
            }),
        }
    }

    /// What the UI offers. There is no `EMIT`: what is sent here was saved before.
    fn features(&self, role: Role) -> Vec<&'static str> {
        let mut features = vec!["AGGREGATED_EVENTS"];
        if self.setting.mode == AdminUiMode::Development {
            features.push("ALL_EVENTS");
        }
        if !self.setting.readonly && role == Role::Admin {
            features.extend(["JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"]);
        }
        features
    }

    /// Carries out commands, one after the other, and looks now and then whether the account still may look.
    async fn serve(&self, link: &AdminLink, mut commands: mpsc::Receiver<RawEvent>) {
        let mut looks = tokio::time::interval(ADMIN_UI_STANDING_INTERVAL);
        loop {
            tokio::select! {
                event = commands.recv() => {
                    let Some(event) = event else { return };
                    let outcome = match self.standing(link).await {
                        Ok(Some(role)) => self.commands.run(link, role, &event).await,
                        Ok(None) => return self.send_away(link),
                        Err(error) => Err(error),
                    };
                    if let Err(error) = &outcome {
                        self.parts.metrics.event_errors.increment(labels::ErrorCode::from(error.code));
                    }
                    Commands::answer(link, &event, outcome).await;
                }
                _ = looks.tick() => {
                    // While the accounts cannot be read, whoever looks goes on looking.
                    if matches!(self.standing(link).await, Ok(None)) {
                        return self.send_away(link);
                    }
                }
            }
        }
    }

    /// What the account may do now; `None`: not even look.
    async fn standing(&self, link: &AdminLink) -> Result<Option<Role>, WireError> {
        let user = self.parts.accounts.user(&link.caller.user.id).await;
        let user = user.map_err(|error| {
            tracing::warn!(%error, "an account of the Admin UI could not be read");
            WireError::new(ErrorCode::StorageUnavailable, "the accounts cannot be read now")
        })?;
        Ok(user.filter(may_look).map(|user| user.role))
    }

    fn send_away(&self, link: &AdminLink) {
        tracing::info!(sid = %link.sid, user.name = %link.caller.user.username, "an Admin UI may not look any more");
        self.parts.hub.disconnect_admin(link);
    }
}

/// Says something to one that has just come: there is room.
fn say(link: &AdminLink, event: &'static str, arg: Value) {
    let item = Item::new(event, &[arg], Kind::News);
    if let Err(error) = link.emit(item.event, &item.args) {
        tracing::debug!(sid = %link.sid, event, %error, "an Admin UI was gone at once");
    }
}

fn line_of(socket: &SocketRef) -> Option<Arc<Line>> {
    let info = socket.req_parts().extensions.get::<ConnectInfo<ConnInfo>>()?;
    Some(Arc::clone(&info.0.line))
}
