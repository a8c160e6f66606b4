//! Listener, layer and library together, over real sockets.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use socketioxide::extract::SocketRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::*;
use crate::gateway::listener::{ConnInfo, Line, LineListener};

const SOON: Duration = Duration::from_secs(10);

/// A server whose sockets are flooded as soon as they connect. Answers its address, the line of each connection as the
/// handshake knows it, and the reason of each disconnection.
async fn flooding_server() -> (
    SocketAddr,
    mpsc::UnboundedReceiver<Arc<Line>>,
    mpsc::UnboundedReceiver<String>,
) {
    let metrics = Metrics::new().unwrap();
    let (lines, lines_rx) = mpsc::unbounded_channel();
    let (gone, gone_rx) = mpsc::unbounded_channel();
    let (socket_io, io) = SocketIo::new_layer();
    io.ns("/", async move |socket: SocketRef| {
        let info = socket.req_parts().extensions.get::<ConnectInfo<ConnInfo>>();
        let ConnectInfo(info) = info.expect("the handshake knows its line");
        let gone = gone.clone();
        socket.on_disconnect(async move |reason: socketioxide::socket::DisconnectReason| {
            gone.send(reason.to_string()).unwrap();
        });
        flood(&socket);
        lines.send(Arc::clone(&info.line)).unwrap();
    });
    let clock = Arc::new(ManualClock(AtomicI64::new(0)));
    let admission = Admission {
        operators_only: false,
        flow: Arc::default(),
        origin_allowed: Arc::new(|_| false),
        may_connect: Arc::new(|_| Ok(())),
        client_address: Arc::new(|peer, _| peer),
        owner_of: Arc::new(|_, _| None),
        turned_away: Arc::new(|_, _| {}),
        upgraded: Arc::new(|_, _| {}),
        ring: Arc::new(RejectedRing::new(clock, &metrics.gateway)),
        metrics: metrics.gateway.clone(),
        http: metrics.http.clone(),
    };
    let app = Router::new().layer(socket_io).layer(AdmissionLayer::new(admission));
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let listener = LineListener::new(tcp, 100, metrics.gateway.accept_errors.clone());
    let service = app.into_make_service_with_connect_info::<ConnInfo>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    (address, lines_rx, gone_rx)
}

/// More than the kernel holds for a peer that does not read.
#[expect(clippy::disallowed_methods, reason = "this test is about the wire below the hub")]
fn flood(socket: &SocketRef) {
    let payload = "x".repeat(256 * 1024);
    while socket.emit("flood", &payload).is_ok() {}
}

/// Opens a WebSocket and connects to `/`, by hand: no library is in the way of not reading.
async fn connect(address: SocketAddr) -> TcpStream {
    let mut peer = TcpStream::connect(address).await.unwrap();
    let headers = UPGRADE.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let request = format!("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    peer.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(peer.read_u8().await.unwrap());
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 101 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    // A final text frame of two bytes, masked with zeros: Socket.IO's CONNECT.
    peer.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'4', b'0']).await.unwrap();
    peer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_io_client_that_never_reads_is_cut_at_once() {
    let (address, mut lines, mut gone) = flooding_server().await;
    let peer = connect(address).await;
    let line = timeout(SOON, lines.recv()).await.expect("connected").unwrap();
    assert_eq!(line.peer(), peer.local_addr().unwrap());

    let deadline = Instant::now() + SOON;
    while line.stalled_for().is_none_or(|long| long < Duration::from_millis(50)) {
        assert!(
            Instant::now() < deadline,
            "the window never shut after {} bytes",
            line.written()
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(gone.try_recv().is_err(), "nobody noticed until now");
    line.cut();
    timeout(Duration::from_secs(1), gone.recv())
        .await
        .expect("the library noticed")
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(1);
    while !line.is_closed() {
        assert!(Instant::now() < deadline, "something still holds the stream");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
