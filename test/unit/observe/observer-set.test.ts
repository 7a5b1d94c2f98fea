import assert from "node:assert/strict";
import { test } from "node:test";
import { createObserverSet } from "../../../src/observe/observer-set.ts";
import { buildExchange } from "./build-exchange.ts";

test("guests hear of transitions while they are in the set, and headers are wanted while one wants them", () => {
  const set = createObserverSet();
  const heard: string[] = [];
  const leave = set.add({ wantsHeaders: true, opened: () => heard.push("first") });
  const leaveSecond = set.add({
    opened() {
      heard.push("second");
      leaveSecond();
    },
  });
  assert.ok(set.wantsHeaders);
  set.opened?.(buildExchange());
  leave();
  set.opened?.(buildExchange());
  assert.deepEqual(heard, ["first", "second"]);
  assert.ok(!set.wantsHeaders);
});
