//! The server as a process: starts, stops, comes back with its data.

use anyhow::Result;
use rollcall_tests::Server;
use serde_json::json;

#[tokio::test]
async fn stops_cleanly_and_keeps_what_was_said() -> Result<()> {
    let mut server = Server::start().await?;
    let alice = server.rest().new_user("alice").await?;
    let rest = server.rest().as_user(&alice);
    let group = rest.new_group(&[]).await?;
    let sent = rest.post_message(&group, "before").await?;
    assert_eq!(sent["message"]["seq"], json!(1));

    let status = server.terminate().await?;
    assert_eq!(status.code(), Some(0), "{}", server.output());
    server.restart().await?;

    let page = rest.get(&format!("/api/v1/conversations/{group}/messages")).await?;
    assert_eq!(page["messages"], json!([sent["message"]]));
    Ok(())
}

#[tokio::test]
async fn a_killed_server_comes_back_with_every_answered_message() -> Result<()> {
    let mut server = Server::start().await?;
    let alice = server.rest().new_user("alice").await?;
    let rest = server.rest().as_user(&alice);
    let group = rest.new_group(&[]).await?;
    for number in 1..=20 {
        rest.post_message(&group, &number.to_string()).await?;
    }
    server.kill9().await?;
    server.restart().await?;
    let page = rest
        .get(&format!("/api/v1/conversations/{group}/messages?limit=200"))
        .await?;
    let said: Vec<_> = page["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|m| m["content"].clone())
        .collect();
    assert_eq!(
        said,
        (1..=20).map(|number| json!(number.to_string())).collect::<Vec<_>>()
    );
    Ok(())
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_with_one_line() -> Result<()> {
    for (name, value) in [
        ("ALLOWED_ORIGINS", "example.org"),
        ("ALLOWED_ORIGINS", "https://example.org/path"),
        ("ALLOWED_ORIGINS", "null"),
        ("ROLLCALL_RATE_MESSAGES", "often"),
        ("ROLLCALL_BIND", "nowhere"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("ROLLCALL_MAX_MESSAGE_BYTES", "-1"),
    ] {
        let error = Server::setup()
            .env(name, value)
            .start()
            .await
            .err()
            .map(|error| error.to_string());
        let error = error.unwrap_or_else(|| panic!("{name}={value} was taken"));
        assert!(
            error.contains(name) && error.contains("ended at its start"),
            "{name}={value}: {error}"
        );
    }
    let error = Server::setup()
        .env("JWT_SECRET", "too-short-hunter2")
        .start()
        .await
        .err()
        .map(|error| error.to_string());
    let error = error.unwrap_or_default();
    assert!(error.contains("JWT_SECRET"), "{error}");
    assert!(!error.contains("hunter2"), "a secret was printed: {error}");
    Ok(())
}
