//! What a connection keeps of its request.

use std::convert::Infallible;

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, Uri};
use parking_lot::Mutex;
use tower::{Layer, service_fn};

use super::*;

/// Sends a request through the layer and answers what came out behind it.
async fn behind(request: Request<()>) -> http::request::Parts {
    let gate = Gate::new();
    let seen = Arc::new(Mutex::new(None));
    let sink = Arc::clone(&seen);
    let inner = service_fn(move |request: Request<()>| {
        *sink.lock() = Some(request.into_parts().0);
        async { Ok::<_, Infallible>(Response::new(Body::empty())) }
    });
    let admission = Admission {
        operators_only: false,
        flow: Arc::default(),
        origin_allowed: Arc::new(|_| true),
        may_connect: Arc::new(|_| Ok(())),
        client_address: Arc::new(|peer, _| peer),
        owner_of: Arc::new(|_, _| None),
        turned_away: Arc::new(|_, _| {}),
        upgraded: Arc::new(|_, _| {}),
        ring: Arc::clone(&gate.ring),
        metrics: gate.metrics.gateway.clone(),
        http: gate.metrics.http.clone(),
    };
    AdmissionLayer::new(admission)
        .layer(inner)
        .oneshot(request)
        .await
        .unwrap();
    seen.lock().take().expect("went on")
}

/// A request whose values are slices of one buffer, as hyper makes them.
fn as_hyper_makes_it(buffer: &Bytes, pieces: &[(&'static str, &str)], uri: &str) -> Request<()> {
    let slice = |text: &str| {
        let text_at = buffer
            .windows(text.len())
            .position(|window| window == text.as_bytes())
            .unwrap();
        buffer.slice(text_at..text_at + text.len())
    };
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_maybe_shared(slice(uri)).unwrap();
    for (name, value) in pieces {
        let value = HeaderValue::from_maybe_shared(slice(value)).unwrap();
        request.headers_mut().append(HeaderName::from_static(name), value);
    }
    request
}

#[tokio::test]
async fn nothing_of_the_read_buffer_is_kept() {
    let uri = "/socket.io/?EIO=4&transport=polling&token=abc";
    let pieces = [
        ("host", "chat.example"),
        ("user-agent", "browser/1"),
        ("accept-language", "de"),
        ("cookie", "s=1"),
    ];
    let text = format!("{uri} chat.example browser/1 de s=1");
    let buffer = Bytes::from(text);
    let mut request = as_hyper_makes_it(&buffer, &pieces, uri);
    let original = request.uri().clone();
    request.extensions_mut().insert(OriginalUri(original));
    request.extensions_mut().insert("kept");
    let parts = behind(request).await;

    // The only ones left with the buffer: this test. A slice of it anywhere would keep it from being unique.
    assert!(buffer.is_unique(), "something still holds the read buffer");
    assert_eq!(parts.uri, uri);
    assert!(parts.extensions.get::<OriginalUri>().is_none());
    assert_eq!(parts.extensions.get::<&str>(), Some(&"kept"));
    let names: Vec<_> = parts.headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["host", "user-agent"]);
}

#[tokio::test]
async fn what_is_read_later_is_kept() {
    let mut request = Request::builder().uri("/socket.io/?EIO=4&transport=websocket");
    for (name, value) in UPGRADE {
        request = request.header(name, value);
    }
    let request = request
        .header("authorization", "Bearer abc")
        .header("x-forwarded-for", "192.0.2.1")
        .header("x-forwarded-for", "192.0.2.2")
        .header("user-agent", "u".repeat(4_000));
    let parts = behind(request.body(()).unwrap()).await;
    for (name, value) in UPGRADE {
        assert_eq!(parts.headers[name], value);
    }
    assert_eq!(parts.headers["authorization"], "Bearer abc");
    let forwarded: Vec<_> = parts.headers.get_all("x-forwarded-for").iter().collect();
    assert_eq!(forwarded, ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(parts.headers["user-agent"].len(), 256);
}

#[tokio::test]
async fn requests_of_others_are_not_touched() {
    let request = Request::builder()
        .uri("/search")
        .header("accept-language", "de")
        .body(())
        .unwrap();
    assert_eq!(behind(request).await.headers["accept-language"], "de");
}
