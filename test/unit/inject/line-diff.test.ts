import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { unifiedDiff } from "../../../src/inject/line-diff.ts";

const lines = (...all: readonly string[]): string => all.map((line) => `${line}\n`).join("");

test("equal texts have no diff", () => assert.equal(unifiedDiff("a.yml", "x\n", "x\n"), ""));

test("an insertion is shown with three lines around it", () => {
  const before = lines("1", "2", "3", "4", "5", "6", "7", "8");
  const after = lines("1", "2", "3", "4", "new", "5", "6", "7", "8");
  assert.equal(
    unifiedDiff("a.yml", before, after),
    "--- a.yml\n+++ a.yml (rewritten)\n@@ -2,6 +2,7 @@\n 2\n 3\n 4\n+new\n 5\n 6\n 7\n",
  );
});

test("changes far apart are hunks of their own, near ones share theirs", () => {
  const many = Array.from({ length: 40 }, (_, index) => String(index));
  const far = [...many.slice(0, 5), "a", ...many.slice(5, 30), "b", ...many.slice(30)];
  assert.equal(unifiedDiff("x", lines(...many), lines(...far)).match(/^@@/gm)!.length, 2);
  const near = [...many.slice(0, 5), "a", ...many.slice(5, 9), "b", ...many.slice(9)];
  assert.equal(unifiedDiff("x", lines(...many), lines(...near)).match(/^@@/gm)!.length, 1);
});

test("a diff applied to the text before gives the text after", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 30 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      assert.deepEqual(applyDiff(before, unifiedDiff("x", lines(...before), lines(...after))), after);
    }),
  );
});

/** What `patch` does, with every line checked. */
function applyDiff(before: readonly string[], diff: string): string[] {
  const result: string[] = [];
  let at = 0;
  for (const line of diff.split("\n").slice(2, -1)) {
    const head = /^@@ -(\d+),(\d+) \+(\d+),\d+ @@$/.exec(line);
    if (head) {
      while (at < Number(head[1]) - 1) result.push(before[at++]!);
      continue;
    }
    if (line[0] !== "+") assert.equal(before[at++], line.slice(1));
    if (line[0] !== "-") result.push(line.slice(1));
  }
  return [...result, ...before.slice(at)];
}
