import assert from "node:assert/strict";
import { test } from "node:test";
import { pressTopKey, TOP_START, type TopKey, type TopState } from "../../../src/views/top-keys.ts";

/** Letters as they are; names in angle brackets: `a<down>`. */
function press(keys: string, rows = 3, from: TopState = TOP_START): TopState {
  const pressed = [...keys.matchAll(/<(\w+)>|(.)/g)].map(([, name, letter]) =>
    name ? ({ name } as TopKey) : { letter: letter! },
  );
  return pressed.reduce((state, key) => pressTopKey(state, key, rows), from);
}

const CASES: readonly (readonly [keys: string, expected: Partial<TopState>])[] = [
  ["", {}],
  ["q", { done: true }],
  ["p", { paused: true }],
  ["pp", {}],
  ["s", { sort: "worst" }],
  ["ssss", {}],
  ["g", { grouped: false }],
  ["d<right>a", { scroll: 5 }],
  ["a<left>", {}],
  ["<down>", { chosen: 0 }],
  ["<down><down><down><down><down>", { chosen: 2 }],
  ["<down><up><up>", { chosen: 0 }],
  ["<enter>", { chosen: 0, detail: true }],
  ["<down><down><enter><enter>", { chosen: 1 }],
  ["<enter><escape>", { chosen: 0 }],
  ["<enter><escape><escape>", {}],
  ["<enter>g", { grouped: false }],
  ["/qps", { typing: true, filter: "qps" }],
  ["/ab<backspace>", { typing: true, filter: "a" }],
  ["/ab<enter>", { filter: "ab" }],
  ["/ab<enter>q", { filter: "ab", done: true }],
  ["/ab<escape>", {}],
  ["/ab<enter><escape>", {}],
  ["<down>/x", { typing: true, filter: "x" }],
  ["/<left><up>", { typing: true }],
  ["<backspace>x", {}],
];

for (const [keys, expected] of CASES) {
  test(`top's keys "${keys}" make ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(press(keys), { ...TOP_START, ...expected });
  });
}

test("without rows nothing below the first can be chosen", () => {
  assert.equal(press("<down><down>", 0).chosen, 0);
});
