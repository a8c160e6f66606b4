//! A scripted Socket.IO server for tests, whole or broken in one place.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// The origin that is let in.
pub(super) const ORIGIN: &str = "https://chat.example.org";
/// The signature that is good.
pub(super) const SIGNATURE: &str = "good-signature";
const PING_MILLIS: u64 = 200;
/// Where what is idle is cut, and when: far enough apart for a slow machine.
const SLOW_PING_MILLIS: u64 = 1_200;
const CUT_AFTER: Duration = Duration::from_millis(600);

/// Where it is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    BadGateway,
    Redirect,
    OtherPath,
    WebPage,
    OldEngine,
    NoPolling,
    NoPost,
    ManyProcesses,
    NoWebSocket,
    SilentUpgrade,
    NoOrigin,
    NoNamespace,
    SilentConnect,
    RefusesAll,
    LetsAllIn,
    WrongClock,
    NotJoined,
    NoAck,
    NoPing,
    /// Only the one that comes at once.
    NoSecondPing,
    ClosesAfterPong,
    /// A proxy in front cuts what is idle.
    CutsIdle,
    /// Nobody is let in, and who is not is sent away before the second ping.
    EndsStrangers,
    /// There is always something to hear.
    Talks,
}

/// A running one; it ends with this value.
pub(super) struct Broken {
    pub(super) url: String,
    _tasks: JoinSet<()>,
}

struct Shared {
    fault: Fault,
    /// What a polling session is to be answered.
    waiting: Mutex<HashMap<String, String>>,
    requests: Mutex<u32>,
}

impl Broken {
    pub(super) async fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            fault,
            waiting: Mutex::default(),
            requests: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { url, _tasks: tasks }
    }
}

struct Request {
    method: String,
    path: String,
    query: HashMap<String, String>,
    headers: HashMap<String, String>,
    body: String,
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(bytes).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = vec![
        0;
        headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap())
    ];
    stream.read_exact(&mut body).await.ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    Some(Request {
        method,
        path: path.to_owned(),
        query: query.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let Some(request) = read(&mut stream).await else { return };
    if request.headers.contains_key("upgrade") && !matches!(shared.fault, Fault::NoWebSocket | Fault::BadGateway) {
        return websocket(stream, &request, &shared).await;
    }
    let (status, kind, body) = answer(&request, &shared);
    let hours = if shared.fault == Fault::WrongClock { 3 } else { 0 };
    let now = (jiff::Zoned::now() + jiff::Span::new().hours(hours)).with_time_zone(jiff::tz::TimeZone::UTC);
    let mut head = vec![
        format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-type: {kind}"),
        format!("date: {}", now.strftime("%a, %d %b %Y %H:%M:%S GMT")),
        format!("content-length: {}", body.len()),
    ];
    if status == 301 {
        head.push("location: https://elsewhere.example.org/".into());
    }
    if request.headers.get("origin").is_some_and(|origin| origin == ORIGIN) && shared.fault != Fault::NoOrigin {
        head.push(format!("access-control-allow-origin: {ORIGIN}"));
        head.push("access-control-allow-credentials: true".into());
    }
    let head = format!("{}\r\n\r\n{body}", head.join("\r\n"));
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn answer(request: &Request, shared: &Shared) -> (u16, &'static str, String) {
    const TEXT: &str = "text/plain";
    let error = |code: u8, message: &str| {
        (
            400,
            "application/json",
            format!(r#"{{"code":{code},"message":"{message}"}}"#),
        )
    };
    match shared.fault {
        Fault::BadGateway => return (502, TEXT, "bad gateway".into()),
        Fault::Redirect => return (301, TEXT, String::new()),
        Fault::WebPage => return (200, "text/html", "<!doctype html><title>app</title>".into()),
        Fault::NoPost if request.method == "POST" => return (405, TEXT, "no".into()),
        _ => {}
    }
    let path = if shared.fault == Fault::OtherPath {
        "/ws/socket.io/"
    } else {
        "/socket.io/"
    };
    if request.path != path {
        return (404, TEXT, format!("Cannot {} {}", request.method, request.path));
    }
    if request.headers.contains_key("upgrade") {
        return error(3, "Bad request");
    }
    let version = request.query.get("EIO").map_or("", String::as_str);
    let served = if shared.fault == Fault::OldEngine { "3" } else { "4" };
    if version != served {
        return error(5, "Unsupported protocol version");
    }
    if shared.fault == Fault::NoPolling {
        return error(0, "Transport unknown");
    }
    let Some(sid) = request.query.get("sid") else {
        let mut requests = shared.requests.lock();
        *requests += 1;
        return (200, TEXT, open(&format!("s{requests}"), shared.fault));
    };
    if shared.fault == Fault::ManyProcesses {
        let mut requests = shared.requests.lock();
        *requests += 1;
        if requests.is_multiple_of(3) {
            return error(1, "Session ID unknown");
        }
    }
    let mut waiting = shared.waiting.lock();
    if request.method == "POST" {
        if request.body.starts_with("40") {
            waiting.insert(
                sid.clone(),
                connected(&request.body, shared.fault).unwrap_or_else(|| "2".into()),
            );
        }
        return (200, TEXT, "ok".into());
    }
    (200, TEXT, waiting.remove(sid).unwrap_or_else(|| "6".into()))
}

fn ping_millis(fault: Fault) -> u64 {
    match fault {
        Fault::CutsIdle | Fault::EndsStrangers => SLOW_PING_MILLIS,
        _ => PING_MILLIS,
    }
}

fn open(sid: &str, fault: Fault) -> String {
    let ping = ping_millis(fault);
    format!(
        r#"0{{"sid":"{sid}","upgrades":["websocket"],"pingInterval":{ping},"pingTimeout":20000,"maxPayload":1000000}}"#
    )
}

/// The answer to CONNECT.
fn connected(packet: &str, fault: Fault) -> Option<String> {
    match fault {
        Fault::SilentConnect => None,
        Fault::NoNamespace => Some(r#"44{"message":"Invalid namespace"}"#.into()),
        Fault::RefusesAll | Fault::EndsStrangers => Some(r#"44{"message":"unauthorized: no such user"}"#.into()),
        Fault::LetsAllIn => Some(r#"40{"sid":"S"}"#.into()),
        _ if packet.contains(SIGNATURE) || !packet.contains("token") => Some(r#"40{"sid":"S"}"#.into()),
        _ => Some(r#"44{"message":"unauthorized: bad signature"}"#.into()),
    }
}

async fn websocket(mut stream: TcpStream, request: &Request, shared: &Shared) {
    let accept = derive_accept_key(request.headers["sec-websocket-key"].as_bytes());
    let head = format!(
        "HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let fault = shared.fault;
    let period = Duration::from_millis(ping_millis(fault));
    // The first one comes at once, as that of many servers does, but not into an upgrade.
    let mut pings = if request.query.contains_key("sid") {
        interval_at(Instant::now() + period, period)
    } else {
        let _ = socket.send(Frame::text(open("w", fault))).await;
        interval(period)
    };
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut pinged, mut ponged) = (false, false);
    loop {
        let text = tokio::select! {
            frame = socket.next() => match frame {
                Some(Ok(Frame::Text(text))) => text.to_string(),
                Some(Ok(_)) => continue,
                _ => return,
            },
            _ = pings.tick(), if fault != Fault::NoPing && !(pinged && fault == Fault::NoSecondPing) => {
                let _ = socket.send(Frame::text("2")).await;
                pinged = true;
                continue;
            }
            () = sleep(CUT_AFTER), if fault == Fault::CutsIdle => return,
            () = sleep(CUT_AFTER), if fault == Fault::EndsStrangers => {
                let _ = socket.send(Frame::text("1")).await;
                let _ = socket.close(None).await;
                return;
            }
            // Not at once: the first pong may come before the events of the checks that come before the heartbeat.
            () = sleep(period / 10), if ponged && fault == Fault::ClosesAfterPong => {
                let _ = socket.close(None).await;
                return;
            }
            () = sleep(period / 4), if fault == Fault::Talks => {
                let _ = socket.send(Frame::text(r#"42["news"]"#)).await;
                continue;
            }
        };
        for reply in replies(&text, fault) {
            let _ = socket.send(Frame::text(reply)).await;
        }
        ponged |= text == "3";
    }
}

fn replies(text: &str, fault: Fault) -> Vec<String> {
    if text == "2probe" {
        return if fault == Fault::SilentUpgrade {
            Vec::new()
        } else {
            vec!["3probe".into()]
        };
    }
    if text.starts_with("40") {
        let Some(answer) = connected(text, fault) else {
            return Vec::new();
        };
        let welcome = answer.starts_with("40");
        let session = r#"42["session",{"sid":"S","conversations":[{"id":"c1"}]}]"#;
        return [Some(answer), welcome.then(|| session.into())]
            .into_iter()
            .flatten()
            .collect();
    }
    if text.starts_with("42") && fault != Fault::NoAck {
        let ack: String = text[2..].chars().take_while(char::is_ascii_digit).collect();
        let joined = fault != Fault::NotJoined;
        return vec![format!(
            r#"43{ack}[{{"ok":true,"sid":"S","conversations":[{{"id":"c1","in_room":{joined}}}]}}]"#
        )];
    }
    Vec::new()
}
