// What a plain Socket.IO server in Node costs: joins rooms and emits to them. With a file as its second argument it saves
// each message first (better-sqlite3, WAL, synchronous=NORMAL), as such servers do.
//
//   node server.mjs PORT [DATABASE]
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import Database from "better-sqlite3";
import { Server } from "socket.io";

const [port, file] = process.argv.slice(2);
let save = () => {};
if (file) {
  const database = new Database(file);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = NORMAL");
  database.exec(`CREATE TABLE messages (
    id TEXT PRIMARY KEY, conversation_id TEXT NOT NULL, seq INTEGER NOT NULL, sender_id TEXT NOT NULL,
    content TEXT NOT NULL, created_at TEXT NOT NULL, UNIQUE (conversation_id, seq)) STRICT`);
  const insert = database.prepare("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)");
  save = (m) => insert.run(m.id, m.conversation_id, m.seq, m.sender_id, m.content, m.created_at);
}

const seqs = new Map();
const message = ({ conversation_id, content }) => {
  const seq = (seqs.get(conversation_id) ?? 0) + 1;
  seqs.set(conversation_id, seq);
  return {
    id: randomUUID(), conversation_id, seq, sender_id: "01a1fd8a-7b1e-7584-9ea2-560f5dc5a19a",
    sender_name: "user 0", content, created_at: new Date().toISOString(), client_message_id: null, reply_to: null,
    edited_at: null, deleted_at: null,
  };
};

const http = createServer((request, response) => {
  if (request.method !== "POST") return response.writeHead(404).end();
  let body = "";
  request.on("data", (part) => (body += part)).on("end", () => {
    const sent = message(JSON.parse(body));
    save(sent);
    io.to(`conversation:${sent.conversation_id}`).emit("new_message", sent);
    const answer = Buffer.from(JSON.stringify({ message: sent }));
    response.writeHead(201, { "content-type": "application/json", "content-length": answer.length }).end(answer);
  });
});
const io = new Server(http, { serveClient: false });
io.on("connection", (socket) => {
  socket.on("join_conversation", ({ conversation_id }, ack) => {
    socket.join(`conversation:${conversation_id}`);
    ack?.({ ok: true });
  });
  socket.on("send_message", (asked, ack) => {
    const sent = message(asked);
    save(sent);
    io.to(`conversation:${sent.conversation_id}`).emit("new_message", sent);
    ack?.({ ok: true, message: sent });
  });
});
http.listen(Number(port), "127.0.0.1");
