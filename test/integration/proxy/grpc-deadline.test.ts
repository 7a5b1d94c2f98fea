import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { until } from "../../support/until.ts";
import { call, listenGrpc, respondOnly } from "./grpc-app.ts";
import { createMesh } from "./harness.ts";

/** Each look at it takes 100 ms: whatever happens between two looks has taken time. */
function slowClock(): Clock {
  let passedMs = 0;
  return { ...systemClock, monotonic: () => systemClock.monotonic() + (passedMs += 100) };
}

test("the inbound proxy passes on what is left of a call's deadline", async (t) => {
  const seen: unknown[] = [];
  const appPort = await listenGrpc(t, (stream, headers) => {
    seen.push(headers["grpc-timeout"]);
    respondOnly(stream, 0);
  });
  const mesh = await createMesh(t, { appPort, clock: slowClock() });
  await call(t, mesh.podPort, { "grpc-timeout": "1H" });
  await call(t, mesh.podPort, { "grpc-timeout": "soon" });
  await call(t, mesh.podPort);
  const [shortened, malformed, none] = seen;
  const leftMs = Number(/^(\d+)m$/.exec(String(shortened))?.[1]);
  assert.ok(leftMs <= 3_600_000 - 100 && leftMs > 3_000_000, String(shortened));
  assert.deepEqual([malformed, none], ["soon", undefined], "what is no deadline is not made one");
});

test("the inbound proxy ends a call that its application does not answer by the deadline, at both of them", async (t) => {
  let isTakenBack = false;
  const appPort = await listenGrpc(t, (stream) => void stream.on("close", () => (isTakenBack = true)));
  const mesh = await createMesh(t, { appPort });
  assert.equal((await call(t, mesh.podPort, { "grpc-timeout": "20m" })).grpcStatus, 4);
  await until("the application lost its call", () => isTakenBack);
  const [record] = await mesh.server.closedCount(1);
  assert.deepEqual([record!.errorCode, record!.timedOut], ["REQUEST_TIMEOUT", true]);
  assert.deepEqual(mesh.server.violations, []);
});
