//! How to be a client: every choice, with its default.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use url::Url;

use crate::auth::Auth;
use crate::backoff::Backoff;
use crate::calls::Client;
use crate::error::DownReason;
use crate::event::{Events, State};
use crate::limits::{CALL_TIMEOUT, COMMAND_CAPACITY, CONNECT_TIMEOUT, EVENT_CAPACITY};
use crate::link::{First, Link, Options};
use crate::positions::Held;
use crate::receipts::ReceiptMode;
use crate::tap::{Tap, TappedPacket};
use crate::transport::{Target, tls_config};

/// A URL that leads to no server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is not a server's address: {why} (expected http://host:port, https://…, ws://… or wss://…)")]
pub struct InvalidUrl {
    url: String,
    why: String,
}

impl InvalidUrl {
    pub(crate) fn new(url: &str, why: impl Into<String>) -> Self {
        Self {
            url: url.to_owned(),
            why: why.into(),
        }
    }

    /// Reads `url`; the scheme becomes `http` or `https`.
    pub(crate) fn check(url: &str) -> Result<Url, InvalidUrl> {
        let invalid = |why: &str| InvalidUrl::new(url, why);
        let mut parsed = Url::parse(url.trim()).map_err(|error| invalid(&error.to_string()))?;
        let scheme = match parsed.scheme() {
            "http" | "ws" => "http",
            "https" | "wss" => "https",
            other => return Err(invalid(&format!("{other:?} is no scheme of a chat server"))),
        };
        if !parsed.has_host() {
            return Err(invalid("no host"));
        }
        parsed
            .set_scheme(scheme)
            .map_err(|()| invalid("its scheme cannot be changed"))?;
        parsed.set_query(None);
        parsed.set_fragment(None);
        Ok(parsed)
    }
}

/// Every choice. [`Builder::connect`] or [`Builder::start`] ends it.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    url: String,
    path: String,
    namespace: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    tap: Tap,
    auth: Auth,
    backoff: Backoff,
    connect_timeout: Duration,
    call_timeout: Duration,
    event_capacity: usize,
    receipts: ReceiptMode,
    client_name: Option<String>,
    answer_probes: bool,
    plain: bool,
    auth_data: Map<String, Value>,
    held: Held,
}

impl Builder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            path: "/socket.io/".into(),
            namespace: "/".into(),
            headers: Vec::new(),
            tap: Tap::default(),
            auth: Auth::Anonymous,
            backoff: Backoff::default(),
            connect_timeout: CONNECT_TIMEOUT,
            call_timeout: CALL_TIMEOUT,
            event_capacity: EVENT_CAPACITY,
            receipts: ReceiptMode::None,
            client_name: None,
            answer_probes: true,
            plain: false,
            auth_data: Map::new(),
            held: Held::default(),
        }
    }

    /// One token for `auth.token`.
    pub fn token(self, token: impl AsRef<str>) -> Self {
        self.auth(Auth::token(token))
    }

    /// Where tokens come from.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Where Socket.IO is served; `/socket.io/`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The namespace; `/`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// A header of the WebSocket upgrade, such as `origin`.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Promises receipts, and sends them for every message that reached [`Events`]; off.
    pub fn receipts(mut self, on: bool) -> Self {
        self.receipts = if on { ReceiptMode::Automatic } else { ReceiptMode::None };
        self
    }

    /// Promises receipts that the consumer sends itself, by [`Client::receipt`].
    pub fn manual_receipts(mut self) -> Self {
        self.receipts = ReceiptMode::Manual;
        self
    }

    /// `name/version`, shown to operators.
    pub fn client_name(mut self, name: impl Into<String>) -> Self {
        self.client_name = Some(name.into());
        self
    }

    /// How to come back; see [`Backoff`].
    pub fn reconnect(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How long TCP, TLS, the upgrade and the handshakes may take together; 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long calls wait for their answer; 10 s.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// Events that may wait for the consumer before nothing more is read; 1,024.
    pub fn event_capacity(mut self, capacity: usize) -> Self {
        self.event_capacity = capacity.max(1);
        self
    }

    /// Whether `probe` is acknowledged; yes. No is for tests of what an operator sees then.
    pub fn answer_probes(mut self, on: bool) -> Self {
        self.answer_probes = on;
        self
    }

    /// For a Socket.IO server that is no Rollcall: no event has a meaning here, each comes as [`ServerEvent::Other`] with all its
    /// arguments in an array, and nothing is resumed.
    ///
    /// [`ServerEvent::Other`]: crate::ServerEvent::Other
    pub fn plain(mut self, on: bool) -> Self {
        self.plain = on;
        self
    }

    /// Further fields of CONNECT's `auth`; those of the contract win.
    pub fn auth_data(mut self, data: Map<String, Value>) -> Self {
        self.auth_data = data;
        self
    }

    /// Goes on from what another client, or this one in an earlier life, held ([`Client::held`]).
    pub fn resume(mut self, held: Held) -> Self {
        self.held = held;
        self
    }

    /// Shows every packet to `tap`, tokens blotted out. It is called by the task that reads and writes, so it must be quick.
    pub fn tap(mut self, tap: impl Fn(TappedPacket<'_>) + Send + Sync + 'static) -> Self {
        self.tap = Tap::new(tap);
        self
    }

    /// Connects in the background, and keeps trying. Needs a tokio runtime.
    pub fn start(self) -> Result<(Client, Events), InvalidUrl> {
        self.spawn(None)
    }

    /// Connects, and reconnects from then on. A first attempt that fails is the only one.
    pub async fn connect(self) -> Result<(Client, Events), DownReason> {
        let (first, outcome) = oneshot::channel();
        let started = self.spawn(Some(first));
        let (client, events) = started.map_err(|error| DownReason::Unreachable(error.to_string()))?;
        match outcome.await {
            Ok(Ok(())) => Ok((client, events)),
            Ok(Err(reason)) => Err(reason),
            // Only a runtime that shuts down drops the task.
            Err(_) => Err(DownReason::Closed),
        }
    }

    fn spawn(self, first: Option<First>) -> Result<(Client, Events), InvalidUrl> {
        let target = self.target()?;
        let options = Options {
            target,
            auth: self.auth,
            backoff: self.backoff,
            connect_timeout: self.connect_timeout,
            receipts: self.receipts,
            client_name: self.client_name,
            answer_probes: self.answer_probes,
            plain: self.plain,
            auth_data: self.auth_data,
        };
        let (commands, commands_in) = mpsc::channel(COMMAND_CAPACITY);
        let (events, receiver) = mpsc::channel(self.event_capacity);
        let (state, state_out) = watch::channel(State::Connecting);
        let link = Link::new(options, commands_in, events, state, self.held);
        // Ends when the last handle is dropped, or by `close`.
        tokio::spawn(link.run(first));
        let client = Client::new(commands, state_out, self.call_timeout);
        Ok((client, Events { receiver }))
    }

    fn target(&self) -> Result<Target, InvalidUrl> {
        let mut url = InvalidUrl::check(&self.url)?;
        let invalid = |why: String| InvalidUrl::new(&self.url, why);
        let is_tls = url.scheme() == "https";
        let tls = is_tls
            .then(tls_config)
            .transpose()
            .map_err(|error| invalid(error.to_string()))?;
        let scheme = if is_tls { "wss" } else { "ws" };
        url.set_scheme(scheme).map_err(|()| invalid("another scheme".into()))?;
        let path = format!(
            "{}/{}",
            url.path().trim_end_matches('/'),
            self.path.trim_start_matches('/')
        );
        url.set_path(&path);
        url.set_query(Some("EIO=4&transport=websocket"));
        Ok(Target {
            url: url.into(),
            namespace: self.namespace.clone(),
            headers: self.headers.clone(),
            tls,
            tap: self.tap.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> String {
        Builder::new(url).target().unwrap().url
    }

    #[test]
    fn urls_become_sockets() {
        let query = "EIO=4&transport=websocket";
        assert_eq!(target("http://h:1"), format!("ws://h:1/socket.io/?{query}"));
        assert_eq!(target("wss://h/chat/?x=1"), format!("wss://h/chat/socket.io/?{query}"));
        let other = Builder::new("ws://h").path("other").target().unwrap();
        assert_eq!(other.url, format!("ws://h/other?{query}"));
    }

    #[test]
    fn what_is_no_address_is_said() {
        for bad in ["", "localhost:4600", "ftp://h", "http://", "file:///x"] {
            let error = Builder::new(bad).target().unwrap_err();
            assert!(error.to_string().contains("expected http://host:port"), "{error}");
        }
    }
}
