use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::post;
use chat_core::{Seq, Sid, UserId};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;
use crate::clock::{SystemClock, UuidSource};
use crate::telemetry::Metrics;

const PASSWORD: &str = "of-the-other-server";

fn webhook(to: SocketAddr) -> Webhook {
    let settings = WebhookSettings {
        url: format!("http://user:{PASSWORD}@{to}/hook?key={PASSWORD}")
            .parse()
            .unwrap(),
        secret: Secret::new("a secret of the webhook"),
        kinds: NoticeKind::ALL.to_vec(),
    };
    let metrics = Metrics::new().unwrap().webhook;
    Webhook::new(settings, Arc::new(SystemClock), Arc::new(UuidSource), metrics).unwrap()
}

fn undelivered() -> Notice {
    Notice::Undelivered {
        conversation_id: chat_core::ConversationId::parse("c").unwrap(),
        seq: Seq(1),
        user_id: UserId::parse("u").unwrap(),
        sid: Sid::parse("s").unwrap(),
    }
}

/// Nothing listens there.
async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A signature that is good for one server must not be brought to another.
#[tokio::test]
async fn a_redirect_is_no_answer_and_is_not_followed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = webhook(listener.local_addr().unwrap());
    let routes = Router::new()
        .route("/hook", post(|| async { Redirect::temporary("/elsewhere") }))
        .route("/elsewhere", post(|| async {}));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let answer = webhook.attempt("id", NoticeKind::Undelivered, "{}").await;
    assert_eq!(answer, Err("it answered 307 Temporary Redirect".to_owned()));
}

#[tokio::test]
async fn nobody_is_shown_the_password_of_the_other_server() {
    let to = nowhere().await;
    let webhook = webhook(to);
    let why = webhook.attempt("id", NoticeKind::Undelivered, "{}").await.unwrap_err();
    assert!(!why.contains(PASSWORD), "{why}");
    let notices = Notices::default();
    assert_eq!(webhook.state(&notices).url, format!("http://{to}/hook"));
    assert!(!format!("{webhook:?}").contains(PASSWORD));
}

#[tokio::test(start_paused = true)]
async fn each_pause_is_twice_as_long_until_the_request_is_given_up() {
    let webhook = webhook(nowhere().await);
    let (_sender, behind) = mpsc::channel(1);
    let began = Instant::now();
    webhook
        .deliver(Timestamp::from_millis(1), &undelivered(), &behind)
        .await;
    // 0.5 s, 1 s … 32 s, and 60 s in place of 64; each attempt may have taken until its own limit.
    let pauses = Duration::from_millis(123_500);
    let at_most = pauses + WEBHOOK_TIMEOUT * WEBHOOK_ATTEMPTS_MAX;
    assert!((pauses..=at_most).contains(&began.elapsed()), "{:?}", began.elapsed());
    let state = webhook.state(&Notices::default());
    assert_eq!((state.retried, state.failed, state.delivered), (8, 1, 0));
    let ids: std::collections::BTreeSet<&str> = state.failures.iter().map(|failure| failure.id.as_str()).collect();
    assert_eq!((state.failures.len(), ids.len()), (9, 1), "one request, nine attempts");
    assert_eq!(
        state
            .failures
            .iter()
            .map(|failure| failure.given_up)
            .collect::<Vec<_>>(),
        [true, false, false, false, false, false, false, false, false],
        "the newest first"
    );
}
