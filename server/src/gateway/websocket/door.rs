//! From a request to an upgraded connection, or to a refusal in words.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use rollcall_protocol::ErrorCode;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::PlainDoor;
use super::pump;
use crate::api::Problem;
use crate::gateway::listener::Line;
use crate::gateway::rejected::Fault;
use crate::gateway::socketio::line_of;
use crate::identity::{AuthError, Identity, presented_token};
use crate::limits::{PACKET_BYTES_MAX, USER_AGENT_CHARS_MAX};
use crate::telemetry::labels::Limit;

/// Somebody who may come in.
pub(super) struct Guest {
    pub(super) identity: Identity,
    pub(super) line: Option<Arc<Line>>,
    pub(super) address: Option<IpAddr>,
    pub(super) user_agent: Option<String>,
}

/// `GET /api/v1/ws/chat`: the upgrade.
pub(super) async fn open(State(door): State<PlainDoor>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let accept = accept_key(&parts.headers).ok_or_else(upgrade_wanted)?;
    let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or_else(upgrade_wanted)?;
    let guest = door.admit(&parts).await?;
    let gateway = Arc::clone(&door.gateway);
    // Owned by the connection: it ends with it, and the hub closes all of them when the server stops.
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => {
                let stream =
                    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config())).await;
                pump::serve(gateway, stream, guest).await;
            }
            Err(error) => tracing::debug!(%error, "an upgrade was given up by the client"),
        }
    });
    Ok(switching(&accept))
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(PACKET_BYTES_MAX))
        .max_frame_size(Some(PACKET_BYTES_MAX))
        // Chat messages are small; the default of 128 KiB stays allocated for every idle connection.
        .read_buffer_size(4 << 10)
        .write_buffer_size(0)
}

/// The answer to the client's key, when this is a WebSocket's handshake.
fn accept_key(headers: &HeaderMap) -> Option<String> {
    let has = |name, wanted: &str| {
        let values = headers
            .get_all(name)
            .iter()
            .filter_map(|value: &HeaderValue| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(wanted))
    };
    let asked = has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asked)?;
    Some(derive_accept_key(key.as_bytes()))
}

fn upgrade_wanted() -> Problem {
    Problem::new(
        ErrorCode::BadRequest,
        "this is where plain WebSockets are opened, and no upgrade was asked for",
    )
    .with_hint(
        "open it with a WebSocket client (version 13, HTTP/1.1); a proxy on the way must pass on the headers \
             Upgrade and Connection",
    )
    .with_status(StatusCode::UPGRADE_REQUIRED)
}

fn switching(accept: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

impl PlainDoor {
    async fn admit(&self, parts: &Parts) -> Result<Guest, Problem> {
        let address = self.gateway.address(parts);
        self.admit_connection(parts, address)?;
        let token = presented_token(None, &parts.headers, &parts.uri);
        let identity = match &token {
            Some(token) => self.gateway.authenticate(token).await,
            None => Err(AuthError::Missing),
        };
        let identity = identity.map_err(|error| self.gateway.refuse_token(parts, address, error, token.as_deref()))?;
        let user_agent = parts.headers.get(header::USER_AGENT);
        Ok(Guest {
            identity,
            line: line_of(parts),
            address,
            user_agent: user_agent.map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes());
                text.chars().take(USER_AGENT_CHARS_MAX).collect()
            }),
        })
    }

    /// What does not depend on who it is.
    fn admit_connection(&self, parts: &Parts, address: Option<IpAddr>) -> Result<(), Problem> {
        self.gateway.refuse_when_closing()?;
        let after = address.and_then(|address| self.rates.check_connect(address).err());
        if let Some(after) = after {
            self.gateway.limit_was_hit(Limit::Connects);
            let fault = Fault::Rate(after.0);
            let problem = Problem::from(rollcall_protocol::WireError::from(after)).with_hint(fault.remedy());
            self.gateway.reject(parts, address, fault, None);
            return Err(problem);
        }
        // Native clients send no origin; browsers send no preflight for a WebSocket, so that it is looked at here.
        let origin = parts.headers.get(header::ORIGIN);
        let origin = origin.map(|origin| String::from_utf8_lossy(origin.as_bytes()).into_owned());
        if let Some(origin) = origin.filter(|origin| !self.origins.allows(origin)) {
            let fault = Fault::Origin(origin);
            let problem = Problem::new(ErrorCode::Forbidden, fault.detail()).with_hint(fault.remedy());
            self.gateway.reject(parts, address, fault, None);
            return Err(problem);
        }
        Ok(())
    }
}
