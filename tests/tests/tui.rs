//! The terminal client in real terminals, against the real server.

use std::process::Stdio;

use anyhow::{Context, Result};
use rollcall_tests::{Server, Terminal, beside_the_test};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

/// The 80 × 24 of old, and of most terminals when they open.
const SIZE: (u16, u16) = (80, 24);

async fn client(server: &Server, name: &str, password: &str) -> Result<Terminal> {
    let program = beside_the_test("rollcall-tui")?;
    let args = ["--url", &server.url(), "--as", name];
    let env = [
        ("ROLLCALL_PASSWORD", password),
        // As in a small container: plain HTTP must not need certificates.
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_DIR", "/nonexistent"),
        // What a panic says fits on the screen.
        ("RUST_BACKTRACE", "0"),
    ];
    Terminal::run(&program, &args, &env, SIZE).await
}

/// Opens the demo's group; in the list it stands where its newest message puts it.
async fn open_group(terminal: &Terminal) -> Result<()> {
    let list = terminal.shows("Ops night shift").await?;
    let rows = list.lines().skip_while(|line| !line.contains("Conversations")).skip(1);
    let at = rows.take_while(|line| !line.contains("Ops night shift")).count();
    for _ in 0..at {
        terminal.press("Down").await?;
    }
    terminal.press("Enter").await?;
    terminal.shows("✓ verified").await.map(drop)
}

async fn say(terminal: &Terminal, text: &str) -> Result<()> {
    terminal.type_text(text).await?;
    terminal.press("Enter").await
}

#[tokio::test]
async fn two_people_chat_and_a_restart_loses_nothing() -> Result<()> {
    let mut server = Server::setup().demo().start().await?;
    let alice = client(&server, "alice", "demo").await?;
    let bob = client(&server, "bob", "demo").await?;
    open_group(&alice).await?;
    open_group(&bob).await?;

    alice.type_text("grüße, 日本語 👋").await?;
    bob.shows("Alice is typing").await?;
    alice.press("Enter").await?;
    bob.shows("grüße, 日本語 👋").await?;
    alice
        .becomes("the message is saved", |screen| {
            ["handed over 2 of 2", "● received", "● read"]
                .iter()
                .any(|state| screen.contains(state))
        })
        .await?;

    assert_eq!(server.terminate().await?.code(), Some(0));
    let screen = alice.shows("▲ reconnecting").await?;
    assert!(screen.contains("attempt"), "{screen}");
    bob.shows("▲ reconnecting").await?;
    say(&alice, "said while the server was away").await?;
    alice.shows("waiting for the connection").await?;

    server.restart().await?;
    for terminal in [&alice, &bob] {
        terminal.shows("● connected").await?;
        let screen = terminal.shows("said while the server was away").await?;
        assert_eq!(screen.matches("said while the server was away").count(), 1, "{screen}");
    }
    say(&bob, "and heard").await?;
    alice.shows("and heard").await?;
    Ok(())
}

#[tokio::test]
async fn what_was_missed_while_away_is_there_in_order() -> Result<()> {
    let mut server = Server::setup().demo().start().await?;
    let bob = client(&server, "bob", "demo").await?;
    open_group(&bob).await?;
    server.restart().await?;
    // Carol is quicker than bob's client, which waits before it comes back; if not, these come live.
    let carol = server.rest().login("carol", "demo").await?;
    let rest = server.rest().as_user(&carol);
    let conversations = rest.get("/api/v1/conversations").await?;
    let group = conversations["conversations"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|conversation| conversation["kind"] == "group")
        .and_then(|group| group["id"].as_str())
        .unwrap_or_default()
        .to_owned();
    for number in 1..=5 {
        rest.post_message(&group, &format!("missed {number}")).await?;
    }
    let screen = bob.shows("missed 5").await?;
    let places: Vec<_> = (1..=5).map(|number| screen.find(&format!("missed {number}"))).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{screen}");
    Ok(())
}

#[tokio::test]
async fn the_terminal_is_given_back_on_every_way_out() -> Result<()> {
    let server = Server::setup().demo().start().await?;
    for keys in [&["C-c"][..], &["q"], &[":", "q", "Enter"]] {
        let terminal = client(&server, "alice", "demo").await?;
        terminal.shows("● connected").await?;
        for key in keys {
            terminal.press(key).await?;
        }
        let screen = terminal.shows("ended with 0").await?;
        assert!(
            !screen.contains("Conversations"),
            "the client's screen is gone: {screen}"
        );
        terminal
            .becomes("what is typed is echoed", |screen| {
                screen.lines().any(|line| line.trim() == "echo")
            })
            .await?;
    }
    let terminated = client(&server, "alice", "demo").await?;
    terminated.shows("● connected").await?;
    let pid = Pid::from_raw(i32::try_from(terminated.pid().await?)?).context("no process")?;
    kill_process(pid, Signal::TERM)?;
    let screen = terminated.shows("ended with 0").await?;
    assert!(!screen.contains("Conversations"), "{screen}");

    let panicked = client(&server, "alice", "demo").await?;
    panicked.shows("● connected").await?;
    panicked.type_text(":panic").await?;
    panicked.press("Enter").await?;
    let screen = panicked.shows("ended with 101").await?;
    assert!(
        screen.contains("asked to panic") && !screen.contains("Conversations"),
        "{screen}"
    );

    let refused = client(&server, "alice", "wrong").await?;
    let screen = refused.shows("ended with 1").await?;
    assert!(screen.contains("signing in as alice was refused"), "{screen}");
    Ok(())
}

#[tokio::test]
async fn without_a_terminal_it_says_so() -> Result<()> {
    let mut command = Command::new(beside_the_test("rollcall-tui")?);
    let output = command.args(["--as", "alice"]).stdin(Stdio::null()).output().await?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && words.contains("terminal"), "{words}");
    Ok(())
}

#[tokio::test]
async fn any_size_is_lived_with() -> Result<()> {
    let server = Server::setup().demo().start().await?;
    let terminal = client(&server, "alice", "demo").await?;
    open_group(&terminal).await?;
    terminal.resize(60, 15).await?;
    terminal
        .becomes("the narrow screen", |screen| {
            screen.lines().any(|line| line.starts_with("└────────────────┘"))
        })
        .await?;
    terminal.resize(40, 8).await?;
    terminal.shows("Rollcall needs 60 x 15 cells").await?;
    terminal.resize(140, 30).await?;
    terminal.shows("1 socket").await?;
    say(&terminal, "still here").await?;
    terminal.shows("still here").await?;
    Ok(())
}

/// alice and bob in one terminal, wide enough for every column.
async fn two_identities(server: &Server, more: &[&str]) -> Result<Terminal> {
    let program = beside_the_test("rollcall-tui")?;
    let url = server.url();
    let args = [&["--url", &url, "--as", "alice,bob"], more].concat();
    Terminal::run(&program, &args, &[("ROLLCALL_PASSWORD", "demo")], (140, 30)).await
}

#[tokio::test]
async fn the_roll_is_called_through_a_restart() -> Result<()> {
    let mut server = Server::setup().demo().start().await?;
    let terminal = two_identities(&server, &[]).await?;
    terminal.shows("1 of 2").await?;
    open_group(&terminal).await?;
    say(&terminal, "who is there?").await?;
    terminal.press("F2").await?;
    let called = |screen: &str| {
        let row = screen
            .lines()
            .find(|line| line.contains(" alice ") && line.contains('✓'))
            .map(ToOwned::to_owned);
        screen.contains("alice/here")
            && screen.contains("bob/here")
            && row.is_some_and(|row| row.matches('✓').count() >= 2)
    };
    terminal.becomes("both have it", called).await?;
    // Carol is not here; the ledger says so.
    terminal.shows("○ offline").await?;

    assert_eq!(server.terminate().await?.code(), Some(0));
    terminal.shows("▲ reconnecting").await?;
    terminal.press("Tab").await?;
    say(&terminal, "said meanwhile").await?;
    server.restart().await?;
    terminal.shows("● connected").await?;
    terminal.press("F2").await?;
    terminal
        .becomes("the second one is there, too", |screen| {
            screen
                .lines()
                .filter(|line| {
                    line.contains(" alice ") && (line.contains('✓') || line.contains('↺') || line.contains('▲'))
                })
                .count()
                >= 2
        })
        .await?;

    // Nobody here may ask why.
    terminal.press("Enter").await?;
    terminal.shows("seen here").await?;
    terminal.shows("needs an admin").await?;
    terminal.press("z").await?;
    terminal.press("F4").await?;
    terminal.shows("client and server agree").await?;
    terminal.press("F3").await?;
    terminal.shows("event session").await?;
    Ok(())
}

#[tokio::test]
async fn faults_and_a_second_identity_are_a_key_away() -> Result<()> {
    let server = Server::setup().demo().start().await?;
    let folder = tempfile::tempdir()?;
    let tape = folder.path().join("tape").display().to_string();
    let terminal = two_identities(&server, &["--record", &tape]).await?;
    open_group(&terminal).await?;
    terminal.press("F6").await?;
    terminal.shows("connect to a wrong path").await?;
    terminal.press("5").await?;
    terminal.shows("path /wrong.io/").await?;
    terminal.press("F6").await?;
    terminal.press("3").await?;
    terminal.shows("■ fault on").await?;
    terminal.press("F6").await?;
    terminal.press("1").await?;
    terminal.shows("cut on request").await?;
    terminal.shows("● connected").await?;
    terminal.press("F9").await?;
    terminal.shows("alice@127.0.0.1").await?;
    terminal
        .becomes("both halves", |screen| {
            screen.contains("alice@") && screen.contains("bob@")
        })
        .await?;
    terminal.press("C-n").await?;
    terminal.press("C-c").await?;
    terminal.shows("ended with 0").await?;
    let text = std::fs::read_to_string(&tape)?;
    assert!(text.contains("new_message") || text.contains("session"), "{text:.300}");
    assert!(!text.contains("eyJ"), "no token stands on a tape");
    Ok(())
}
