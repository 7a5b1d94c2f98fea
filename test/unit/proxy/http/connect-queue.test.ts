import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../../src/base/error.ts";
import { ConnectQueue } from "../../../../src/proxy/http/connect-queue.ts";
import { FakeClock, settle } from "../../../support/clock.ts";

const NEVER_ABORTED = new AbortController().signal;
/** A connection that comes only when it is given up. */
const never = (signal: AbortSignal) =>
  new Promise<string>((_, reject) => signal.addEventListener("abort", () => reject(new Error("given up"))));

test("a request beyond the capacity is shed, and one that left makes room", async () => {
  const queue = new ConnectQueue({ capacity: 1, timeoutMs: 1000, clock: new FakeClock() });
  const first = Promise.withResolvers<string>();
  const waiting = queue.run(NEVER_ABORTED, () => first.promise);
  await assert.rejects(queue.run(NEVER_ABORTED, never), { code: "BALANCER_SHED" });
  first.resolve("connected");
  assert.equal(await waiting, "connected");
  assert.equal(await queue.run(NEVER_ABORTED, async () => "next"), "next");
});

test("a request that waits too long fails fast, and its attempt is given up", async () => {
  const clock = new FakeClock();
  const queue = new ConnectQueue({ capacity: 10, timeoutMs: 1000, clock });
  const waiting = queue.run(NEVER_ABORTED, never);
  const failed = assert.rejects(
    waiting,
    (error) => error instanceof MeshError && error.code === "BALANCER_FAILFAST",
  );
  clock.advance(999);
  await settle();
  clock.advance(1);
  await failed;
});

test("a request whose client leaves is given up for that reason", async () => {
  const queue = new ConnectQueue({ capacity: 10, timeoutMs: 1000, clock: new FakeClock() });
  const client = new AbortController();
  const waiting = queue.run(client.signal, never);
  client.abort();
  await assert.rejects(waiting, /given up/);
});
