// The failure museum's catalogue: every cause has a piece, or a reason why it has none.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { it } from "./harness.mjs";
import { CAUSES } from "./museum.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

/** What cannot be brought about from outside in this version: why, and the table of chat-core's tests that covers it. */
const OUT_OF_REACH = {
  not_in_room: {
    why: "a socket that is not in its room is joined to it before it is sent to, and joining a live socket does not fail",
    test: "what_the_server_failed_at",
  },
};

/** The causes that the pieces declare: `piece([causes], "name", …)`. Each piece fails if it does not find what it declares. */
function shown() {
  const files = readdirSync(here).filter((file) => /^museum-.*\.test\.mjs$/.test(file));
  const declared = files.flatMap((file) => [...readFileSync(path.join(here, file), "utf8").matchAll(/^piece\(\[([^\]]*)\]/gm)]);
  assert.ok(declared.length > 20, "the declarations are found");
  return new Set(declared.flatMap(([, causes]) => [...causes.matchAll(/"(\w+)"/g)].map(([, cause]) => cause)));
}

it("the causes are those of the server", () => {
  const source = readFileSync(path.join(here, "../../chat-core/src/explain/verdict.rs"), "utf8");
  const names = [...source.matchAll(/Cause::\w+ => "(\w+)"/g)].map(([, name]) => name);
  assert.deepEqual(names, CAUSES);
});

it("every cause is on show, or its absence is explained and covered elsewhere", () => {
  const [pieces, absent] = [shown(), Object.keys(OUT_OF_REACH)];
  const uncovered = CAUSES.filter((cause) => !pieces.has(cause) && !absent.includes(cause));
  assert.deepEqual(uncovered, [], "causes without a museum piece");
  assert.deepEqual(absent.filter((cause) => pieces.has(cause)), [], "it can be shown after all");
  const cases = readFileSync(path.join(here, "../../chat-core/src/explain/tests/cases.rs"), "utf8");
  for (const [cause, { why, test }] of Object.entries(OUT_OF_REACH)) {
    assert.ok(why.length > 0);
    const table = cases.slice(cases.indexOf(`fn ${test}(`)).split("\nfn ")[0];
    const variant = cause.replace(/(^|_)(\w)/g, (_, __, letter) => letter.toUpperCase());
    assert.match(table, new RegExp(`Missed, ${variant}\\b`), `${test} covers ${cause}`);
  }
});
