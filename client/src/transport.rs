//! From a URL to a connected namespace: TCP, TLS, upgrade, Engine.IO's and Socket.IO's handshakes.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rollcall_protocol::chat_core::Sid;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as Frame, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use crate::error::DownReason;
use crate::limits::{EARLY_EVENTS_MAX, FRAME_BYTES_MAX};
use crate::rest::wait_asked;
use crate::tap::Tap;
use crate::wire::{self, Decoder, Incoming, Open, preview};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Where to connect, and how.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// `ws://host/socket.io/?EIO=4&transport=websocket`
    pub(crate) url: String,
    pub(crate) namespace: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Only for `wss`.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) tap: Tap,
}

/// A connected namespace.
pub(crate) struct Opened {
    pub(crate) socket: Socket,
    pub(crate) decoder: Decoder,
    pub(crate) open: Open,
    pub(crate) sid: Sid,
    /// Events that came before the answer to CONNECT: python-socketio sends what its connect handler emits first.
    pub(crate) early: Vec<Incoming>,
}

/// The roots of the system, and the one provider of cryptography that this crate is built with.
pub fn tls_config() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    // Unreadable ones among the system's are skipped; with none left, every connection says "unknown issuer".
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

impl Target {
    /// Goes all the way. `auth` goes into CONNECT; `shown` is what the tap sees of it.
    pub(crate) async fn open(self, auth: Value, shown: Value) -> Result<Opened, DownReason> {
        let mut socket = self.upgrade().await?;
        let mut decoder = Decoder::new(&self.namespace);
        let open = match self.read(&mut socket, &mut decoder).await? {
            Incoming::Open(open) => open,
            other => return Err(unexpected("Engine.IO's open packet", &other)),
        };
        self.tap.outgoing(&wire::connect(&self.namespace, &shown));
        let connect = wire::connect(&self.namespace, &auth);
        socket.send(Frame::text(connect)).await.map_err(|error| lost(&error))?;
        let mut early = Vec::new();
        loop {
            match self.read(&mut socket, &mut decoder).await? {
                Incoming::Connected(sid) => {
                    return Ok(Opened {
                        socket,
                        decoder,
                        open,
                        sid,
                        early,
                    });
                }
                Incoming::ConnectError(message) => return Err(DownReason::from_connect_error(&message)),
                Incoming::Ping => {
                    self.tap.outgoing(wire::PONG);
                    socket
                        .send(Frame::text(wire::PONG))
                        .await
                        .map_err(|error| lost(&error))?;
                }
                Incoming::Noop => {}
                event @ (Incoming::Event { .. } | Incoming::Partial) if early.len() < EARLY_EVENTS_MAX => {
                    early.push(event);
                }
                Incoming::Disconnected | Incoming::Close => return Err(DownReason::DisconnectedByServer),
                other => return Err(unexpected("the answer to CONNECT", &other)),
            }
        }
    }

    fn request(&self) -> Result<Request, DownReason> {
        let mut request = (&self.url)
            .into_client_request()
            .map_err(|error| DownReason::Unreachable(error.to_string()))?;
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        Ok(request)
    }

    async fn upgrade(&self) -> Result<Socket, DownReason> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        let connector = self.tls.clone().map_or(Connector::Plain, Connector::Rustls);
        // Chat packets are small and wait for an answer: Nagle's algorithm would only delay them.
        let no_delay = true;
        connect_async_tls_with_config(self.request()?, Some(config), no_delay, Some(connector))
            .await
            .map(|(socket, _)| socket)
            .map_err(not_upgraded)
    }

    async fn read(&self, socket: &mut Socket, decoder: &mut Decoder) -> Result<Incoming, DownReason> {
        loop {
            let frame = socket
                .next()
                .await
                .ok_or_else(|| DownReason::Lost("the stream ended".into()))?;
            match frame.map_err(|error| lost(&error))? {
                Frame::Text(text) => {
                    self.tap.incoming(&text);
                    return decoder
                        .text(&text)
                        .map_err(|error| DownReason::Protocol(format!("{error}: {:?}", preview(&text))));
                }
                Frame::Binary(_) => return Err(DownReason::Protocol("a binary frame in the handshake".into())),
                Frame::Close(frame) => return Err(closed(frame.map(|f| (f.code.into(), f.reason)))),
                Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {}
            }
        }
    }
}

fn unexpected(wanted: &str, got: &Incoming) -> DownReason {
    DownReason::Protocol(format!("expected {wanted}, got {}", preview(&format!("{got:?}"))))
}

/// A connection that broke, in words.
pub(crate) fn lost(error: &SocketError) -> DownReason {
    DownReason::Lost(error.to_string())
}

/// A WebSocket close frame, in words.
pub(crate) fn closed(frame: Option<(u16, Utf8Bytes)>) -> DownReason {
    DownReason::ClosedByServer {
        code: frame.as_ref().map(|(code, _)| *code),
        words: frame.map(|(_, words)| words.to_string()).unwrap_or_default(),
    }
}

fn not_upgraded(error: SocketError) -> DownReason {
    match error {
        SocketError::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            DownReason::Http {
                status: response.status().as_u16(),
                message: refusal_in_words(body, wait_asked(response.headers())),
            }
        }
        SocketError::Protocol(error) => DownReason::Protocol(error.to_string()),
        // Without "IO error: " before the system's own words.
        SocketError::Io(error) => DownReason::Unreachable(error.to_string()),
        error => DownReason::Unreachable(error.to_string()),
    }
}

/// The sentence of a refusal that has one, as Rollcall's and every problem+json do; else the beginning of what came.
fn refusal_in_words(body: &[u8], wait: Option<u64>) -> String {
    let told: Option<Value> = serde_json::from_slice(body).ok();
    let detail = told.as_ref().and_then(|told| told["detail"].as_str());
    let words = detail.map_or_else(|| String::from_utf8_lossy(body).trim().to_owned(), str::to_owned);
    let wait = wait.map_or_else(String::new, |seconds| format!("; wait {seconds} s"));
    format!("{}{wait}", preview(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_upgrade_says_why_and_how_long_to_wait() {
        let told = br#"{"code":4,"message":"Too many connections","detail":"too many connects","hint":"wait"}"#;
        assert_eq!(refusal_in_words(told, Some(3)), "too many connects; wait 3 s");
        assert_eq!(refusal_in_words(b"Bad Gateway\n", None), "Bad Gateway");
        assert_eq!(refusal_in_words(b"[1]", None), "[1]");
    }
}
