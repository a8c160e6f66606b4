// A plain WebSocket client, by the library `ws`, with the face of `Peer`.
import WebSocket from "ws";
import { within, until, PATIENCE } from "./harness.mjs";
import { Peer } from "./peer.mjs";

export const where = (server, token) => `${server.url.replace("http", "ws")}/api/v1/ws/chat${token ? `?token=${token}` : ""}`;

export class PlainPeer {
  /** Connects as `user`, says `hello` if there is one, and waits for `session`. */
  static async connect(t, server, user, { hello = {}, ...options } = {}) {
    const peer = new PlainPeer(t, where(server, user.token), options);
    peer.user = user;
    if (hello) peer.socket.once("open", () => peer.frame({ event: "hello", data: hello }));
    peer.session = await peer.hears("session");
    return peer;
  }

  /** The HTTP answer to an upgrade that is refused. */
  static async refused(t, url, options = {}) {
    const peer = new PlainPeer(t, url, options);
    const answer = await within("a refusal", new Promise((resume, reject) => {
      peer.socket.once("unexpected-response", (_, answer) => resume(answer));
      peer.socket.once("open", () => reject(new Error("was let in")));
    }));
    let text = "";
    for await (const chunk of answer) text += chunk;
    return { status: answer.statusCode, headers: answer.headers, body: JSON.parse(text) };
  }

  constructor(t, url, options) {
    this.socket = new WebSocket(url, options);
    this.log = [];
    this.replies = new Map();
    this.socket.on("message", (text) => {
      const { event, data, ...reply } = JSON.parse(text);
      if (event !== undefined) this.log.push({ event, data, at: Date.now() });
      else this.replies.set(JSON.stringify(reply.reply_to), data);
    });
    this.socket.on("close", (code, reason) => (this.gone = { code, reason: `${reason}` }));
    this.socket.on("error", (error) => (this.error = error));
    t.after(() => this.socket.terminate());
  }

  frame(frame) {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  async call(event, data, id = ++this.ids) {
    this.frame({ event, data, id });
    await until(() => `the reply to ${event}`, () => this.replies.has(JSON.stringify(id)));
    return this.replies.get(JSON.stringify(id));
  }

  ids = 0;
  must = Peer.prototype.must;
  refusedCall = Peer.prototype.refusedCall;
  send = Peer.prototype.send;
  heard = Peer.prototype.heard;
  hears = Peer.prototype.hears;
  messages = Peer.prototype.messages;
  receives = Peer.prototype.receives;
  settled = Peer.prototype.settled;
  disconnected = Peer.prototype.disconnected;

  close() {
    this.socket.close();
  }
}

export { PATIENCE };
