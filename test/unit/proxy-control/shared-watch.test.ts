import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedWatches, WatchedCell, watchedView } from "../../../src/proxy/discovery/shared-watch.ts";
import { FakeClock } from "../../support/clock.ts";

function setUp() {
  const clock = new FakeClock();
  const started: { key: string; signal: AbortSignal }[] = [];
  const watches = new SharedWatches<string, WatchedCell<number>>({
    keyOf: (key) => key,
    idleMs: 5000,
    clock,
    start: (key, signal) => {
      started.push({ key, signal });
      return new WatchedCell(0);
    },
  });
  return { clock, started, watches };
}

test("holders of a key share one feed", () => {
  const { watches, started } = setUp();
  assert.equal(watches.hold("a").value, watches.hold("a").value);
  watches.hold("b");
  assert.deepEqual(
    started.map(({ key }) => key),
    ["a", "b"],
  );
});

test("feed ends after the idle time when the last holder has released it, not before", () => {
  const { watches, started, clock } = setUp();
  const first = watches.hold("a");
  const second = watches.hold("a");
  first.release();
  clock.advance(60_000);
  assert.equal(started[0]!.signal.aborted, false);
  second.release();
  clock.advance(4999);
  assert.equal(started[0]!.signal.aborted, false);
  clock.advance(1);
  assert.equal(started[0]!.signal.aborted, true);
  assert.equal(watches.size, 0);
});

test("feed that is held again within the idle time goes on", () => {
  const { watches, started, clock } = setUp();
  watches.hold("a").release();
  clock.advance(4999);
  watches.hold("a");
  clock.advance(60_000);
  assert.equal(started[0]!.signal.aborted, false);
  assert.equal(started.length, 1);
});

test("second release of one hold does nothing", () => {
  const { watches, started, clock } = setUp();
  const first = watches.hold("a");
  watches.hold("a");
  first.release();
  first.release();
  clock.advance(60_000);
  assert.equal(started[0]!.signal.aborted, false);
});

test("forgotten feed ends, and the next to ask starts anew", () => {
  const { watches, started, clock } = setUp();
  const { release } = watches.hold("a");
  watches.forget("a");
  assert.equal(started[0]!.signal.aborted, true);
  watches.hold("a");
  release();
  clock.advance(60_000);
  assert.equal(started.length, 2);
  assert.equal(started[1]!.signal.aborted, false);
});

test("close ends every feed and its timers", () => {
  const { watches, started, clock } = setUp();
  watches.hold("a");
  watches.hold("b").release();
  watches.close();
  assert.ok(started.every(({ signal }) => signal.aborted));
  assert.equal(clock.pending, 0);
});

test("listeners hear changes until they unsubscribe or their view is released", () => {
  const cell = new WatchedCell(1);
  let released = 0;
  const view = watchedView(cell, () => released++);
  const heard: string[] = [];
  const off = view.onChange((value) => heard.push(`a${value}`));
  view.onChange((value) => heard.push(`b${value}`));
  cell.set(1);
  cell.set(2);
  off();
  cell.set(3);
  view.release();
  cell.set(4);
  assert.deepEqual(heard, ["a2", "b2", "b3"]);
  assert.equal(view.current, 4);
  assert.equal(released, 1);
});
