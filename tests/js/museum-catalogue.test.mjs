// The failure museum's catalogue: every cause has a piece.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { it } from "./harness.mjs";
import { CAUSES } from "./museum.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

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

it("every cause is on show", () => {
  const pieces = shown();
  assert.equal(CAUSES.length, 15);
  assert.deepEqual(CAUSES.filter((cause) => !pieces.has(cause)), [], "causes without a museum piece");
});
