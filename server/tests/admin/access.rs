//! Who gets in, how they stay in, how they leave.

use http::StatusCode;

use crate::fake::FakeServer;
use crate::requests::Client;
use crate::stage::{PASSWORD, Stage};

const PAGES: [&str; 13] = [
    "/admin",
    "/admin/namespaces",
    "/admin/rooms",
    "/admin/rooms/%2F/conversation:42",
    "/admin/sockets",
    "/admin/sockets/sid-alice-1",
    "/admin/users",
    "/admin/users/alice",
    "/admin/conversations",
    "/admin/messages",
    "/admin/rejected",
    "/admin/nodes",
    "/admin/audit",
];

fn api(page: &str) -> String {
    match page {
        "/admin" => "/admin/api/overview".to_owned(),
        page => page.replacen("/admin/", "/admin/api/", 1),
    }
}

async fn stage() -> Stage {
    let server = FakeServer::with(&[("42", &["alice", "bob"])]);
    server.connect(server.usual("sid-alice-1", "alice"));
    Stage::set(server, "off").await
}

#[tokio::test]
async fn a_stranger_is_led_to_the_sign_in_and_back() {
    let stage = stage().await;
    let stranger = Client::stranger(&stage);
    for page in PAGES {
        let answer = stranger.get(page).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{page}");
        assert!(answer.header("location").starts_with("/admin/login"), "{page}");
        assert!(!answer.text.contains("alice"), "{page}");
        stranger.get(&api(page)).await.assert_problem(401, "unauthorized");
    }
    stranger
        .get("/admin/api/live")
        .await
        .assert_problem(401, "unauthorized");
    stranger
        .get("/admin/api/no-such-thing")
        .await
        .assert_problem(401, "unauthorized");
    let answer = stranger.get("/admin/rooms?q=a&page=2").await;
    assert_eq!(
        answer.header("location"),
        "/admin/login?next=%2Fadmin%2Frooms%3Fq%3Da%26page%3D2"
    );
    let fields = [
        ("username", "admin"),
        ("password", PASSWORD),
        ("next", "/admin/rooms?q=a"),
    ];
    assert_eq!(
        stranger.post_form("/admin/login", &fields).await.header("location"),
        "/admin/rooms?q=a"
    );
    let fields = [
        ("username", "admin"),
        ("password", PASSWORD),
        ("next", "//evil.example"),
    ];
    assert_eq!(
        stranger.post_form("/admin/login", &fields).await.header("location"),
        "/admin"
    );
}

#[tokio::test]
async fn every_page_and_its_data_are_there_for_a_session_and_for_a_token() {
    let stage = stage().await;
    for who in ["admin", "watcher"] {
        for client in [
            Client::signed_in(&stage, who).await,
            Client::with_token(&stage, who).await,
        ] {
            for page in PAGES {
                let html = client.get(page).await;
                assert_eq!(html.status, StatusCode::OK, "{page}: {}", html.text);
                assert!(html.header("content-type").starts_with("text/html"));
                assert!(
                    html.header("content-security-policy")
                        .starts_with("default-src 'none'; style-src 'self'")
                );
                assert_eq!(html.header("cache-control"), "no-store");
                assert_eq!(html.header("x-content-type-options"), "nosniff");
                let json = client.get(&api(page)).await;
                assert_eq!(json.status, StatusCode::OK, "{page}");
                assert!(json.json().is_object());
            }
        }
    }
}

#[tokio::test]
async fn users_and_wrong_passwords_stay_out() {
    let stage = stage().await;
    let stranger = Client::stranger(&stage);
    for (username, password, status) in [
        ("admin", "wrong", 401),
        ("nobody", PASSWORD, 401),
        ("alice", PASSWORD, 403),
        ("", "", 401),
    ] {
        let answer = stranger
            .post_form("/admin/login", &[("username", username), ("password", password)])
            .await;
        assert_eq!(answer.status.as_u16(), status, "{username}");
        assert!(answer.header("set-cookie").is_empty(), "{username}");
        assert!(answer.header("content-type").starts_with("text/html"));
    }
    let user = Client::with_token(&stage, "alice").await;
    user.get("/admin/api/sockets").await.assert_problem(403, "forbidden");
    assert_eq!(user.get("/admin/sockets").await.status, StatusCode::FORBIDDEN);
    let forged = Client::stranger(&stage).and("authorization", "Bearer x.y.z");
    forged
        .get("/admin/api/sockets")
        .await
        .assert_problem(401, "unauthorized");
    let forged = Client::stranger(&stage).and("cookie", format!("rollcall_admin={}", "0".repeat(64)));
    forged
        .get("/admin/api/sockets")
        .await
        .assert_problem(401, "unauthorized");
}

#[tokio::test]
async fn the_cookie_is_closed_and_each_sign_in_gets_its_own() {
    let stage = stage().await;
    let stranger = Client::stranger(&stage);
    let fields = [("username", "admin"), ("password", PASSWORD)];
    let first = stranger.post_form("/admin/login", &fields).await;
    let cookie = first.header("set-cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let second = stranger.post_form("/admin/login", &fields).await;
    assert_ne!(cookie, second.header("set-cookie"));
    // Nobody is signed in by an id that they brought along.
    let fixed = Client::stranger(&stage).and("cookie", "rollcall_admin=fixed");
    let answer = fixed.post_form("/admin/login", &fields).await;
    assert!(!answer.header("set-cookie").contains("fixed"));
    fixed
        .get("/admin/api/sockets")
        .await
        .assert_problem(401, "unauthorized");
}

#[tokio::test]
async fn attempts_are_counted_per_address() {
    let server = FakeServer::with(&[]);
    let stage = Stage::set(server, "3/m").await;
    let stranger = Client::stranger(&stage);
    let fields = [("username", "admin"), ("password", "wrong")];
    for _ in 0..3 {
        assert_eq!(
            stranger.post_form("/admin/login", &fields).await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    let answer = stranger
        .post_form("/admin/login", &[("username", "admin"), ("password", PASSWORD)])
        .await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert!(answer.text.contains("Too many attempts"), "{}", answer.text);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_needs_the_token() {
    let stage = stage().await;
    let admin = Client::signed_in(&stage, "admin").await;
    let refused = admin.post_form("/admin/logout", &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(admin.get("/admin").await.status, StatusCode::OK);
    let csrf = admin.csrf().await;
    let gone = admin.post_form("/admin/logout", &[("csrf_token", &csrf)]).await;
    assert_eq!(
        (gone.status, gone.header("location")),
        (StatusCode::SEE_OTHER, "/admin/login")
    );
    assert!(gone.header("set-cookie").contains("Max-Age=0"));
    admin
        .get("/admin/api/sockets")
        .await
        .assert_problem(401, "unauthorized");
}

#[tokio::test]
async fn another_site_cannot_sign_anybody_in() {
    let stage = stage().await;
    let crossed = Client::stranger(&stage).and("sec-fetch-site", "cross-site");
    let answer = crossed
        .post_form("/admin/login", &[("username", "admin"), ("password", PASSWORD)])
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.header("set-cookie").is_empty());
}

#[tokio::test]
async fn the_sign_in_page_and_the_files_are_open_to_all() {
    let stage = stage().await;
    let stranger = Client::stranger(&stage);
    for page in ["/admin/login"] {
        let html = stranger.get(page).await;
        assert_eq!(html.status, StatusCode::OK);
        let style = html
            .text
            .split("rel=\"stylesheet\" href=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned();
        let style = stranger.get(&style).await;
        assert_eq!(style.status, StatusCode::OK);
        assert!(style.header("cache-control").contains("immutable"));
        assert!(style.header("content-type").starts_with("text/css"));
    }
    assert_eq!(
        stranger.get("/admin/assets/admin.css").await.status,
        StatusCode::NOT_FOUND
    );
}

/// Lets a session's look at its account grow old.
async fn wait_until_stale() {
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(10)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_session_follows_what_another_process_does_to_its_account() {
    let stage = stage().await;
    let admin = Client::signed_in(&stage, "admin").await;
    let watcher = Client::signed_in(&stage, "watcher").await;
    let disable = ("/admin/api/users/alice/disable", serde_json::json!({}));
    stage
        .behind_its_back("UPDATE users SET role = 'observer' WHERE username = 'admin'")
        .await;
    stage
        .behind_its_back("UPDATE users SET disabled_at = 1 WHERE username = 'watcher'")
        .await;
    wait_until_stale().await;
    watcher
        .get("/admin/api/overview")
        .await
        .assert_problem(401, "unauthorized");
    // For good: the session is over, whatever becomes of the account.
    stage
        .behind_its_back("UPDATE users SET disabled_at = NULL WHERE username = 'watcher'")
        .await;
    watcher
        .get("/admin/api/overview")
        .await
        .assert_problem(401, "unauthorized");
    assert_eq!(admin.get("/admin/api/overview").await.status, StatusCode::OK);
    admin
        .post_json(disable.0, &disable.1)
        .await
        .assert_problem(403, "forbidden");
    stage
        .behind_its_back("UPDATE users SET role = 'user' WHERE username = 'admin'")
        .await;
    wait_until_stale().await;
    admin.get("/admin/api/overview").await.assert_problem(403, "forbidden");
}
