import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { registry } from "../../commands/registry.ts";
import { compareGolden, discoverGoldenCases, runGoldenCase, splitWords } from "../support/golden.ts";

const root = fileURLToPath(new URL(".", import.meta.url));
const cases = discoverGoldenCases(root);

test("golden cases exist and are discovered by their folders", () => {
  assert.ok(cases.length > 0, `no case below ${root}`);
});

for (const golden of cases) {
  test(`${golden.command}: ${golden.name}`, async () => {
    compareGolden(golden, await runGoldenCase(golden, registry), process.env);
  });
}

test("a cmd line splits at blanks outside quotes", () => {
  assert.deepEqual(splitWords(`inject  -o 'a b' --set x="y z" -`), ["inject", "-o", "a b", "--set", "x=y z", "-"]);
});
