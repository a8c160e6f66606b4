//! The canary of a running server: it flies by itself, says so, and is in nobody's way.

use anyhow::{Context, Result};
use rollcall_tests::{PATIENCE, Rest, Server, eventually};
use serde_json::{Value, json};

async fn metrics(rest: &Rest) -> Result<String> {
    let answer = rest.send(reqwest::Method::GET, "/metrics", None).await?;
    Ok(answer.body.as_str().context("metrics are text")?.to_owned())
}

#[tokio::test]
async fn it_flies_by_itself_and_nobody_sees_it() -> Result<()> {
    let server = Server::setup().env("ROLLCALL_CANARY", "on").start().await?;
    let admin = server.admin().await?;
    let flown = async || {
        let text = metrics(&admin).await.ok()?;
        text.lines().any(|line| line == "rollcall_canary_up 1").then_some(text)
    };
    let text = eventually("the canary's first flight", PATIENCE, flown).await?;
    assert!(!text.contains("\nrollcall_canary_seconds_count 0\n"), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let chat = [
            "messages_total",
            "deliveries_total",
            "broadcast",
            "connections",
            "rooms{",
            "users_online",
            "events_total",
        ];
        if chat.iter().any(|name| line.starts_with(&format!("rollcall_{name}"))) {
            assert!(line.ends_with(" 0"), "{line}");
        }
    }
    let overview = eventually("the Overview's figures", PATIENCE, async || {
        let overview = admin.get("/admin/api/overview").await.ok()?;
        overview["canary_ms"].is_number().then_some(overview)
    });
    let overview = overview.await?;
    assert_eq!(overview["canary"], json!({"state": "up"}));
    assert_eq!(
        (&overview["connections"], &overview["users_online"]),
        (&json!(0), &json!(0))
    );
    let users = admin.get("/api/v1/users?q=").await?;
    let names: Vec<&Value> = users["users"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|user| &user["username"])
        .collect();
    assert_eq!(names, [&json!("admin")]);
    for list in ["sockets", "rooms"] {
        assert_eq!(
            admin.get(&format!("/admin/api/{list}")).await?["total"],
            json!(0),
            "{list}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn switched_off_it_does_not_fly() -> Result<()> {
    let server = Server::start().await?;
    let admin = server.admin().await?;
    assert!(metrics(&admin).await?.contains("\nrollcall_canary_up 0\n"));
    assert_eq!(
        admin.get("/admin/api/overview").await?["canary"],
        json!({"state": "unused"})
    );
    Ok(())
}
