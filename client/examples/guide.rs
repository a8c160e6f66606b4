//! The program of `docs/clients/rust.md`; a test holds the two to each other.
#![expect(clippy::print_stdout, reason = "it shows what it hears")]

use std::env;

use rollcall_client::protocol::chat_core::{ConversationKind, UserId};
use rollcall_client::protocol::request::CreateConversation;
use rollcall_client::{Auth, Client, ClientEvent, Rest, ServerEvent};

fn setting(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = setting("ROLLCALL_URL", "http://127.0.0.1:4600");
    let (user, password) = (setting("ROLLCALL_USER", "alice"), setting("ROLLCALL_PASSWORD", "demo"));
    let peer = setting("ROLLCALL_PEER", "bob");

    let rest = Rest::new(&url)?;
    let login = rest.login(&user, &password).await?;
    // Signs in anew when a token ends; reconnects, resumes and sends receipts by itself.
    let (client, mut events) = Client::builder(&url)
        .auth(Auth::password(rest.clone(), user, password))
        .receipts(true)
        .client_name("guide/1")
        .connect()
        .await?;

    let found = rest
        .get_json(Some(&login.token), &["api", "v1", "users"], &[("q", &peer)])
        .await?;
    let users = found["users"].as_array().cloned().unwrap_or_default();
    let other = users
        .iter()
        .find(|user| user["username"] == *peer)
        .ok_or("nobody of that name")?;
    let created = client
        .create_conversation(CreateConversation {
            kind: ConversationKind::Direct,
            title: None,
            participant_ids: vec![UserId::parse(other["id"].as_str().unwrap_or_default())?],
            id: None,
        })
        .await?;

    let sent = client.send(&created.conversation.id, "hello from Rust").await?;
    println!(
        "saved as #{}, handed to {} sockets",
        sent.message.seq, sent.delivery.handed_off
    );
    while let Some(event) = events.next().await {
        if let ClientEvent::Server(ServerEvent::NewMessage(message)) = event {
            println!("#{} {}: {}", message.seq, message.sender_name, message.content);
            if message.id == sent.message.id {
                break;
            }
        }
    }
    client.close().await;
    Ok(())
}
