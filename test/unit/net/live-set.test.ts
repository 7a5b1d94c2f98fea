import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveSet } from "../../../src/net/live-set.ts";

function member() {
  return {
    calls: [] as string[],
    drain() {
      this.calls.push("drain");
    },
    destroy() {
      this.calls.push("destroy");
    },
  };
}

test("a drain tells every member, those that join later too, and ends with the last", async () => {
  const set = new LiveSet();
  const [first, second] = [member(), member()];
  set.add(first);
  let isOver = false;
  const drained = set.drain(new AbortController().signal).then(() => {
    isOver = true;
  });
  set.add(second);
  set.remove(first);
  await Promise.resolve();
  assert.equal(isOver, false);
  set.remove(second);
  await drained;
  assert.deepEqual([first.calls, second.calls], [["drain"], ["drain"]]);
});

test("the deadline destroys who is left", async () => {
  const set = new LiveSet();
  const stubborn = member();
  set.add(stubborn);
  const deadline = new AbortController();
  const drained = set.drain(deadline.signal);
  deadline.abort();
  await drained;
  assert.deepEqual(stubborn.calls, ["drain", "destroy"]);
});

test("a drain of nobody ends at once, even after its deadline", async () => {
  await new LiveSet().drain(AbortSignal.abort());
});
