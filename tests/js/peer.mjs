// One official client, of either version and over each transport, that remembers everything it was told.
import assert from "node:assert/strict";
import { io as newest } from "socket.io-client";
import { io as of45 } from "socket.io-client-4-5";
import { it, until, within, PATIENCE } from "./harness.mjs";

const versions = { "4.8": newest, 4.5: of45 };
const transports = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };

/** Every client version with every way to connect. */
export const kinds = Object.keys(versions).flatMap((version) =>
  Object.keys(transports).map((transport) => ({ version, transport, label: `${version} ${transport}` })),
);

/** What a test uses that is not about the kind of client. */
export const usual = { version: "4.8", transport: "websocket", label: "4.8 websocket" };

/** The same test once per kind of client. */
export function itWithEveryClient(name, body, options) {
  for (const kind of kinds) it(`${name} (${kind.label})`, (t) => body(t, kind), options);
}

/** The client's socket, not yet connected. */
export function open(server, { kind = usual, namespace = "/", auth, ...options } = {}) {
  return versions[kind.version](server.url + namespace, {
    transports: transports[kind.transport],
    forceNew: true,
    reconnection: false,
    autoConnect: false,
    timeout: PATIENCE,
    auth,
    ...options,
  });
}

export class Peer {
  /** Connects as `user` and waits for `session`. The peer closes with the test. */
  static async connect(t, server, user, { kind, auth = {}, ...options } = {}) {
    const peer = new Peer(t, open(server, { kind, auth: { token: user.token, ...auth }, ...options }));
    peer.user = user;
    await peer.connected();
    return peer;
  }

  /** Connects and waits for the refusal; returns the `connect_error`. */
  static async refused(t, server, options) {
    const peer = new Peer(t, open(server, options));
    return peer.refusal();
  }

  constructor(t, socket) {
    this.socket = socket;
    /** `{ event, data, at }` of everything that came, in order. */
    this.log = [];
    socket.onAny((event, data) => this.log.push({ event, data, at: Date.now() }));
    socket.on("disconnect", (reason) => (this.gone = reason));
    socket.on("connect_error", (error) => (this.error = error));
    t.after(() => this.close());
  }

  async connected() {
    this.socket.connect();
    const connected = new Promise((resume, reject) => {
      this.socket.once("session", resume);
      this.socket.once("connect_error", (error) => reject(new Error(`connect_error: ${error.message}`)));
    });
    this.session = await within("session after connecting", connected);
  }

  async refusal() {
    const refused = new Promise((resume, reject) => {
      this.socket.once("connect_error", resume);
      this.socket.once("connect", () => reject(new Error("was connected, not refused")));
    });
    this.socket.connect();
    return within("a connect_error", refused);
  }

  /** Emits and waits for the acknowledgement. */
  call(event, ...payload) {
    return within(`the acknowledgement of ${event}`, new Promise((resume) => this.socket.emit(event, ...payload, resume)));
  }

  /** The same, where a refusal is an error. */
  async must(event, payload) {
    const answer = await this.call(event, payload);
    assert.equal(answer?.ok, true, `${event} was refused: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** The same, where the only right answer is this refusal; returns its `error`. */
  async refusedCall(code, event, ...payload) {
    const answer = await this.call(event, ...payload);
    assert.equal(answer?.ok, false, `${event} was not refused: ${JSON.stringify(answer)}`);
    assert.equal(answer.error?.code, code, JSON.stringify(answer));
    assert.ok(answer.error.message.length > 0, "a refusal says why");
    return answer.error;
  }

  send(conversation, content, more = {}) {
    return this.must("send_message", { conversation_id: conversation.id, content, ...more });
  }

  /** The data of every event of that name so far. */
  heard(event, matches = () => true) {
    return this.log.filter((entry) => entry.event === event && matches(entry.data)).map((entry) => entry.data);
  }

  /** Waits for an event that matches, also one that came before. */
  async hears(event, matches = () => true, ms = PATIENCE) {
    const what = () => `event ${event}; heard: ${JSON.stringify(this.log.slice(-12)).slice(0, 2_000)}`;
    return until(what, () => this.heard(event, matches)[0], ms);
  }

  messages(conversation) {
    return this.heard("new_message", (message) => message.conversation_id === conversation.id);
  }

  /** Waits for so many messages of the conversation, and returns them. */
  async receives(conversation, count, ms = PATIENCE) {
    let now = [];
    const enough = () => (now = this.messages(conversation)).length >= count;
    await until(`${count} messages`, enough, ms).catch((error) => {
      throw new Error(`${error.message}, only ${now.length} came: seqs ${now.map((message) => message.seq)}`);
    });
    return now;
  }

  /** Everything that was sent before this call has come when it returns: answers and events share one ordered way. */
  async settled() {
    await this.must("whoami", {});
  }

  async disconnected(ms = PATIENCE) {
    return until("the connection is closed", () => this.gone, ms);
  }

  close() {
    this.socket.disconnect();
  }
}

export const seqs = (messages) => messages.map((message) => message.seq);
/** `[from, …, to]` */
export const range = (from, to) => Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at);
