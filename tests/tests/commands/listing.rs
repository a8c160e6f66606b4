//! `rooms` and `sockets` list everything, however many pages it is.

use std::collections::HashSet;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use rollcall_client::Client;
use rollcall_tests::Server;
use serde_json::json;

use crate::asking::{read, run, words};

/// More than a page of the admin's API holds.
const SOCKETS: usize = 207;

#[tokio::test]
async fn lists_are_whole_beyond_a_page_and_end_at_their_limit() -> Result<()> {
    let server = Server::start().await?;
    let alice = server.rest().new_user("alice").await?;
    let connecting = (0..SOCKETS).map(|_| Client::builder(server.url()).token(&alice.token).connect());
    let _connected = try_join_all(connecting).await?;

    let listed = read(&run(&server.url(), &["sockets", "--as", "admin", "--json"]).await?)?;
    let items = listed["items"].as_array().context("no items")?;
    let sids: HashSet<&str> = items.iter().filter_map(|socket| socket["sid"].as_str()).collect();
    assert_eq!((items.len(), sids.len()), (SOCKETS, SOCKETS), "{}", listed["total"]);
    assert_eq!((&listed["total"], &listed["page"]), (&json!(SOCKETS), &json!(1)));

    // Every socket has a room named as its SID.
    let table = run(&server.url(), &["rooms", "--as", "admin"]).await?;
    assert!(table.status.success(), "{}", words(&table));
    let table = words(&table);
    assert!(sids.iter().all(|sid| table.contains(sid)), "{table}");
    assert!(!table.contains("--limit"), "nothing is left out: {table}");

    let some = run(&server.url(), &["sockets", "--as", "admin", "--json", "--limit", "203"]).await?;
    assert_eq!(read(&some)?["items"].as_array().map(Vec::len), Some(203));
    assert!(words(&some).contains("203 of 207 are shown"), "{}", words(&some));
    Ok(())
}
