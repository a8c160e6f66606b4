//! WebSocket, packet by packet: the upgrade, and the upgrade from polling.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::ORIGIN;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as Frame};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::check::{Check, Finding, took};
use super::patient::{Open, Patient, in_words};

/// A WebSocket, packet by packet.
pub(super) struct Wire {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    patience: Duration,
    /// When something last passed, either way.
    moved: Instant,
    /// For how long nothing had passed when the last reading ended.
    idle: Duration,
    said_goodbye: bool,
    ending: Option<Ending>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The server closed it in words: a close frame, or a packet that says so.
    Goodbye,
    /// It was cut.
    Cut,
}

/// Why there is none.
pub(super) enum Refusal {
    Http(u16, String),
    Words(String),
}

impl Refusal {
    pub(super) fn words(&self) -> String {
        match self {
            Refusal::Http(status, body) if body.is_empty() => format!("HTTP {status}"),
            Refusal::Http(status, body) => format!("HTTP {status}: {body}"),
            Refusal::Words(words) => words.clone(),
        }
    }
}

impl Wire {
    /// Opens one; `sid` upgrades a session that began by polling.
    pub(super) async fn open(patient: &Patient, sid: Option<&str>, origin: Option<&str>) -> Result<Self, Refusal> {
        let words = |words: String| Refusal::Words(words);
        let query = sid.map_or_else(
            || "EIO=4&transport=websocket".to_owned(),
            |sid| format!("EIO=4&transport=websocket&sid={sid}"),
        );
        let mut url = patient.at(&patient.path, &query);
        let scheme = if patient.is_tls() { "wss" } else { "ws" };
        let _ = url.set_scheme(scheme);
        let mut request = url
            .as_str()
            .into_client_request()
            .map_err(|error| words(in_words(&error)))?;
        if let Some(origin) = origin {
            let origin = HeaderValue::from_str(origin).map_err(|error| words(error.to_string()))?;
            request.headers_mut().insert(ORIGIN, origin);
        }
        let connector = if patient.is_tls() {
            Connector::Rustls(patient.tls.clone())
        } else {
            Connector::Plain
        };
        let opening = connect_async_tls_with_config(request, None, true, Some(connector));
        match timeout(patient.timeout, opening).await {
            Err(_) => Err(words(format!("no answer within {:?}", patient.timeout))),
            Ok(Err(SocketError::Http(response))) => {
                let body = response.body().as_deref().unwrap_or_default();
                let body = String::from_utf8_lossy(body).trim().chars().take(120).collect();
                Err(Refusal::Http(response.status().as_u16(), body))
            }
            Ok(Err(error)) => Err(words(in_words(&error))),
            Ok(Ok((socket, _))) => Ok(Self {
                socket,
                patience: patient.timeout,
                moved: Instant::now(),
                idle: Duration::ZERO,
                said_goodbye: false,
                ending: None,
            }),
        }
    }

    /// The same, and reads Engine.IO's open packet.
    pub(super) async fn opened(patient: &Patient) -> Result<(Self, Open), String> {
        let mut wire = Self::open(patient, None, patient.origin.as_deref())
            .await
            .map_err(|refusal| refusal.words())?;
        let text = wire.text().await?;
        let open = Open::read(&text).ok_or_else(|| format!("the first packet is {text:?} and no open packet"))?;
        Ok((wire, open))
    }

    pub(super) async fn send(&mut self, packet: impl Into<String>) -> Result<(), String> {
        let sent = self.socket.send(Frame::text(packet.into())).await;
        self.moved = Instant::now();
        sent.map_err(|error| self.ended(&in_words(&error)))
    }

    /// For how long nothing had passed when the last reading ended.
    pub(super) fn idle(&self) -> Duration {
        self.idle
    }

    /// `None` while it lives.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.ending
    }

    fn ended(&mut self, words: &str) -> String {
        let goodbye = self.said_goodbye;
        self.ending = Some(if goodbye { Ending::Goodbye } else { Ending::Cut });
        words.to_owned()
    }

    /// The next packet.
    pub(super) async fn text(&mut self) -> Result<String, String> {
        self.text_within(self.patience)
            .await?
            .ok_or_else(|| format!("nothing came within {:?}", self.patience))
    }

    /// The next packet, or nothing in this time.
    pub(super) async fn text_within(&mut self, time: Duration) -> Result<Option<String>, String> {
        let deadline = Instant::now() + time;
        loop {
            let read = timeout_at(deadline, self.socket.next()).await;
            self.idle = self.moved.elapsed();
            let Ok(frame) = read else { return Ok(None) };
            self.moved = Instant::now();
            match frame {
                None => return Err(self.ended("the connection was cut")),
                Some(Err(error)) => return Err(self.ended(&in_words(&error))),
                Some(Ok(Frame::Text(text))) => {
                    // Engine.IO's close, and Socket.IO's disconnect, after which the connection may live on.
                    self.said_goodbye |= text == "1" || text.starts_with("41");
                    if text == "1" {
                        return Err(self.ended("the server closed the connection"));
                    }
                    return Ok(Some(text.to_string()));
                }
                Some(Ok(Frame::Close(frame))) => {
                    let why = frame
                        .map(|frame| format!(" ({} {})", frame.code, frame.reason))
                        .unwrap_or_default();
                    self.said_goodbye = true;
                    return Err(self.ended(&format!("the server closed the connection{why}")));
                }
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next packet that is no ping; pings are answered.
    pub(super) async fn packet(&mut self) -> Result<String, String> {
        let deadline = Instant::now() + self.patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.text_within(left).await? {
                Some(text) if text == "2" => self.send("3").await?,
                Some(text) => return Ok(text),
                None => return Err(format!("nothing came within {:?}", self.patience)),
            }
        }
    }
}

/// CONNECT to the namespace, with this token in `auth`.
pub(super) fn connect_packet(patient: &Patient, token: Option<&str>) -> String {
    let auth = patient.auth(token);
    let auth = if auth.as_object().is_some_and(serde_json::Map::is_empty) {
        String::new()
    } else {
        auth.to_string()
    };
    match patient.namespace.as_str() {
        "/" => format!("40{auth}"),
        namespace => format!("40{namespace},{auth}"),
    }
}

const PROXY: &str = "a proxy in between must pass the upgrade on (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                     proxy_set_header Connection \"upgrade\")";

pub(super) async fn websocket(patient: &mut Patient) -> Finding {
    let started = Instant::now();
    let mut wire = match Wire::open(patient, None, patient.origin.as_deref()).await {
        Ok(wire) => wire,
        Err(refusal) => {
            let remedy = match &refusal {
                Refusal::Http(403, _) => {
                    "the origin is refused (ALLOWED_ORIGINS, cors.origin), or a rule in front: try --origin"
                }
                Refusal::Http(401, _) => "the server wants a token before the upgrade",
                Refusal::Http(..) => PROXY,
                Refusal::Words(_) => {
                    "the upgrade gets no answer; clients stay with polling then, if they can: look at the proxy's log"
                }
            };
            return Finding::failed(Check::WebSocket, refusal.words(), remedy);
        }
    };
    match wire.text().await {
        Ok(text) if Open::read(&text).is_some() => Finding::good(
            Check::WebSocket,
            format!("upgraded and opened {}", took(started.elapsed())),
        ),
        Ok(text) => Finding::failed(
            Check::WebSocket,
            format!("the first packet is {text:?}"),
            "another protocol is spoken there",
        ),
        Err(words) => Finding::failed(Check::WebSocket, format!("upgraded, but {words}"), PROXY),
    }
}

pub(super) async fn upgrade(patient: &mut Patient) -> Finding {
    let remedy =
        "a client that began by polling cannot go over to WebSocket: sticky sessions must hold for the upgrade, too";
    let opened = patient.get(&patient.path, "EIO=4&transport=polling").await;
    let Some(open) = opened.ok().and_then(|answer| Open::read(&answer.body)) else {
        return Finding::failed(Check::Upgrade, "no session by polling", "see polling");
    };
    if !open.upgrades.iter().any(|name| name == "websocket") {
        return Finding::warning(
            Check::Upgrade,
            "the server does not offer to upgrade from polling",
            "allow it (allowUpgrades), or let clients begin with transports: [\"websocket\"]",
        );
    }
    let mut wire = match Wire::open(patient, Some(&open.sid), patient.origin.as_deref()).await {
        Ok(wire) => wire,
        Err(refusal) => return Finding::failed(Check::Upgrade, refusal.words(), remedy),
    };
    let probed = async {
        wire.send("2probe").await?;
        wire.packet().await
    };
    match probed.await {
        Ok(text) if text == "3probe" => {
            let _ = wire.send("5").await;
            Finding::good(Check::Upgrade, "from polling to WebSocket: the probe was answered")
        }
        Ok(text) => Finding::failed(Check::Upgrade, format!("the probe was answered with {text:?}"), remedy),
        Err(words) => Finding::failed(Check::Upgrade, format!("the probe was not answered: {words}"), remedy),
    }
}
