//! A server that says exactly what a test tells it to, over a real WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rollcall_client::{Backoff, Builder, Client, ClientEvent, Events};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{WebSocketStream, accept_async};

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Server {
    listener: TcpListener,
}

pub(crate) struct Connection {
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// What came in `auth`.
    pub(crate) auth: Value,
}

impl Server {
    pub(crate) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    pub(crate) fn client(&self) -> Builder {
        let backoff = Backoff {
            first: Duration::from_millis(20),
            most: Duration::from_millis(50),
            attempts_max: None,
        };
        Client::builder(format!("http://{}", self.listener.local_addr().unwrap())).reconnect(backoff)
    }

    /// Accepts the upgrade and says nothing.
    pub(crate) async fn accept_silently(&self) -> WebSocketStream<TcpStream> {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        accept_async(accepted.expect("a client in time").unwrap().0)
            .await
            .unwrap()
    }

    /// Both handshakes.
    pub(crate) async fn accept(&self) -> Connection {
        self.accept_with_ping(25_000, 20_000).await
    }

    pub(crate) async fn accept_with_ping(&self, interval: u64, timeout: u64) -> Connection {
        let mut socket = self.accept_silently().await;
        let open =
            json!({"sid": "e", "upgrades": [], "pingInterval": interval, "pingTimeout": timeout, "maxPayload": 1});
        socket.send(Frame::text(format!("0{open}"))).await.unwrap();
        let mut connection = Connection {
            socket,
            auth: Value::Null,
        };
        let connect = connection.read().await;
        connection.auth = serde_json::from_str(connect.strip_prefix("40").unwrap()).unwrap();
        connection.write(r#"40{"sid":"s1"}"#).await;
        connection
    }
}

impl Connection {
    pub(crate) async fn write(&mut self, text: &str) {
        self.socket.send(Frame::text(text.to_owned())).await.unwrap();
    }

    pub(crate) async fn emit(&mut self, event: &str, data: Value) {
        self.write(&format!("42{}", json!([event, data]))).await;
    }

    pub(crate) async fn message(&mut self, seq: u64) {
        self.emit("new_message", message(seq)).await;
    }

    pub(crate) async fn answer(&mut self, ack: u64, data: Value) {
        self.write(&format!("43{ack}{}", json!([data]))).await;
    }

    /// The next text frame.
    pub(crate) async fn read(&mut self) -> String {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match frame.expect("a frame in time").expect("an open stream").unwrap() {
                Frame::Text(text) => return text.to_string(),
                Frame::Close(_) => panic!("closed"),
                _ => {}
            }
        }
    }

    /// The next event with its ack id.
    pub(crate) async fn read_event(&mut self) -> (String, Value, Option<u64>) {
        loop {
            let text = self.read().await;
            let Some(event) = text.strip_prefix("42") else { continue };
            let at = event.find('[').unwrap();
            let args: Vec<Value> = serde_json::from_str(&event[at..]).unwrap();
            let data = args.get(1).cloned().unwrap_or_default();
            return (args[0].as_str().unwrap().to_owned(), data, event[..at].parse().ok());
        }
    }
}

pub(crate) fn message(seq: u64) -> Value {
    json!({
        "id": format!("m{seq}"), "conversation_id": "c", "seq": seq, "sender_id": "bob", "sender_name": "Bob",
        "content": format!("message {seq}"), "created_at": "2026-11-21T08:00:00.000Z", "client_message_id": null,
        "reply_to": null, "edited_at": null, "deleted_at": null
    })
}

pub(crate) fn session(last_seq: u64, resume: &Value) -> Value {
    json!({
        "sid": "s1", "namespace": "/", "node_id": "n", "epoch": "e1",
        "user": {"id": "alice", "username": "alice", "display_name": "Alice", "role": "user"},
        "server_time": "2026-11-21T08:00:00.000Z", "resume": resume,
        "conversations": [{
            "id": "c", "kind": "group", "title": "C", "room": "conversation:c", "participants": [],
            "last_seq": last_seq, "received_seq": 0, "read_seq": 0, "unread": 0
        }]
    })
}

/// The next event that `pick` wants; others are passed over.
pub(crate) async fn next<T>(events: &mut Events, mut pick: impl FnMut(&ClientEvent) -> Option<T>) -> T {
    let found = async {
        loop {
            let event = events.next().await.expect("the link ended");
            if let Some(picked) = pick(&event) {
                return picked;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the event in time")
}
