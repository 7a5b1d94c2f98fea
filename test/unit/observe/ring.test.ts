import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Exchange } from "../../../src/observe/exchange.ts";
import { viewExchange } from "../../../src/observe/exchange-view.ts";
import { InternTable } from "../../../src/observe/intern.ts";
import type { LiveExchange } from "../../../src/observe/live-exchange.ts";
import { createRecorder } from "../../../src/observe/recorder.ts";
import { createRecordRing } from "../../../src/observe/ring.ts";
import { FakeClock } from "../../support/clock.ts";
import { buildExchange } from "./build-exchange.ts";

function setUp(slots: number, interestingSlots = 2) {
  const clock = new FakeClock(1_000_000);
  const ring = createRecordRing({ clock, slots, interestingSlots });
  const recorder = createRecorder({ clock, observers: [ring] });
  const run = (exchange: LiveExchange): LiveExchange => {
    recorder.opened(exchange);
    clock.advance(1);
    exchange.status ||= 200;
    recorder.responded(exchange);
    clock.advance(1);
    recorder.closed(exchange);
    return exchange;
  };
  return { clock, ring, recorder, run };
}

test("ring reads an exchange back exactly as it was", () => {
  const { clock, ring, recorder } = setUp(4);
  const exchange = buildExchange({
    direction: "outbound",
    protocol: "grpc",
    labels: { pod: "books-1", namespace: "demo" },
    endpointReason: "p2c 2 of 3 ready",
    verdict: "",
    attempts: 2,
  });
  recorder.opened(exchange);
  clock.advance(1.5);
  exchange.queued = clock.monotonic();
  clock.advance(2);
  Object.assign(exchange, { dialled: clock.monotonic(), status: 200, grpcStatus: 14, error: "reset" });
  recorder.responded(exchange);
  clock.advance(3);
  Object.assign(exchange, { requestBytes: 10, responseBytes: 2 ** 40, timedOut: true });
  recorder.closed(exchange);

  const [read] = ring.read().exchanges;
  assert.deepEqual(read, viewExchange(exchange));
  assert.deepEqual(
    [read!.queueUs, read!.dialUs, read!.tlsUs, read!.responseUs, read!.closedUs],
    [1500, 3500, -1, 3500, 6500],
  );
});

test("ring keeps 96 bytes of a path, never half a character, and says when there was more", () => {
  const { ring, run } = setUp(4);
  run(buildExchange({ path: `/${"x".repeat(95)}` }));
  run(buildExchange({ path: `/${"x".repeat(94)}ü` }));
  run(buildExchange({ path: `/${"y".repeat(200)}` }));
  const paths = ring.read().exchanges.map((one) => [one.path, one.pathTruncated ?? false]);
  assert.deepEqual(paths, [
    [`/${"x".repeat(95)}`, false],
    [`/${"x".repeat(94)}`, true],
    [`/${"y".repeat(95)}`, true],
  ]);
});

test("ring of any size holds the newest exchanges and the newest failed ones", () => {
  const scenario = fc.array(fc.boolean(), { maxLength: 60 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 5 }),
      scenario,
      (slots, kept, fails) => {
        const { ring, run } = setUp(slots, kept);
        const done = fails.map((failed, index) =>
          run(
            buildExchange({ status: failed ? 503 : 200, path: `/${index}`, client: `10.0.0.1:${index + 1}` }),
          ),
        );
        const model = new Map<number, Exchange>();
        for (const one of done.filter((_, index) => fails[index]).slice(-kept))
          model.set(one.id, viewExchange(one));
        for (const one of done.slice(-slots)) model.set(one.id, viewExchange(one));
        const expected = [...model.values()].sort((a, b) => a.id - b.id);
        const answer = ring.read();
        assert.deepEqual(answer.exchanges, expected);
        assert.equal(answer.lost, done.length - expected.length);
      },
    ),
    { numRuns: 60 },
  );
});

test("ring says from when on it is complete", () => {
  const { ring, run } = setUp(2);
  assert.equal(ring.read().fromMs, 1_000_000, "from the start while nothing was overwritten");
  const done = [1, 2, 3].map(() => run(buildExchange()));
  assert.equal(ring.read().fromMs, done[0]!.openedAtMs);
  assert.equal(ring.read({ sinceMs: done[2]!.openedAtMs }).fromMs, done[2]!.openedAtMs);
  assert.deepEqual(
    ring.read({ sinceMs: done[2]!.openedAtMs }).exchanges.map((one) => one.id),
    [3],
  );
  assert.deepEqual(
    ring.read({ limit: 1 }).exchanges.map((one) => one.id),
    [3],
  );
});

test("ring gives an exchange that outlived its slot a new one when it closes", () => {
  const { ring, recorder, run } = setUp(2);
  const long = buildExchange({ protocol: "opaque" });
  recorder.opened(long);
  run(buildExchange());
  run(buildExchange());
  assert.deepEqual(
    ring.read().exchanges.map((one) => one.id),
    [2, 3],
  );
  recorder.closed(long);
  assert.deepEqual(
    ring.read().exchanges.map((one) => one.id),
    [1, 3],
  );
});

test("ring keeps denied, limited, retried, slow and cut exchanges through a flood", () => {
  for (const fields of [
    { verdict: "denied", status: 403 },
    { verdict: "limited", status: 429 },
    { attempts: 2 },
    { error: "client left" },
    { opened: 0 },
  ] as const) {
    const { clock, ring, run } = setUp(2);
    clock.advance(5000);
    const kept = run(buildExchange(fields as Partial<LiveExchange>));
    for (let count = 0; count < 5; count++) run(buildExchange());
    assert.deepEqual(
      ring.read().exchanges.map((one) => one.id),
      [kept.id, 5, 6],
      JSON.stringify(fields),
    );
  }
});

test("ring of the default size takes about a megabyte", () => {
  const bytes = createRecordRing({ clock: new FakeClock() }).bytes;
  assert.ok(bytes > 1_000_000 && bytes < 1_200_000, `${bytes} bytes`);
});

test("intern table gives places back and folds what does not fit", () => {
  const table = new InternTable<string>(2, "other");
  const a = table.acquire("a");
  const b = table.acquire("b");
  assert.equal(table.value(table.acquire("c")), "other");
  assert.equal(table.overflowed, 1);
  table.release(a);
  assert.equal(table.acquire("a"), a, "an idle value comes back for free");
  table.release(a);
  const c = table.acquire("c");
  assert.deepEqual([table.value(c), table.value(b)], ["c", "b"]);
  assert.equal(table.value(table.acquire("a")), "other", "its place is taken");
});

test("intern table of any size never mixes up values that are in use", () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(12)), { maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), steps, (capacity, moves) => {
      const table = new InternTable<string>(capacity, "other");
      const held: { id: number; value: string }[] = [];
      for (const [take, number] of moves) {
        if (take || held.length === 0) {
          const value = `v${number}`;
          const id = table.acquire(value);
          held.push({ id, value: id === 0 ? "other" : value });
        } else table.release(held.splice(number % held.length, 1)[0]!.id);
        for (const { id, value } of held) assert.equal(table.value(id), value);
      }
      const distinct = new Set(held.map(({ value }) => value).filter((value) => value !== "other"));
      assert.ok(distinct.size <= capacity);
    }),
  );
});
