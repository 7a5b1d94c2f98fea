import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { createRecorder, type Observer } from "../../../src/observe/recorder.ts";
import { FakeClock } from "../../support/clock.ts";
import { buildExchange, buildTransport } from "./build-exchange.ts";

function setUp() {
  const clock = new FakeClock(1_000_000);
  const seen: string[] = [];
  const observer = (name: string): Observer => ({
    opened: (exchange) => seen.push(`${name} opened ${exchange.id}`),
    responded: (exchange) => seen.push(`${name} responded ${exchange.id}`),
    closed: (exchange) => seen.push(`${name} closed ${exchange.id}`),
    transportOpened: () => seen.push(`${name} transport opened`),
    transportClosed: () => seen.push(`${name} transport closed`),
  });
  const recorder = createRecorder({ clock, observers: [observer("a"), observer("b")] });
  return { clock, recorder, seen };
}

test("recorder tells every observer of every transition in the order of its list", () => {
  const { recorder, seen } = setUp();
  const exchange = buildExchange();
  const transport = buildTransport();
  recorder.transportOpened(transport);
  recorder.opened(exchange);
  recorder.responded(exchange);
  recorder.closed(exchange);
  recorder.transportClosed(transport);
  const steps = ["transport opened", "opened 1", "responded 1", "closed 1", "transport closed"];
  assert.deepEqual(
    seen,
    steps.flatMap((step) => [`a ${step}`, `b ${step}`]),
  );
});

test("recorder gives ascending ids and keeps an opening time that was measured earlier", () => {
  const { clock, recorder } = setUp();
  clock.advance(50);
  const first = buildExchange({ opened: 20 });
  const second = buildExchange();
  recorder.opened(first);
  recorder.opened(second);
  assert.deepEqual([first.id, second.id], [1, 2]);
  assert.deepEqual([first.opened, first.openedAtMs], [20, 1_000_020]);
  assert.deepEqual([second.opened, second.openedAtMs], [50, 1_000_050]);
});

for (const [code, steps] of [
  ["RECORD_OPENED_TWICE", ["opened", "opened"]],
  ["RECORD_RESPONDED_LATE", ["responded"]],
  ["RECORD_RESPONDED_LATE", ["opened", "closed", "responded"]],
  ["RECORD_RESPONDED_TWICE", ["opened", "responded", "responded"]],
  ["RECORD_CLOSED_UNOPENED", ["closed"]],
  ["RECORD_CLOSED_TWICE", ["opened", "closed", "closed"]],
] as const) {
  test(`recorder refuses ${steps.join(", ")} with ${code}`, () => {
    const { recorder, seen } = setUp();
    const exchange = buildExchange();
    for (const step of steps.slice(0, -1)) recorder[step](exchange);
    const before = seen.length;
    assert.throws(
      () => recorder[steps.at(-1)!](exchange),
      (error) => error instanceof MeshError && error.code === code,
    );
    assert.equal(seen.length, before, "no observer hears of it");
  });
}
