//! The layer in front of everything: who may go on to Socket.IO, and who is told why not.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::IntoResponse;
use chat_core::UserId;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use tokio::time::Instant;
use tower::{Layer, Service};

use super::answer::refusal;
use super::fault::Fault;
use super::ring::{RejectedRing, Rejection};
use super::{SOCKET_IO_PATH, cors, kept, sanitized};
use crate::gateway::listener::{ConnInfo, Flow, Line};
use crate::telemetry::labels::Limit;
use crate::telemetry::{GatewayMetrics, HttpMetrics};

/// Whether a page of that origin may connect.
pub type OriginCheck = Arc<dyn Fn(&str) -> bool + Send + Sync>;
/// Whether that address may open one more connection now; the error says after how long it may.
pub type RateCheck = Arc<dyn Fn(IpAddr) -> Result<(), Duration> + Send + Sync>;
/// The client's address, of the peer's and the headers.
pub type AddressOf = Arc<dyn Fn(IpAddr, &HeaderMap) -> IpAddr + Send + Sync>;

/// Whose token came with a request, by a good signature; whether it still counts does not matter here.
pub type OwnerOf = Arc<dyn Fn(&HeaderMap, &Uri) -> Option<UserId> + Send + Sync>;
/// Hears of a refused attempt of a known user.
pub type OnTurnedAway = Arc<dyn Fn(&UserId, &Fault) + Send + Sync>;

/// Hears of a session that goes on over a WebSocket: its SID, and that connection.
pub type OnUpgrade = Arc<dyn Fn(&str, Arc<Line>) + Send + Sync>;

/// What decides, given by the composition root so that this stage knows neither settings nor rate limits.
#[derive(Clone)]
pub struct Admission {
    /// Whether a page of that origin may connect.
    pub origin_allowed: OriginCheck,
    /// Asked once per new connection whose address is known: the server must hand out [`ConnInfo`].
    pub may_connect: RateCheck,
    /// The client's address: the peer's, or what a trusted proxy says.
    pub client_address: AddressOf,
    /// Asked only of what is refused: the record says who it was, and nobody is let in by it.
    pub owner_of: OwnerOf,
    /// The connection history of whoever was refused.
    pub turned_away: OnTurnedAway,
    /// A live session goes on over a WebSocket: its SID, and the line that can be cut.
    pub upgraded: OnUpgrade,
    /// The listener is the operators' own: namespace `/admin` is there, and chat is not.
    pub operators_only: bool,
    /// Where the bytes of connections that carry Socket.IO are counted.
    pub flow: Arc<Flow>,
    /// Where refusals go.
    pub ring: Arc<RejectedRing>,
    /// Where limits that were hit are counted.
    pub metrics: GatewayMetrics,
    /// Where the requests that end here or at Socket.IO are counted: the router's own count does not see them.
    pub http: HttpMetrics,
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission").finish_non_exhaustive()
    }
}

/// In the extensions of a connection that came by the operators' own listener.
#[derive(Debug, Clone, Copy)]
pub struct OperatorsDoor;

/// What is to be done with a request.
enum Verdict {
    /// It is none of ours.
    Pass,
    /// On to Socket.IO.
    Admit,
    /// A question about CORS.
    Preflight,
    /// Refused. `false`: nothing to keep, it was no attempt to connect.
    Refuse(Fault, bool),
}

impl Admission {
    fn judge(&self, parts: &Parts, address: Option<IpAddr>) -> Verdict {
        let query = Query::of(parts);
        let at_home = is_home(parts);
        let below = parts.uri.path().starts_with(SOCKET_IO_PATH);
        let means_socket_io =
            query.version.is_some() || (query.transport == Some("websocket") && is_websocket_upgrade(&parts.headers));
        if !at_home && !below && !means_socket_io {
            return Verdict::Pass;
        }
        if !self.origin_is_fine(parts) && at_home {
            return Verdict::Refuse(
                self.over_rate(address, &query).unwrap_or_else(|| refused_origin(parts)),
                true,
            );
        }
        if parts.method == Method::OPTIONS {
            return Verdict::Preflight;
        }
        if let Some(fault) = self.over_rate(address, &query) {
            return Verdict::Refuse(fault, true);
        }
        if !at_home {
            // Asking for the library's bundle, for example, is no attempt to connect.
            return Verdict::Refuse(Fault::Path(sanitized::bare_path(&parts.uri)), means_socket_io);
        }
        match query.fault(parts) {
            Some(fault) => Verdict::Refuse(fault, true),
            None => Verdict::Admit,
        }
    }

    /// Only new connections are counted against the rate; a poll of one that lives is none.
    fn over_rate(&self, address: Option<IpAddr>, query: &Query<'_>) -> Option<Fault> {
        if query.session.is_some() {
            return None;
        }
        let after = (self.may_connect)(address?).err()?;
        self.metrics.rate_limited.increment(Limit::Connects);
        Some(Fault::Rate(after))
    }

    fn origin_is_fine(&self, parts: &Parts) -> bool {
        // Native clients send none; only a browser is bound by it.
        sanitized::origin(&parts.headers).is_none_or(|origin| (self.origin_allowed)(&origin))
    }

    /// The origin that is to be let read the answer.
    fn readable_by(&self, parts: &Parts) -> Option<HeaderValue> {
        let origin = parts.headers.get(header::ORIGIN)?;
        self.origin_is_fine(parts).then(|| origin.clone())
    }

    /// Keeps the refusal, and writes it down with whoever it was. A token may come with the first request already (in the
    /// query, or as a header); `auth` comes with CONNECT, which a refused client never sends.
    fn keep(&self, parts: &Parts, address: Option<IpAddr>, fault: Fault) {
        let rejection = Rejection::of(parts, address, fault);
        let Some(user) = (self.owner_of)(&parts.headers, &parts.uri) else {
            self.ring.note(rejection);
            return;
        };
        let fault = rejection.fault.clone();
        if self.ring.note(rejection.by(user.clone())) {
            (self.turned_away)(&user, &fault);
        }
    }

    fn address(&self, parts: &Parts) -> Option<IpAddr> {
        let ConnectInfo(info) = parts.extensions.get::<ConnectInfo<ConnInfo>>()?;
        Some((self.client_address)(info.line.peer().ip(), &parts.headers))
    }
}

fn refused_origin(parts: &Parts) -> Fault {
    let origin = sanitized::origin(&parts.headers).unwrap_or_default();
    Fault::Origin(sanitized::shown_origin(&origin))
}

/// What the query says, read as the Socket.IO library reads it: the first of a name counts, nothing is decoded.
struct Query<'a> {
    version: Option<&'a str>,
    transport: Option<&'a str>,
    session: Option<&'a str>,
}

impl<'a> Query<'a> {
    fn of(parts: &'a Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
        Self {
            version: value("EIO="),
            transport: value("transport="),
            session: value("sid="),
        }
    }

    /// What is wrong with a request on the right path.
    fn fault(&self, parts: &Parts) -> Option<Fault> {
        match self.version {
            Some("4") => {}
            Some(other) => return Some(Fault::Protocol(other.to_owned())),
            None => return Some(Fault::ProtocolMissing),
        }
        match self.transport {
            Some("polling") => None,
            Some("websocket") => (!is_websocket_upgrade(&parts.headers)).then_some(Fault::UpgradeMissing),
            other => Some(Fault::Transport(other.map(ToOwned::to_owned))),
        }
    }
}

fn is_websocket_upgrade(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::UPGRADE)
        .iter()
        .any(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Puts [`AdmissionService`] in front.
#[derive(Debug, Clone)]
pub struct AdmissionLayer(Admission);

impl AdmissionLayer {
    /// To be the outermost: around Socket.IO's layer, which is around the router with all its own layers. Their time
    /// limit would end long polls, and their CORS headers know nothing of clients' own headers.
    pub fn new(admission: Admission) -> Self {
        Self(admission)
    }
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = AdmissionService<S>;

    fn layer(&self, inner: S) -> AdmissionService<S> {
        AdmissionService {
            admission: Arc::new(self.0.clone()),
            inner,
        }
    }
}

/// Judges each request before `inner` sees it.
#[derive(Debug, Clone)]
pub struct AdmissionService<S> {
    admission: Arc<Admission>,
    inner: S,
}

impl<S, B> Service<Request<B>> for AdmissionService<S>
where
    S: Service<Request<B>, Error = Infallible>,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let address = self.admission.address(&parts);
        let response = match self.admission.judge(&parts, address) {
            Verdict::Pass => {
                let answer = self.inner.call(Request::from_parts(parts, body));
                return Box::pin(async move { Ok(answer.await?.into_response()) });
            }
            Verdict::Admit => {
                let asked = Asked::of(&self.admission, &parts);
                if let Some(ConnectInfo(info)) = parts.extensions.get::<ConnectInfo<ConnInfo>>() {
                    info.line.flows_into(&self.admission.flow);
                }
                kept::strip(&mut parts);
                if self.admission.operators_only {
                    parts.extensions.insert(OperatorsDoor);
                }
                let answer = self.inner.call(Request::from_parts(parts, body));
                return Box::pin(async move { Ok(asked.answered(answer.await?.into_response())) });
            }
            Verdict::Preflight => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                cors::preflight(response.headers_mut(), &parts.headers);
                response
            }
            Verdict::Refuse(fault, is_attempt) => {
                let response = refusal(&fault);
                if is_attempt {
                    self.admission.keep(&parts, address, fault);
                }
                response
            }
        };
        let response = Asked::of(&self.admission, &parts).answered(response);
        Box::pin(std::future::ready(Ok(response)))
    }
}

/// What of a request matters to its answer.
struct Asked {
    admission: Arc<Admission>,
    began: Instant,
    method: Method,
    at_home: bool,
    readable_by: Option<HeaderValue>,
    /// A live session asks to go on over this connection, as a WebSocket.
    upgrade: Option<(String, Arc<Line>)>,
}

impl Asked {
    fn of(admission: &Arc<Admission>, parts: &Parts) -> Self {
        Self {
            admission: Arc::clone(admission),
            began: Instant::now(),
            method: parts.method.clone(),
            at_home: is_home(parts),
            readable_by: admission.readable_by(parts),
            upgrade: upgrade_of(parts),
        }
    }

    /// Counts the answer, and gives it the CORS headers if the page that asked is an allowed one.
    fn answered(self, mut response: Response<Body>) -> Response<Body> {
        let path = if self.at_home { SOCKET_IO_PATH } else { "" };
        // Only what the library took up: anybody can send the name of a session.
        if let (StatusCode::SWITCHING_PROTOCOLS, Some((sid, line))) = (response.status(), &self.upgrade) {
            (self.admission.upgraded)(sid, Arc::clone(line));
        }
        let http = &self.admission.http;
        http.answered(None, path, &self.method, response.status(), self.began.elapsed());
        cors::vary(response.headers_mut());
        if let Some(origin) = &self.readable_by {
            cors::allow(response.headers_mut(), origin);
        }
        response
    }
}

fn upgrade_of(parts: &Parts) -> Option<(String, Arc<Line>)> {
    let sid = Query::of(parts)
        .session
        .filter(|_| is_websocket_upgrade(&parts.headers))?;
    let ConnectInfo(info) = parts.extensions.get::<ConnectInfo<ConnInfo>>()?;
    Some((sid.to_owned(), Arc::clone(&info.line)))
}

/// Whether it is on the right path.
fn is_home(parts: &Parts) -> bool {
    let path = parts.uri.path();
    path == SOCKET_IO_PATH || path == SOCKET_IO_PATH.trim_end_matches('/')
}
