import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance, suggest } from "../../../src/base/suggest.ts";

for (const [left, right, distance] of [
  ["", "", 0],
  ["stat", "stat", 0],
  ["stat", "sta", 1],
  ["stat", "tsat", 1],
  ["stat", "stxt", 1],
  ["stat", "", 4],
  ["inject", "uninject", 2],
] as const) {
  test(`editDistance of "${left}" and "${right}" is ${distance}, both ways`, () => {
    assert.equal(editDistance(left, right), distance);
    assert.equal(editDistance(right, left), distance);
  });
}

for (const [word, meant] of [
  ["sta", "stat"],
  ["chekc", "check"],
  ["instal", "install"],
  ["xyzzy", undefined],
  ["x", undefined],
  ["to", undefined],
] as const) {
  test(`suggest offers ${meant} for "${word}"`, () => {
    assert.equal(suggest(word, ["install", "stat", "tap", "check", "edges"]), meant);
  });
}
