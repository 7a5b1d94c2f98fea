import assert from "node:assert/strict";
import { test } from "node:test";
import { returnMemory } from "../../../src/net/return-memory.ts";
import { FakeClock } from "../../support/clock.ts";

test("memory is given back again and again, until the signal", async (t) => {
  const clock = new FakeClock();
  const stop = new AbortController();
  if (!(await returnMemory(process.platform, clock, stop.signal))) {
    t.skip("this system's C library has no malloc_trim");
    return;
  }
  for (let round = 0; round < 3; round++) {
    assert.equal(clock.pending, 1);
    clock.advance(10_000);
  }
  stop.abort();
  assert.equal(clock.pending, 0);
});

test("systems without that call are left alone", async () => {
  const clock = new FakeClock();
  assert.equal(await returnMemory("darwin", clock, new AbortController().signal), false);
  assert.equal(clock.pending, 0);
});
