//! Who may go on, and what the others are told.

use super::*;

#[tokio::test]
async fn a_good_handshake_goes_on() {
    let gate = Gate::new();
    for (uri, headers) in [
        (HANDSHAKE, vec![]),
        (HANDSHAKE, vec![("origin", GOOD_ORIGIN)]),
        ("/socket.io?EIO=4&transport=polling", vec![("origin", GOOD_ORIGIN)]),
        ("/socket.io/?transport=polling&t=x1&EIO=4", vec![]),
    ] {
        let answer = gate.get(uri, &headers).await;
        assert_eq!(answer.status, StatusCode::OK, "{uri} {}", answer.body);
        assert!(answer.body.starts_with("0{\"sid\""), "{}", answer.body);
        assert_eq!(answer.is_readable(), !headers.is_empty());
    }
    let answer = gate
        .get("/socket.io/?EIO=4&transport=websocket", &upgrade_from(GOOD_ORIGIN))
        .await;
    assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS);
    assert!(gate.kept().is_empty());
}

#[tokio::test]
async fn what_is_none_of_ours_passes_untouched() {
    let gate = Gate::new();
    for uri in [
        "/search",
        "/search?q=EIO=4",
        "/search?transport=websocket",
        "/search?xEIO=4",
    ] {
        let answer = gate.get(uri, &[("origin", BAD_ORIGIN)]).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::OK, "found"),
            "{uri}"
        );
        assert!(answer.headers.get(header::VARY).is_none());
    }
    assert_eq!(gate.get("/socket.iox/", &[]).await.status, StatusCode::NOT_FOUND);
    assert!(gate.kept().is_empty());
}

#[tokio::test]
async fn another_path_is_told_the_right_one() {
    for (uri, kept) in [
        ("/?EIO=4&transport=polling", "/?EIO=4&transport=polling"),
        (
            "/ws/socket.io/?EIO=4&transport=polling&t=abc",
            "/ws/socket.io/?EIO=4&transport=polling&…",
        ),
        (
            "/socket.io/extra?EIO=4&transport=polling",
            "/socket.io/extra?EIO=4&transport=polling",
        ),
        ("//socket.io/?EIO=4", "//socket.io/?EIO=4"),
        ("/search?EIO=3", "/search?EIO=3"),
    ] {
        let gate = Gate::new();
        let answer = gate.get(uri, &[("origin", GOOD_ORIGIN)]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{uri}");
        assert!(answer.is_readable());
        assert_eq!(answer.json()["code"], 3);
        assert!(
            answer.json()["detail"]
                .as_str()
                .unwrap()
                .contains("the path is /socket.io/"),
            "{}",
            answer.body
        );
        assert!(
            answer.json()["hint"].as_str().unwrap().contains("path"),
            "{}",
            answer.body
        );
        let rejected = gate.only();
        assert_eq!((rejected.reason, rejected.path.as_str()), ("path", kept));
        assert_eq!(gate.counted("path"), 1);
    }
}

#[tokio::test]
async fn a_websocket_on_another_path_means_socket_io_too() {
    let gate = Gate::new();
    let answer = gate.get("/chat?transport=websocket", &UPGRADE).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(gate.only().reason, "path");
}

#[tokio::test]
async fn asking_for_the_bundle_is_no_attempt_to_connect() {
    let gate = Gate::new();
    let answer = gate.get("/socket.io/socket.io.js", &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.json()["hint"].is_string());
    assert!(gate.kept().is_empty());
    assert_eq!(gate.counted("path"), 0);
}

#[tokio::test]
async fn other_protocols_are_told_ours() {
    for (uri, came) in [
        ("/socket.io/?EIO=3&transport=polling", "EIO=3"),
        ("/socket.io/?EIO=2&transport=polling", "EIO=2"),
        ("/socket.io/?EIO=&transport=polling", "EIO="),
        ("/socket.io/?EIO=four&transport=polling", "EIO=four"),
        ("/socket.io/?EIO=3&transport=websocket", "EIO=3"),
        ("/socket.io/?EIO=3&EIO=4&transport=polling", "EIO=3"),
        ("/socket.io/?transport=polling", "no EIO"),
        ("/socket.io/", "no EIO"),
        ("/socket.io", "no EIO"),
    ] {
        let gate = Gate::new();
        let answer = gate.get(uri, &[("origin", GOOD_ORIGIN)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
        let told = answer.json();
        assert_eq!(
            (&told["code"], &told["message"]),
            (&json!(5), &json!("Unsupported protocol version")),
            "{uri}"
        );
        assert!(told["hint"].as_str().unwrap().contains("version 3 or 4"));
        assert!(answer.is_readable());
        let rejected = gate.only();
        assert_eq!(rejected.reason, "protocol");
        assert!(rejected.detail.contains(came), "{uri}: {}", rejected.detail);
    }
}

#[tokio::test]
async fn unknown_transports_and_stripped_upgrades_are_named() {
    for (uri, status, code, words) in [
        ("/socket.io/?EIO=4", 400, 0, "no transport"),
        ("/socket.io/?EIO=4&transport=webtransport", 400, 0, "webtransport"),
        ("/socket.io/?EIO=4&transport=websocket", 400, 3, "Upgrade: websocket"),
    ] {
        let gate = Gate::new();
        let answer = gate.get(uri, &[("origin", GOOD_ORIGIN)]).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (status, &json!(code)),
            "{uri}"
        );
        assert!(answer.is_readable());
        let rejected = gate.only();
        assert_eq!(rejected.reason, "protocol");
        assert!(rejected.detail.contains(words), "{}", rejected.detail);
    }
}

#[tokio::test]
async fn a_refused_origin_is_told_by_both_transports() {
    let gate = Gate::new();
    let polling = gate.get(HANDSHAKE, &[("origin", BAD_ORIGIN)]).await;
    let upgrade = gate
        .get("/socket.io/?EIO=4&transport=websocket", &upgrade_from(BAD_ORIGIN))
        .await;
    let null = gate.get(HANDSHAKE, &[("origin", "null")]).await;
    for answer in [&polling, &upgrade, &null] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(
            (&answer.json()["code"], &answer.json()["message"]),
            (&json!(4), &json!("Forbidden"))
        );
        assert!(answer.json()["hint"].as_str().unwrap().contains("ALLOWED_ORIGINS"));
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), None);
        assert_eq!(answer.header(header::VARY), Some("origin"));
    }
    assert!(polling.json()["detail"].as_str().unwrap().contains(BAD_ORIGIN));
    assert_eq!(gate.counted("origin"), 3);
    assert_eq!(gate.kept()[2].origin.as_deref(), Some(BAD_ORIGIN));
}

#[tokio::test]
async fn preflights_are_answered() {
    let gate = Gate::new();
    let asked = [
        ("origin", GOOD_ORIGIN),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization, x-own"),
    ];
    let answer = gate.send(Method::OPTIONS, HANDSHAKE, &asked).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NO_CONTENT, ""));
    assert!(answer.is_readable());
    assert_eq!(
        answer.header(header::ACCESS_CONTROL_ALLOW_METHODS),
        Some("GET, POST, OPTIONS")
    );
    assert_eq!(
        answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS),
        Some("authorization, x-own")
    );
    assert!(gate.kept().is_empty());

    // Also where the request itself will be told that it is wrong: else the page would not get to hear it.
    let answer = gate
        .send(Method::OPTIONS, "/wrong?EIO=4&transport=polling", &asked)
        .await;
    assert!(answer.status == StatusCode::NO_CONTENT && answer.is_readable());

    let long = "x".repeat(2000);
    for names in [long.as_str(), "a b", "x\"y"] {
        let asked = [("origin", GOOD_ORIGIN), ("access-control-request-headers", names)];
        let answer = gate.send(Method::OPTIONS, HANDSHAKE, &asked).await;
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS), None, "{names}");
    }

    let answer = gate.send(Method::OPTIONS, HANDSHAKE, &[("origin", BAD_ORIGIN)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(gate.only().reason, "origin");
}

#[tokio::test]
async fn the_library_s_own_errors_keep_their_words_and_are_no_rejections() {
    let gate = Gate::new();
    let stale = gate
        .get(
            "/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs",
            &[("origin", GOOD_ORIGIN)],
        )
        .await;
    assert_eq!(stale.status, StatusCode::BAD_REQUEST);
    assert_eq!(stale.json()["message"], "Session ID unknown");
    assert!(stale.is_readable());
    let method = gate.send(Method::POST, HANDSHAKE, &[("origin", GOOD_ORIGIN)]).await;
    assert_eq!(method.status, StatusCode::BAD_REQUEST);
    assert_eq!(method.json()["message"], "Bad handshake method");
    assert!(method.is_readable());
    assert!(gate.kept().is_empty());
}

#[tokio::test]
async fn too_many_connections_are_told_when_to_come_back() {
    let gate = Gate::with_rate(|address| {
        let limited = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
        if address == limited {
            Err(Duration::from_millis(1_200))
        } else {
            Ok(())
        }
    });
    for _ in 0..5 {
        let answer = gate.get(HANDSHAKE, &[("origin", GOOD_ORIGIN)]).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.header(header::RETRY_AFTER), Some("2"));
        assert_eq!(answer.json()["retry_after_ms"], 1_200);
        assert!(answer.is_readable());
    }
    assert_eq!(gate.counted("rate"), 5);
    assert!(
        gate.metrics
            .render()
            .contains("rollcall_rate_limited_total{limit=\"connects\"} 5\n")
    );
    // All are counted, one is kept: a loop must not push out everything else.
    assert_eq!(gate.only().reason, "rate");
    assert_eq!(gate.only().address, Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))));
    gate.clock.0.fetch_add(10_000, Ordering::Relaxed);
    gate.get(HANDSHAKE, &[]).await;
    assert_eq!(gate.kept().len(), 2);

    let other = gate.get(HANDSHAKE, &[("x-forwarded-for", "192.0.2.8")]).await;
    assert_eq!(other.status, StatusCode::OK);
    // A connection that lives goes on, and so does everybody who wants something else.
    let poll = gate
        .get("/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs", &[])
        .await;
    assert_eq!(poll.status, StatusCode::BAD_REQUEST);
    assert_eq!(gate.get("/search", &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_is_counted_once_as_an_http_request() {
    let gate = Gate::new();
    gate.get(HANDSHAKE, &[]).await;
    gate.get("/socket.io/?EIO=3", &[]).await;
    gate.get("/socket.io?EIO=3", &[]).await;
    gate.get("/elsewhere?EIO=4", &[]).await;
    gate.get("/search", &[]).await;
    let text = gate.metrics.render();
    for (labels, times) in [
        (r#"route="/socket.io/",method="GET",status="200""#, 1),
        (r#"route="/socket.io/",method="GET",status="400""#, 2),
        (r#"route="other",method="other",status="404""#, 1),
    ] {
        let line = format!("rollcall_http_requests_total{{{labels}}} {times}\n");
        assert!(text.contains(&line), "{line}");
    }
}

#[tokio::test]
async fn who_was_refused_is_known_by_a_signed_token_of_the_query_or_the_header() {
    for (reason, uri, headers) in [
        ("path", "/ws/?EIO=4&transport=polling&token=signed-bob", vec![]),
        (
            "path",
            "/ws/?EIO=4&transport=polling",
            vec![("authorization", "Bearer signed-bob")],
        ),
        (
            "origin",
            "/socket.io/?EIO=4&transport=polling&token=signed-bob",
            vec![("origin", BAD_ORIGIN)],
        ),
        (
            "protocol",
            "/socket.io/?EIO=3&transport=polling&token=signed-bob",
            vec![],
        ),
    ] {
        let gate = Gate::new();
        gate.get(uri, &headers).await;
        let kept = gate.only();
        assert_eq!(
            (kept.reason, kept.user_id.as_ref().map(UserId::as_str)),
            (reason, Some("bob")),
            "{uri}"
        );
        assert_eq!(*gate.turned_away.lock(), [("bob".to_owned(), reason)]);
        assert!(!kept.path.contains("signed"), "{}", kept.path);
    }
    for uri in [
        "/ws/?EIO=4&transport=polling&token=bob",
        "/ws/?EIO=4&transport=polling",
        "/socket.io/?EIO=3&transport=polling&sub=bob",
    ] {
        let gate = Gate::new();
        gate.get(uri, &[]).await;
        assert_eq!(
            gate.only().user_id,
            None,
            "nobody is named by what nobody signed: {uri}"
        );
        assert!(gate.turned_away.lock().is_empty());
    }
}

#[tokio::test]
async fn a_flood_over_the_rate_is_written_down_once_per_user() {
    let gate = Gate::with_rate(|_| Err(Duration::from_secs(1)));
    for user in ["bob", "carol", "bob", "carol", "bob"] {
        gate.get(&format!("{HANDSHAKE}&token=signed-{user}"), &[]).await;
    }
    assert_eq!(gate.counted("rate"), 5);
    assert_eq!(
        *gate.turned_away.lock(),
        [("bob".to_owned(), "rate"), ("carol".to_owned(), "rate")]
    );
    assert_eq!(gate.kept().len(), 2);
}
