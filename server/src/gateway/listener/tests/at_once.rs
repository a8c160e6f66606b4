//! Frames that are written beside the library.

use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::*;

const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";
/// More than the kernel takes of one connection, in few pieces.
const LARGE: usize = 60_000;

fn event(number: u32, bytes: usize) -> Bytes {
    text_frame(&[&format!("42[{number:06}"), &"x".repeat(bytes), "]"]).into()
}

async fn websocket() -> (LineStream, TcpStream) {
    let (mut stream, mut peer) = pair().await;
    stream.write_all(HEAD).await.unwrap();
    peer.read_exact(&mut [0; HEAD.len()]).await.unwrap();
    (stream, peer)
}

/// Whether it was written at once, when the library was given so many events.
fn written(line: &Arc<Line>, frame: &Bytes, events: u64) -> bool {
    line.write_now(frame, &AtomicU64::new(events))
}

/// The numbers of so many events, as they come.
async fn read_events(peer: &mut TcpStream, count: usize) -> Vec<u32> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let mut header = [0; 2];
        peer.read_exact(&mut header).await.unwrap();
        assert_eq!(header[0], 0x81, "a whole text frame");
        let length = match header[1] {
            126 => usize::from(peer.read_u16().await.unwrap()),
            short => usize::from(short),
        };
        let mut text = vec![0; length];
        peer.read_exact(&mut text).await.unwrap();
        let text = String::from_utf8(text).unwrap();
        numbers.push(text[3..9].parse().unwrap());
    }
    numbers
}

/// Writes at once until something of it waits for room; how many frames that were.
fn fill(line: &Arc<Line>) -> u32 {
    for number in 0..100 {
        assert!(written(line, &event(number, LARGE), 0), "it was begun");
        if line.out.lock().has_rest() {
            return number + 1;
        }
    }
    panic!("the kernel takes everything");
}

#[tokio::test]
async fn only_behind_all_that_was_said() {
    let (mut stream, mut peer) = websocket().await;
    let line = Arc::clone(stream.line());
    assert!(written(&line, &event(0, 10), 0));
    assert!(!written(&line, &event(9, 10), 1), "an event waits in the library");
    let first = event(1, 200);
    stream.write_all(&first[..50]).await.unwrap();
    assert!(!written(&line, &event(9, 10), 1), "in the middle of a frame");
    stream.write_all(&first[50..]).await.unwrap();
    assert!(written(&line, &event(2, 10), 1));

    line.answers(|| Err(())).unwrap_err();
    assert!(written(&line, &event(3, 10), 1), "what was not taken is not waited for");
    line.answers(|| Ok::<(), ()>(())).unwrap();
    assert!(!written(&line, &event(9, 10), 1), "an acknowledgement waits");
    stream.write_all(&text_frame(&["431[000004]"])).await.unwrap();
    assert!(written(&line, &event(5, 10), 1));
    let written = line.written();
    assert_eq!(read_events(&mut peer, 4).await, [0, 1, 2, 3]);
    peer.read_exact(&mut [0; 13]).await.unwrap();
    assert_eq!(read_events(&mut peer, 1).await, [5]);
    let sizes = [10, 200, 10, 10, 10].map(|bytes| event(0, bytes).len());
    assert_eq!(
        written,
        (HEAD.len() + sizes.iter().sum::<usize>() + 13) as u64,
        "every byte is counted"
    );
}

#[tokio::test]
async fn nothing_to_what_is_no_open_websocket() {
    let (mut stream, _peer) = pair().await;
    let line = Arc::clone(stream.line());
    assert!(!written(&line, &event(0, 10), 0), "nothing was answered yet");
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    assert!(!written(&line, &event(0, 10), 0), "long polling");

    let (mut stream, _peer) = websocket().await;
    let line = Arc::clone(stream.line());
    stream.write_all(&[0x88, 0]).await.unwrap();
    assert!(!written(&line, &event(0, 10), 0), "it was closed");

    let (stream, _peer) = websocket().await;
    let line = Arc::clone(stream.line());
    line.cut();
    assert!(!written(&line, &event(0, 10), 0), "it was cut");
    drop(stream);
    assert!(!written(&line, &event(0, 10), 0), "it is gone");
}

#[tokio::test]
async fn what_was_begun_is_ended_without_the_library() {
    let (stream, mut peer) = websocket().await;
    let line = Arc::clone(stream.line());
    let frames = fill(&line);
    assert!(!written(&line, &event(999, 10), 0), "behind it");
    eventually("it is seen that the peer reads nothing", || {
        line.stalled_for().is_some()
    })
    .await;
    let numbers = read_events(&mut peer, frames as usize).await;
    assert_eq!(numbers, (0..frames).collect::<Vec<_>>());
    assert_eq!(line.stalled_for(), None);
    assert!(written(&line, &event(7, 10), 0));
    assert_eq!(read_events(&mut peer, 1).await, [7]);
    drop(stream);
}

#[tokio::test]
async fn what_was_begun_is_ended_before_the_library_writes() {
    let (mut stream, mut peer) = websocket().await;
    let line = Arc::clone(stream.line());
    let frames = fill(&line);
    let library = tokio::spawn(async move {
        stream.write_all(&event(500, LARGE)).await.unwrap();
        stream
    });
    eventually("the library waits, too", || line.stalled_for().is_some()).await;
    let numbers = read_events(&mut peer, frames as usize + 1).await;
    assert_eq!(numbers, (0..frames).chain([500]).collect::<Vec<_>>());
    let _stream = library.await.unwrap();
}

#[tokio::test]
async fn nobody_waits_for_a_connection_that_ended() {
    for cut in [true, false] {
        let (stream, _peer) = websocket().await;
        let line = Arc::clone(stream.line());
        fill(&line);
        if cut {
            line.cut();
        }
        drop(stream);
        eventually("only this test holds it", || Arc::strong_count(&line) == 1).await;
    }
}

/// Whichever way each event goes, they come in the order in which they were said, each once and whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ways_together_keep_the_order() {
    const EVENTS: u32 = 6_000;
    let (mut stream, mut peer) = websocket().await;
    let line = Arc::clone(stream.line());
    let (library, mut waiting) = mpsc::unbounded_channel::<Bytes>();
    let writing = tokio::spawn(async move {
        while let Some(frame) = waiting.recv().await {
            stream.write_all(&frame).await.unwrap();
        }
        stream
    });
    let saying = tokio::spawn(async move {
        let (mut given, mut at_once) = (0, 0);
        for number in 0..EVENTS {
            let frame = event(number, (number as usize * 7_919) % 3_000);
            // Now and then all is out; else it would be luck whether any goes at once.
            while number % 10 == 1 && !line.is_clear(&AtomicU64::new(given)) {
                tokio::task::yield_now().await;
            }
            // Some are always meant for the library.
            if number % 5 != 0 && written(&line, &frame, given) {
                at_once += 1;
            } else {
                given += 1;
                library.send(frame).unwrap();
            }
            if number % 3 == 0 {
                tokio::task::yield_now().await;
            }
        }
        (at_once, given)
    });
    let numbers = read_events(&mut peer, EVENTS as usize).await;
    assert_eq!(numbers, (0..EVENTS).collect::<Vec<_>>());
    let (at_once, given) = saying.await.unwrap();
    assert!(
        at_once > 100 && given > 100,
        "{at_once} at once, {given} by the library"
    );
    let _stream = writing.await.unwrap();
}
