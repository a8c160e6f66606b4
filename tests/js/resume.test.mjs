// Coming back: exactly what was missed, in order, and then live traffic without a gap or a double.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Server, it } from "./harness.mjs";
import { Peer, itWithEveryClient, range, seqs } from "./peer.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.close());

/** Sends `count` messages, several at a time, as nobody waits for a hundred of them. */
async function fill(peer, conversation, count) {
  for (let sent = 0; sent < count; sent += 200) {
    await Promise.all(range(sent + 1, Math.min(count, sent + 200)).map((number) => peer.send(conversation, `message ${number}`)));
  }
}

itWithEveryClient("the missed messages come in order, before live ones", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const [one, two] = [await server.group(alice, bob), await server.group(alice, bob)];
  const sender = await Peer.connect(t, server, bob);
  const before = await Peer.connect(t, server, alice, { kind });
  await fill(sender, one, 3);
  await before.receives(one, 3);
  before.close();
  await fill(sender, one, 5);
  await fill(sender, two, 2);

  const back = await Peer.connect(t, server, alice, { kind, auth: { resume: { [one.id]: 3, [two.id]: 0 }, epoch: before.session.epoch } });
  assert.deepEqual(back.session.resume, {
    [one.id]: { recovered: true, messages: 5 },
    [two.id]: { recovered: true, messages: 2 },
  });
  await sender.send(one, "live");
  assert.deepEqual(seqs(await back.receives(one, 6)), range(4, 9));
  assert.deepEqual(seqs(await back.receives(two, 2)), [1, 2]);
  assert.deepEqual(back.messages(one).slice(0, 5), (await server.history(alice, one)).slice(3, 8));
});

it("who missed nothing gets nothing", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const sender = await Peer.connect(t, server, bob);
  await fill(sender, group, 2);
  const back = await Peer.connect(t, server, alice, { auth: { resume: { [group.id]: 2 } } });
  assert.deepEqual(back.session.resume, { [group.id]: { recovered: true, messages: 0 } });
  await sender.send(group, "live");
  assert.deepEqual(seqs(await back.receives(group, 1)), [3]);
});

it("without resume nothing old is sent", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  const sender = await Peer.connect(t, server, bob);
  await fill(sender, group, 2);
  const peer = await Peer.connect(t, server, alice);
  await sender.send(group, "live");
  assert.deepEqual(seqs(await peer.receives(group, 1)), [3]);
});

itWithEveryClient(
  "coming back while others keep sending: no gap, no double, no other order",
  async (t, kind) => {
    const [alice, bob] = await server.users("alice", "bob");
    const group = await server.group(alice, bob);
    const sender = await Peer.connect(t, server, bob);
    let sending = true;
    let sent = 0;
    const traffic = (async () => {
      while (sending) {
        await Promise.all(range(1, 5).map(() => sender.send(group, `${++sent}`)));
      }
    })();
    try {
      let held = 0;
      const rounds = kind.transport === "websocket" ? 40 : 12;
      for (let round = 1; round <= rounds; round++) {
        const peer = await Peer.connect(t, server, alice, { kind, auth: { resume: { [group.id]: held } } });
        const { recovered, messages } = peer.session.resume[group.id];
        assert.equal(recovered, true);
        const got = seqs(await peer.receives(group, messages + 10));
        assert.deepEqual(got, range(held + 1, held + got.length), `round ${round}`);
        peer.close();
        held = peer.messages(group).at(-1).seq;
        // Missed meanwhile: a few, none, or the one that is just being sent.
        if (round % 3 === 0) await sender.send(group, "while away");
      }
    } finally {
      sending = false;
      await traffic;
    }
  },
  { timeout: 120_000 },
);

it("1,000 behind is recovered, 1,001 is not, and the rest goes on", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const [far, near] = [await server.group(alice, bob), await server.group(alice, bob)];
  const sender = await Peer.connect(t, server, bob);
  await fill(sender, far, 1001);
  await sender.send(near, "x");

  const at = await Peer.connect(t, server, alice, { auth: { resume: { [far.id]: 1 } } });
  assert.deepEqual(at.session.resume, { [far.id]: { recovered: true, messages: 1000 } });
  assert.deepEqual(seqs(await at.receives(far, 1000, 20_000)), range(2, 1001));

  const beyond = await Peer.connect(t, server, alice, { auth: { resume: { [far.id]: 0, [near.id]: 0 } } });
  assert.deepEqual(beyond.session.resume, {
    [far.id]: { recovered: false, messages: 0, reason: "too_far_behind" },
    [near.id]: { recovered: true, messages: 1 },
  });
  await sender.send(far, "live");
  assert.deepEqual(seqs(await beyond.receives(far, 1)), [1002]);
  assert.deepEqual(seqs(await beyond.receives(near, 1)), [1]);
});

it("another epoch, another's conversation, a seq ahead: each is told, and live traffic comes", async (t) => {
  const [alice, bob] = await server.users("alice", "bob");
  const [group, other] = [await server.group(alice, bob), await server.group(bob)];
  const sender = await Peer.connect(t, server, bob);
  await fill(sender, group, 3);
  for (const [auth, resume] of [
    [{ epoch: "another", resume: { [group.id]: 1 } }, { [group.id]: "epoch_changed" }],
    [{ resume: { [group.id]: 99 } }, { [group.id]: "ahead" }],
    [{ resume: { [other.id]: 0, nowhere: 3 } }, { [other.id]: "not_participant", nowhere: "not_participant" }],
  ]) {
    const peer = await Peer.connect(t, server, alice, { auth });
    const expected = Object.entries(resume).map(([id, reason]) => [id, { recovered: false, messages: 0, reason }]);
    assert.deepEqual(peer.session.resume, Object.fromEntries(expected));
    const { message } = await sender.send(group, "live");
    assert.deepEqual(seqs(await peer.receives(group, 1)), [message.seq]);
    peer.close();
  }
});

it("a wrong resume, epoch, receipts or client refuses the connection and says which", async (t) => {
  const alice = await server.user("alice");
  for (const [field, values] of Object.entries({
    resume: [[], "x", 7, { c: "1" }, { c: -1 }, { c: 1.5 }, { "not an id": 1 }],
    epoch: [{}, 1.5, "a b"],
    receipts: ["yes", 1],
    client: [7, {}],
  })) {
    for (const value of values) {
      const error = await Peer.refused(t, server, { auth: { token: alice.token, [field]: value } });
      assert.match(error.message, /^bad_request: /, `${field}=${JSON.stringify(value)}`);
      assert.ok(error.message.includes(field), error.message);
    }
  }
});

itWithEveryClient("sync gives pages after a seq", async (t, kind) => {
  const [alice, bob] = await server.users("alice", "bob");
  const group = await server.group(alice, bob);
  await fill(await Peer.connect(t, server, bob), group, 205);
  const peer = await Peer.connect(t, server, alice, { kind });
  const sync = (more) => peer.must("sync", { conversation_id: group.id, ...more });
  for (const [asked, from, to, more] of [
    [{ after_seq: 0 }, 1, 50, true],
    [{ after_seq: 0, limit: 10 }, 1, 10, true],
    [{ after_seq: 0, limit: 1_000 }, 1, 200, true],
    [{ after_seq: 155 }, 156, 205, false],
    [{ after_seq: 200, limit: 10 }, 201, 205, false],
    [{ after_seq: 205 }, 206, 205, false],
    [{ after_seq: 9_999 }, 206, 205, false],
  ]) {
    const page = await sync(asked);
    assert.deepEqual(seqs(page.messages), range(from, to), JSON.stringify(asked));
    assert.equal(page.more, more, JSON.stringify(asked));
  }
});
