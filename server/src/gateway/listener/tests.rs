//! Over real sockets.

mod at_once;

use std::process::Command;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use futures_util::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::*;
use crate::telemetry::Metrics;

const CHUNK: [u8; 16 * 1024] = [7; 16 * 1024];

async fn listen(connections_max: usize) -> (LineListener, SocketAddr) {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listener = LineListener::new(tcp, connections_max, Counter::noop());
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn pair() -> (LineStream, TcpStream) {
    let (mut listener, address) = listen(10).await;
    let peer = TcpStream::connect(address).await.unwrap();
    (listener.accept().await.0, peer)
}

/// Polls until it holds, or fails after a deadline.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Writes until it fails; answers the error and how many bytes it got rid of.
fn write_without_end(mut stream: LineStream) -> JoinHandle<(io::Error, u64)> {
    tokio::spawn(async move {
        let mut sent = 0;
        loop {
            match stream.write(&CHUNK).await {
                Ok(bytes) => sent += bytes as u64,
                Err(error) => return (error, sent),
            }
        }
    })
}

#[tokio::test]
async fn a_cut_releases_a_writer_whose_peer_never_reads() {
    let (stream, mut peer) = pair().await;
    let line = Arc::clone(stream.line());
    let writer = write_without_end(stream);
    eventually("the window shuts", || {
        line.stalled_for().is_some_and(|long| long > Duration::from_millis(20))
    })
    .await;
    let stuck_at = line.written();
    assert!(!writer.is_finished() && !line.is_closed());

    let began = Instant::now();
    line.cut();
    let (error, sent) = tokio::time::timeout(Duration::from_millis(500), writer)
        .await
        .expect("released")
        .unwrap();
    assert!(began.elapsed() < Duration::from_millis(500));
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    assert_eq!((sent, line.written()), (stuck_at, stuck_at));
    assert!(line.is_closed());
    assert_eq!(line.stalled_for(), None);

    // The peer is reset, not fed the rest.
    let mut rest = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(5), peer.read_to_end(&mut rest)).await;
    assert_eq!(
        reading.expect("the peer hears of it").unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
}

#[tokio::test]
async fn a_cut_releases_a_reader_and_all_that_comes_after() {
    let (mut stream, _peer) = pair().await;
    let line = Arc::clone(stream.line());
    let reader = tokio::spawn(async move {
        let first = stream.read_u8().await;
        let second = stream.read_u8().await;
        let write = stream.write_all(b"x").await;
        let shutdown = stream.shutdown().await;
        [first.err(), second.err(), write.err(), shutdown.err()]
    });
    // Whether the cut comes before or after the read began to wait, it must end.
    tokio::task::yield_now().await;
    line.cut();
    line.cut();
    let errors = tokio::time::timeout(Duration::from_millis(500), reader)
        .await
        .expect("released")
        .unwrap();
    assert!(errors.iter().all(Option::is_some), "{errors:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_is_never_missed_however_it_falls() {
    for _ in 0..200 {
        let (mut stream, _peer) = pair().await;
        let line = Arc::clone(stream.line());
        let reader = tokio::spawn(async move { stream.read_u8().await });
        let cutter = tokio::spawn(async move { line.cut() });
        tokio::time::timeout(Duration::from_secs(5), reader)
            .await
            .expect("released")
            .unwrap()
            .unwrap_err();
        cutter.await.unwrap();
    }
}

#[tokio::test]
async fn written_is_what_the_kernel_took() {
    let (stream, mut peer) = pair().await;
    let line = Arc::clone(stream.line());
    assert_eq!(line.written(), 0);
    let writer = write_without_end(stream);
    eventually("the window shuts", || line.stalled_for().is_some()).await;

    // It takes more as soon as the peer does.
    let stuck_at = line.written();
    let mut buffer = vec![0; 1 << 20];
    let mut read = 0;
    let deadline = Instant::now() + Duration::from_secs(10);
    while line.written() <= stuck_at {
        assert!(Instant::now() < deadline, "no progress though the peer reads");
        read += peer.read(&mut buffer).await.unwrap() as u64;
    }
    assert!(read > 0 && line.written() >= read);
    writer.abort();
    assert!(writer.await.unwrap_err().is_cancelled());

    // Every byte counted is a byte that arrives, once the stream is closed in the ordinary way.
    eventually("the stream is dropped", || line.is_closed()).await;
    loop {
        match peer.read(&mut buffer).await.unwrap() {
            0 => break,
            bytes => read += bytes as u64,
        }
    }
    assert_eq!(read, line.written());
}

#[tokio::test]
async fn writes_of_many_pieces_pass_as_one() {
    let (mut stream, mut peer) = pair().await;
    assert!(stream.is_write_vectored());
    let pieces = [IoSlice::new(b"roll"), IoSlice::new(b"call")];
    let took = poll_fn(|cx| Pin::new(&mut stream).poll_write_vectored(cx, &pieces))
        .await
        .unwrap();
    assert_eq!((took, stream.line().written()), (8, 8));
    let mut got = [0; 8];
    peer.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"rollcall");
}

#[tokio::test]
async fn small_writes_do_not_wait() {
    assert!(pair().await.0.reads.as_ref().nodelay().unwrap());
}

#[tokio::test]
async fn dropping_closes_and_tells_the_peer() {
    let (stream, mut peer) = pair().await;
    let line = Arc::clone(stream.line());
    assert_eq!(line.peer(), peer.local_addr().unwrap());
    assert!(!line.is_closed());
    drop(stream);
    assert!(line.is_closed());
    assert_eq!(peer.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn too_many_wait_until_one_goes() {
    let (mut listener, address) = listen(1).await;
    let _peers = (
        TcpStream::connect(address).await.unwrap(),
        TcpStream::connect(address).await.unwrap(),
    );
    let (first, _) = listener.accept().await;
    let waiting = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(waiting.is_err(), "a second one was let in");
    drop(first);
    tokio::time::timeout(Duration::from_secs(5), listener.accept())
        .await
        .expect("the next one is let in");
}

#[tokio::test]
async fn a_request_knows_its_line() {
    let (listener, address) = listen(10).await;
    let app = Router::new().route(
        "/",
        get(|ConnectInfo(info): ConnectInfo<ConnInfo>| async move {
            format!("{} {}", info.line.peer(), info.line.written())
        }),
    );
    let serving =
        tokio::spawn(axum::serve(listener, app.into_make_service_with_connect_info::<ConnInfo>()).into_future());
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    peer.read_to_string(&mut answer).await.unwrap();
    let expected = format!("\r\n\r\n{} 0", peer.local_addr().unwrap());
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with(&expected),
        "{answer}"
    );
    serving.abort();
}

#[tokio::test]
async fn a_heartbeat_that_is_answered_tells_the_round_trip() {
    let (mut stream, mut peer) = pair().await;
    let line = Arc::clone(stream.line());
    stream.write_all(b"\x81\x0442[]").await.unwrap();
    stream.write_all(&[0x81, 0x01, b'2']).await.unwrap();
    assert_eq!(line.round_trip(), None);
    peer.write_all(&[0x81, 0x81, 1, 2, 3, 4, b'3' ^ 1]).await.unwrap();
    let mut came = [0; 7];
    stream.read_exact(&mut came).await.unwrap();
    let (took, ago) = line.round_trip().expect("measured");
    assert!(
        took < Duration::from_secs(5) && ago < Duration::from_secs(5),
        "{took:?}, {ago:?}"
    );
}

const FEW_FILES: &str = "ROLLCALL_TEST_FEW_FILES";

/// The limit on descriptors is a process's own, so the part that runs out of them is this test again in a process of its
/// own.
#[test]
fn running_out_of_descriptors_does_not_end_it() {
    if std::env::var_os(FEW_FILES).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        return runtime.block_on(run_out_of_descriptors());
    }
    let name = "gateway::listener::tests::running_out_of_descriptors_does_not_end_it";
    let output = Command::new("sh")
        .args(["-c", r#"ulimit -n 64 && exec "$0" --exact "$1" --nocapture"#])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(FEW_FILES, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn run_out_of_descriptors() {
    let metrics = Metrics::new().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut listener = LineListener::new(tcp, usize::MAX, metrics.gateway.accept_errors.clone());
    let (accepted, mut streams) = tokio::sync::mpsc::channel(100);
    let accepting = tokio::spawn(async move {
        loop {
            accepted.send(listener.accept().await.0).await.unwrap();
        }
    });
    let mut held = Vec::new();
    // Each try takes a descriptor for the peer before the listener needs one for its end.
    while let Ok(peer) = TcpStream::connect(address).await {
        held.push(peer);
    }
    eventually("accept fails", || {
        !metrics.render().contains("rollcall_accept_errors_total 0\n")
    })
    .await;
    assert!(!accepting.is_finished());
    drop(held);
    while streams.try_recv().is_ok() {}
    let peer = TcpStream::connect(address).await.unwrap();
    let ours = peer.local_addr().unwrap();
    tokio::time::timeout(Duration::from_secs(10), async {
        while streams.recv().await.unwrap().line().peer() != ours {}
    })
    .await
    .expect("accepts again");
}
