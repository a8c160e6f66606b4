//! What probes are told.

use super::*;

#[tokio::test(start_paused = true)]
async fn health() {
    let server = server();
    let alive = ask(Method::GET, "/health").of(&server.router).await;
    assert_eq!((alive.status, &alive.body["status"]), (StatusCode::OK, &json!("ok")));
    let ready = ask(Method::GET, "/health/ready").of(&server.router).await;
    assert_eq!((ready.status, &ready.body["status"]), (StatusCode::OK, &json!("ready")));
    let websocket = ask(Method::GET, "/health/websocket").of(&server.router).await;
    let config = json!({ "path": "/socket.io", "cors_origins": ["http://good.example"], "transports": ["polling", "websocket"] });
    let expected = json!({ "status": "configured", "websocket_endpoint": "/socket.io/", "config": config });
    assert_eq!(websocket.body, expected);

    server.store.fail_with(Some(StoreTrouble::Full));
    let kept = ask(Method::GET, "/health/ready").of(&server.router).await;
    assert_eq!(kept.status, StatusCode::OK, "an answer holds for a moment");
    tokio::time::advance(crate::limits::READINESS_KEPT).await;
    let down = ask(Method::GET, "/health/ready")
        .refused_by(&server.router, 503, "storage_unavailable")
        .await;
    assert_eq!(
        (&down.body["failing"], &down.body["database"]),
        (&json!("database"), &json!("full"))
    );
    assert_eq!(
        ask(Method::GET, "/health").of(&server.router).await.status,
        StatusCode::OK,
        "the process lives"
    );
    server.readiness.stop();
    ask(Method::GET, "/health/ready")
        .refused_by(&server.router, 503, "shutting_down")
        .await;
}
