//! `rooms` and `sockets` list everything, however many pages it is, and `delivery` names the clients.

use std::collections::HashSet;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use rollcall_client::Client;
use rollcall_tests::Server;
use serde_json::json;

use crate::asking::{read, run, words};
use crate::run_as;

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

#[tokio::test]
async fn a_delivery_names_the_clients() -> Result<()> {
    let server = Server::start().await?;
    let (alice, bob) = (
        server.rest().new_user("alice").await?,
        server.rest().new_user("bob").await?,
    );
    let group = server.rest().as_user(&alice).new_group(&[&bob]).await?;
    let named = Client::builder(server.url()).token(&bob.token).client_name("tests/7");
    let (_client, _events) = named.connect().await?;
    let sent = server.rest().as_user(&alice).post_message(&group, "hello").await?;
    let message = sent["message"]["id"].as_str().context("no id")?;

    let delivery = run_as(&server.url(), &alice, &["delivery", message, "--json"]).await?;
    let delivery = read(&delivery)?;
    let participants = delivery["participants"].as_array().context("no participants")?;
    let of_bob = participants.iter().find(|one| one["user_id"] == json!(bob.id));
    let of_bob = of_bob.context("bob is not there")?;
    assert_eq!(of_bob["sockets"][0]["client"], "tests/7", "{delivery:#}");
    let table = run_as(&server.url(), &alice, &["delivery", message]).await?;
    assert!(words(&table).contains("tests/7"), "{}", words(&table));
    Ok(())
}
