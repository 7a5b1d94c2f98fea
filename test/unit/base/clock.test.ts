import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";

/** Keeps the processor, as a neighbour on a busy machine would. */
function starve(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test("timer lets input that has arrived go first when the process was starved beyond its time", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const order: string[] = [];
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  const timer = systemClock.schedule(20, () => order.push("timer"));
  socket.once("connect", () => {
    order.push("connected");
    timer.cancel();
  });
  starve(60);
  await once(socket, "connect");
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(order, ["connected"]);
});

test("timer that was cancelled never calls", async () => {
  let calls = 0;
  const timer = systemClock.schedule(0, () => calls++);
  timer.cancel();
  const later = Promise.withResolvers<void>();
  systemClock.schedule(1, later.resolve);
  const hold = setTimeout(() => {}, 10_000);
  await later.promise;
  clearTimeout(hold);
  assert.equal(calls, 0);
});

test("timer of an idle process does not wait for something else to happen", async () => {
  const order: string[] = [];
  const called = Promise.withResolvers<void>();
  const note = (what: string) => {
    order.push(what);
    called.resolve();
  };
  const other = setTimeout(() => note("something else"), 20_000);
  systemClock.schedule(5, () => note("timer"));
  await called.promise;
  clearTimeout(other);
  assert.deepEqual(order, ["timer"]);
});
