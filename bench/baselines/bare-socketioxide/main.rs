//! The floor: what socketioxide itself costs. Joins rooms and emits to them; saves nothing, checks nothing, knows nobody.
//!
//! `bare-socketioxide PORT`

#![expect(
    clippy::disallowed_methods,
    reason = "the one door is Rollcall's; this is what it is measured against"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::json;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};

#[derive(Deserialize)]
struct Join {
    conversation_id: String,
}

#[derive(Deserialize)]
struct Send {
    conversation_id: String,
    content: String,
}

/// What Rollcall sends, of the same size.
#[derive(Serialize)]
struct Message {
    id: String,
    conversation_id: String,
    seq: u64,
    sender_id: String,
    sender_name: &'static str,
    content: String,
    created_at: &'static str,
    client_message_id: Option<String>,
    reply_to: Option<String>,
    edited_at: Option<String>,
    deleted_at: Option<String>,
}

type Seqs = Arc<Mutex<HashMap<String, u64>>>;

async fn send(io: SocketIo, seqs: Seqs, sent: Send, ack: AckSender) {
    let seq = {
        let mut seqs = seqs.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = seqs.entry(sent.conversation_id.clone()).or_default();
        *seq += 1;
        *seq
    };
    let room = format!("conversation:{}", sent.conversation_id);
    let message = Message {
        id: format!("01a1fd8a-7b1e-7584-9ea2-{seq:012}"),
        conversation_id: sent.conversation_id,
        seq,
        sender_id: "01a1fd8a-7b1e-7584-9ea2-560f5dc5a19a".to_owned(),
        sender_name: "user 0",
        content: sent.content,
        created_at: "2026-11-21T09:58:00.150Z",
        client_message_id: None,
        reply_to: None,
        edited_at: None,
        deleted_at: None,
    };
    let _unheard = io.to(room).emit("new_message", &message).await;
    let _gone = ack.send(&json!({ "ok": true, "message": message }));
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port: u16 = std::env::args().nth(1).unwrap_or_default().parse()?;
    let (layer, io) = SocketIo::new_layer();
    let seqs = Seqs::default();
    let server = io.clone();
    io.ns("/", move |socket: SocketRef| {
        socket.on(
            "join_conversation",
            async |socket: SocketRef, Data(join): Data<Join>, ack: AckSender| {
                socket.join(format!("conversation:{}", join.conversation_id));
                let _gone = ack.send(&json!({ "ok": true }));
            },
        );
        socket.on("send_message", move |Data(sent): Data<Send>, ack: AckSender| {
            send(server.clone(), Arc::clone(&seqs), sent, ack)
        });
        async {}
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, axum::Router::new().layer(layer)).await?;
    Ok(())
}
