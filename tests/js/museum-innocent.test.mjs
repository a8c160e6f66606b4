// The other side of the failure museum: where nothing fails, nobody is accused.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it, until } from "./harness.mjs";
import { Peer, range } from "./peer.mjs";
import { delivery, explain, explainNow, honest } from "./museum.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

/** Numbers of a seed (mulberry32), so that a schedule that failed can be run again. */
function random(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Somebody who behaves: confirms what comes, resumes what was missed, and leaves only after having confirmed all of it. */
class Person {
  constructor(t, user) {
    Object.assign(this, { t, user, peers: [], held: new Map(), quiet: user.username.startsWith("quiet") });
  }

  async arrive(groups) {
    const resume = Object.fromEntries(groups.filter((group) => group.members.has(this)).map((group) => [group.id, this.held.get(group.id) ?? group.since.get(this)]));
    const auth = { resume };
    const peer = this.quiet ? await Peer.connect(this.t, server, this.user, { auth }) : await honest(this.t, server, this.user, { auth });
    this.peers.push(peer);
  }

  async leave() {
    const peer = this.peers.pop();
    await peer.settled();
    for (const message of peer.heard("new_message")) {
      this.held.set(message.conversation_id, Math.max(this.held.get(message.conversation_id) ?? 0, message.seq));
    }
    // Receipts are answered in order: after this one the server has all of them.
    await peer.settled();
    peer.close();
    await until("the server knows", async () => {
      const { items } = await server.ask("GET", `/admin/api/sockets?q=${this.user.username}`, { token: await server.adminToken() });
      return items.length === this.peers.length;
    });
  }
}

/** Of those whose client gives no receipts nobody can say more than that it was sent. */
const good = (person) => (person.quiet ? ["read", "sent", "offline"] : ["delivered", "read", "offline"]);

/** Whatever was sent is delivered, read, or the participant was away; others were not in the conversation, or not yet. */
async function acquit(label, messages, people) {
  for (const { message, group } of messages) {
    const report = await delivery(server, message);
    for (const person of people) {
      const told = await explain(server, { message_id: message.id, user_id: person.user.id });
      const own = report.participants.find((one) => one.user_id === person.user.id);
      const accused = () => `${label}: ${JSON.stringify({ told, own }, null, 1)}`;
      const since = group.since.get(person);
      const meant = since !== undefined && since < message.seq;
      assert.equal(own !== undefined, meant, accused());
      if (meant) assert.ok(good(person).includes(told.verdict) && own.status === told.verdict, accused());
      else assert.equal(told.cause, since === undefined ? "not_participant" : "joined_later", accused());
    }
  }
}

/** The next message would reach whoever is there. */
async function foresee(label, groups, people) {
  for (const group of groups) {
    for (const person of people) {
      const told = await explainNow(server, group, person.user);
      const expected = !group.members.has(person) ? "missed" : person.peers.length > 0 ? "sent" : "offline";
      assert.equal(told.verdict, expected, `${label}: ${JSON.stringify(told, null, 1)}`);
    }
  }
}

async function schedule(t, seed) {
  const next = random(seed);
  const pick = (list) => list[next(list.length)];
  const users = await server.users("ann", "ben", "cleo", "quiet", "eve");
  const people = users.map((user) => new Person(t, user));
  const groups = [];
  for (const _ of range(1, 2)) {
    const members = people.slice(0, 2 + next(2));
    const group = await server.group(...members.map((person) => person.user));
    groups.push(Object.assign(group, { members: new Set(members), since: new Map(members.map((person) => [person, 0])), last: 0 }));
  }
  const messages = [];
  let departures = 0;
  const steps = {
    async arrive() {
      const person = pick(people);
      if (person.peers.length < 3) await person.arrive(groups);
    },
    async leave() {
      const person = pick(people.filter((one) => one.peers.length > 0));
      // Five short visits would be a reconnect loop, and rightly called so.
      if (person && departures++ < 4) await person.leave();
    },
    async send() {
      const group = pick(groups);
      const sender = pick([...group.members]);
      const content = `message ${messages.length}`;
      const sent = sender.peers.length > 0 && next(2) ? await pick(sender.peers).send(group, content) : await server.post(sender.user, group, content);
      group.last = sent.message.seq;
      messages.push({ message: sent.message, group });
    },
    async add() {
      const group = pick(groups);
      const newcomer = pick(people.filter((person) => !group.members.has(person)));
      if (!newcomer) return;
      await server.ask("POST", `/api/v1/conversations/${group.id}/participants`, { token: pick([...group.members]).user.token, body: { user_ids: [newcomer.user.id] } });
      group.members.add(newcomer);
      group.since.set(newcomer, group.last);
    },
    async read() {
      const person = pick(people.filter((one) => one.peers.length > 0));
      const group = person && pick(groups.filter((one) => one.members.has(person)));
      if (group) await pick(person.peers).must("receipt", { conversation_id: group.id, read: next(group.last + 1) });
    },
  };
  const script = ["arrive", "arrive", "leave", "send", "send", "send", "send", "add", "read"];
  for (const _ of range(1, 60)) await steps[pick(script)]();

  // Everything has come, and then every receipt for it.
  const peers = people.flatMap((person) => person.peers);
  for (const _ of range(1, 2)) await Promise.all(peers.map((peer) => peer.settled()));
  const label = `seed ${seed}`;
  await acquit(label, messages, people);
  await foresee(label, groups, people);
  // An orderly restart makes nobody guilty either.
  await server.terminate();
  for (const person of people) person.peers = [];
  await server.restart();
  await acquit(`${label}, after a restart`, messages, people);
  await foresee(`${label}, after a restart`, groups, people);
  return messages.length;
}

it("a receipt counts however quick it is: also while others are still being handed the message", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const tabs = await Promise.all(range(1, 60).map(() => honest(t, server, bob)));
  for (const round of range(1, 20)) {
    const { message } = await server.post(alice, group, `round ${round}`);
    await Promise.all(tabs.map((tab) => tab.receives(group, round)));
    await Promise.all(tabs.map((tab) => tab.settled()));
    const own = (await delivery(server, message)).participants.find((one) => one.user_id === bob.id);
    const late = own.sockets.filter((one) => !one.confirmed_at);
    assert.deepEqual([own.status, late], ["delivered", []], `round ${round}`);
  }
});

for (const round of range(1, 4)) {
  const seed = Number(process.env.MUSEUM_SEED ?? Math.floor(Math.random() * 2 ** 31));
  it(`a schedule without faults accuses nobody, round ${round} (MUSEUM_SEED=${seed})`, async (t) => {
    assert.ok((await schedule(t, seed)) > 5);
  });
}
