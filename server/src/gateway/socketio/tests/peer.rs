//! A client that speaks the bare protocol over a real WebSocket.

use std::collections::VecDeque;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::in_time;

pub(super) struct Peer {
    socket: WebSocketStream<TcpStream>,
    pub(super) sid: String,
    /// Events that were read and not asked for yet.
    read: VecDeque<(String, Value)>,
    acknowledged: VecDeque<Value>,
    next_ack: u32,
}

impl Peer {
    /// Connects, and has the server's word that it is connected; the session may still be on its way.
    pub(super) async fn connect(address: SocketAddr, token: &str) -> Self {
        let tcp = in_time("a connection", TcpStream::connect(address)).await.unwrap();
        Self::over(tcp, address, token).await
    }

    /// The same with an `auth` of its own.
    pub(super) async fn introduced(address: SocketAddr, auth: &Value) -> Self {
        let tcp = in_time("a connection", TcpStream::connect(address)).await.unwrap();
        Self::with(tcp, address, auth).await
    }

    /// The same for one that comes back and holds messages up to `held` of a conversation.
    pub(super) async fn resuming(address: SocketAddr, token: &str, held: (&str, u64)) -> Self {
        Self::introduced(address, &json!({"token": token, "resume": {held.0: held.1}})).await
    }

    pub(super) async fn over(tcp: TcpStream, address: SocketAddr, token: &str) -> Self {
        Self::with(tcp, address, &json!({"token": token})).await
    }

    async fn with(tcp: TcpStream, address: SocketAddr, auth: &Value) -> Self {
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let (socket, _) = in_time("an upgrade", client_async(url, tcp)).await.unwrap();
        let mut peer = Self {
            socket,
            sid: String::new(),
            read: VecDeque::new(),
            acknowledged: VecDeque::new(),
            next_ack: 0,
        };
        peer.write(format!("40{auth}")).await;
        while peer.sid.is_empty() {
            peer.read_one().await;
        }
        peer
    }

    async fn write(&mut self, text: String) {
        in_time("a write", self.socket.send(Frame::text(text))).await.unwrap();
    }

    async fn read_one(&mut self) {
        let frame = in_time("a packet", self.socket.next()).await;
        let frame = frame.expect("the connection is open").expect("a frame");
        let Frame::Text(text) = frame else { return };
        if text.as_str() == "2" {
            return self.write("3".to_owned()).await;
        }
        if let Some(connected) = text.strip_prefix("40") {
            let connected: Value = serde_json::from_str(connected).unwrap();
            connected["sid"].as_str().unwrap().clone_into(&mut self.sid);
        } else if let Some(event) = text.strip_prefix("42") {
            let (name, data): (String, Value) = serde_json::from_str(event).unwrap();
            self.read.push_back((name, data));
        } else if let Some(answer) = text.strip_prefix("43") {
            let answer = answer.trim_start_matches(|c: char| c.is_ascii_digit());
            let [answer]: [Value; 1] = serde_json::from_str(answer).unwrap();
            self.acknowledged.push_back(answer);
        }
    }

    /// The next event of any name.
    pub(super) async fn event(&mut self) -> (String, Value) {
        while self.read.is_empty() {
            self.read_one().await;
        }
        self.read.pop_front().unwrap()
    }

    /// The next event of that name; others before it are passed over.
    pub(super) async fn hears(&mut self, name: &str) -> Value {
        loop {
            let (event, data) = self.event().await;
            if event == name {
                return data;
            }
        }
    }

    /// The seqs of the next messages.
    pub(super) async fn seqs(&mut self, count: usize) -> Vec<u64> {
        let mut seqs = Vec::new();
        for _ in 0..count {
            seqs.push(self.hears("new_message").await["seq"].as_u64().unwrap());
        }
        seqs
    }

    /// Emits and asks for an acknowledgement, which [`Peer::answer`] waits for.
    pub(super) async fn emit(&mut self, event: &str, data: &Value) {
        self.next_ack += 1;
        self.write(format!("42{}{}", self.next_ack, json!([event, data]))).await;
    }

    /// Leaves the namespace and enters it again, over the same connection.
    pub(super) async fn enters_again(&mut self, token: &str) {
        self.write("41".to_owned()).await;
        self.sid.clear();
        self.write(format!("40{}", json!({"token": token}))).await;
        while self.sid.is_empty() {
            self.read_one().await;
        }
    }

    /// Emits and asks for nothing.
    pub(super) async fn tell(&mut self, event: &str, data: &Value) {
        self.write(format!("42{}", json!([event, data]))).await;
    }

    pub(super) async fn answer(&mut self) -> Value {
        while self.acknowledged.is_empty() {
            self.read_one().await;
        }
        self.acknowledged.pop_front().unwrap()
    }

    /// Everything that was said before now, without the messages' order: answers come behind it.
    pub(super) async fn all_so_far(&mut self) -> Vec<(String, Value)> {
        self.emit("whoami", &json!({})).await;
        self.answer().await;
        self.read.drain(..).collect()
    }

    /// The seqs of the messages among it.
    pub(super) async fn seqs_so_far(&mut self) -> Vec<u64> {
        let said = self.all_so_far().await;
        let messages = said.iter().filter(|(name, _)| name == "new_message");
        messages.map(|(_, data)| data["seq"].as_u64().unwrap()).collect()
    }
}
