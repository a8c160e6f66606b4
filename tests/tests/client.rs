//! The Rust client against the real server: cuts, restarts and refusals.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rollcall_client::protocol::chat_core::ConversationId;
use rollcall_client::protocol::{ErrorCode, ServerEvent};
use rollcall_client::{Auth, Backoff, Builder, Client, ClientEvent, Events, GapOutcome, Page, Rest, RestError, State};
use rollcall_tests::{PATIENCE, Server, User};

const MESSAGES: u64 = 300;

fn client(server: &Server, user: &User) -> Builder {
    let backoff = Backoff {
        first: Duration::from_millis(10),
        most: Duration::from_millis(100),
        attempts_max: None,
    };
    Client::builder(server.url())
        .token(&user.token)
        .receipts(true)
        .client_name("tests/1")
        .reconnect(backoff)
}

/// Two users in a group.
async fn group(server: &Server) -> Result<(User, User, ConversationId)> {
    let (alice, bob) = (
        server.rest().new_user("alice").await?,
        server.rest().new_user("bob").await?,
    );
    let group = server.rest().as_user(&alice).new_group(&[&bob]).await?;
    Ok((alice, bob, ConversationId::parse(group)?))
}

/// The contents of the messages up to the one that is `last`; a gap that stays one is a failure.
async fn contents_until(events: &mut Events, last: &str) -> Result<Vec<(u64, String)>> {
    let mut heard = Vec::new();
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next()).await;
        let event = event.with_context(|| format!("after {} messages, the last {:?}", heard.len(), heard.last()))?;
        match event.context("the link ended")? {
            ClientEvent::Server(ServerEvent::NewMessage(message)) => {
                heard.push((message.seq.0, message.content.to_string()));
                if &*message.content == last {
                    return Ok(heard);
                }
            }
            ClientEvent::Gap(gap) if matches!(gap.outcome, GapOutcome::Lost(_)) => bail!("{gap:?}"),
            ClientEvent::Undecodable { event, why, preview } => bail!("{event:?}: {why}: {preview}"),
            _ => {}
        }
    }
}

async fn heard_session(events: &mut Events) -> Result<()> {
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next()).await?;
        if let ClientEvent::Server(ServerEvent::Session(_)) = event.context("the link ended")? {
            return Ok(());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn through_cuts_at_both_ends_each_message_arrives_once_and_in_order() -> Result<()> {
    let server = Server::start().await?;
    let (alice, bob, group) = group(&server).await?;
    let (alice, mut alice_events) = client(&server, &alice).connect().await?;
    let (bob, mut bob_events) = client(&server, &bob).connect().await?;
    // Only from its session on does a client hold something that can be resumed.
    heard_session(&mut alice_events).await?;
    heard_session(&mut bob_events).await?;
    let cutting = tokio::spawn({
        let (alice, bob) = (alice.clone(), bob.clone());
        async move {
            loop {
                for victim in [&bob, &alice] {
                    victim.cut().await;
                    victim.wait_for(|state| !state.is_connected()).await;
                    victim.wait_for(State::is_connected).await;
                }
            }
        }
    });
    let sending = tokio::spawn(async move {
        for number in 1..=MESSAGES {
            alice.send(&group, number.to_string()).await?;
        }
        anyhow::Ok(alice)
    });
    let last = MESSAGES.to_string();
    let (by_alice, by_bob) = tokio::join!(
        contents_until(&mut alice_events, &last),
        contents_until(&mut bob_events, &last)
    );
    let _alice = sending.await??;
    cutting.abort();
    for heard in [by_alice?, by_bob?] {
        let wrong = heard
            .iter()
            .zip(1..)
            .find(|((seq, content), at)| seq != at || *content != at.to_string());
        assert_eq!((wrong, heard.len() as u64), (None, MESSAGES));
    }
    Ok(())
}

#[tokio::test]
async fn a_killed_server_is_come_back_to() -> Result<()> {
    let mut server = Server::start().await?;
    let (alice, bob, group) = group(&server).await?;
    let (_bob, mut events) = client(&server, &bob).connect().await?;
    let (alice, _events) = client(&server, &alice).connect().await?;
    alice.send(&group, "before").await?;
    server.kill9().await?;
    let after = tokio::spawn(async move { alice.send(&group, "after").await.map(|sent| (alice, sent)) });
    server.restart().await?;
    let (_alice, sent) = after.await??;
    assert_eq!(sent.message.seq.0, 2);
    let heard = contents_until(&mut events, "after").await?;
    assert_eq!(heard, [(1, "before".into()), (2, "after".into())]);
    Ok(())
}

#[tokio::test]
async fn refusals_are_typed() -> Result<()> {
    let server = Server::start().await?;
    let (alice, ..) = group(&server).await?;
    let refused = Client::builder(server.url()).token("no token at all").connect().await;
    let Err(reason) = refused else {
        bail!("connected with a bad token")
    };
    assert_eq!(reason.code(), Some(ErrorCode::Unauthorized), "{reason}");
    let refused = client(&server, &alice).namespace("/elsewhere").connect().await;
    let Err(reason) = refused else {
        bail!("connected to an unknown namespace")
    };
    assert_eq!(reason.code(), Some(ErrorCode::NotFound), "{reason}");

    let (alice, _events) = client(&server, &alice).connect().await?;
    let nowhere = ConversationId::parse("nowhere")?;
    let Err(error) = alice.send(&nowhere, "x").await else {
        bail!("sent to nowhere")
    };
    assert_eq!(error.code(), Some(ErrorCode::NotFound), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_password_is_enough() -> Result<()> {
    let server = Server::setup().demo().start().await?;
    let rest = Rest::new(&server.url())?;
    let auth = Auth::password(rest.clone(), "alice", "demo");
    let (alice, _events) = Client::builder(server.url()).auth(auth).connect().await?;
    let whoami = alice.whoami().await?;
    assert_eq!(
        (whoami.user.username.as_str(), whoami.transport.as_str()),
        ("alice", "websocket")
    );
    assert!(whoami.conversations.iter().all(|conversation| conversation.in_room));

    let login = rest.login("alice", "demo").await?;
    let Err(refused) = rest.login("alice", "wrong").await else {
        bail!("signed in with a wrong password")
    };
    assert!(matches!(refused, RestError::Refused { status: 401, .. }), "{refused}");
    let group = &whoami
        .conversations
        .iter()
        .max_by_key(|one| one.last_seq)
        .context("no conversation")?;
    let newest = rest.history(&login.token, &group.id, Page::Newest, 1).await?;
    assert_eq!(
        (newest.messages.len(), newest.messages[0].seq, newest.more),
        (1, group.last_seq, true)
    );
    let before = rest
        .history(&login.token, &group.id, Page::Before(group.last_seq), 50)
        .await?;
    assert_eq!(
        (before.messages.len() as u64, before.more),
        (group.last_seq.0 - 1, false)
    );
    Ok(())
}
