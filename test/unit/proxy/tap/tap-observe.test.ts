import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ObserveRequestSchema } from "../../../../src/api/gen/io/linkerd/proxy/tap_pb.js";
import { createObserverSet } from "../../../../src/observe/observer-set.ts";
import { createRecorder } from "../../../../src/observe/recorder.ts";
import type { TapEventInit } from "../../../../src/proxy/tap/tap-events.ts";
import { TapObservation } from "../../../../src/proxy/tap/tap-observe.ts";
import { FakeClock } from "../../../support/clock.ts";
import { buildExchange } from "../../observe/build-exchange.ts";

function observe(
  limit: number,
  extract: MessageInitShape<typeof ObserveRequestSchema>["extract"] = undefined,
) {
  const clock = new FakeClock();
  const exchanges = createObserverSet();
  const events: TapEventInit[] = [];
  let isDone = false;
  const observation = new TapObservation({
    request: create(ObserveRequestSchema, {
      limit,
      match: { match: { case: "all", value: { matches: [] } } },
      ...(extract ? { extract } : {}),
    }),
    base: 7,
    exchanges,
    write: (event) => events.push(event) > 0,
    onDone: () => {
      isDone = true;
    },
  });
  return {
    clock,
    recorder: createRecorder({ clock, observers: [exchanges] }),
    exchanges,
    observation,
    events,
    isDone: () => isDone,
  };
}

test("an observation takes the first requests up to its limit and is done when the last of them is", () => {
  const { recorder, events, isDone, clock } = observe(2);
  const [first, second, third] = [buildExchange(), buildExchange(), buildExchange()];
  for (const exchange of [first, second, third]) recorder.opened(exchange);
  clock.advance(1500);
  recorder.responded(second);
  recorder.closed(second);
  recorder.closed(third);
  assert.ok(!isDone());
  recorder.closed(first);
  assert.ok(isDone());
  const told = events.map(({ event }) => event?.value?.event?.value as Record<string, unknown>);
  assert.deepEqual(
    told.map(({ id }) => (id as { stream: bigint }).stream),
    [0n, 1n, 1n, 1n, 0n],
  );
  assert.deepEqual(told[2]!.sinceRequestInit, { seconds: 1n, nanos: 500_000_000 });
  assert.equal(told[4]!.sinceResponseInit, undefined, "there was no response");
});

test("an observation that stops hears nothing more and wants no headers", () => {
  const headers = { extract: { case: "http", value: { extract: { case: "headers", value: {} } } } } as const;
  const { recorder, exchanges, observation, events } = observe(5, headers);
  assert.ok(exchanges.wantsHeaders);
  observation.stop();
  recorder.opened(buildExchange());
  assert.equal(events.length, 0);
  assert.ok(!exchanges.wantsHeaders);
});

test("opaque connections are nothing for this tap", () => {
  const { recorder, events } = observe(5);
  recorder.opened(buildExchange({ protocol: "opaque" }));
  assert.equal(events.length, 0);
});
