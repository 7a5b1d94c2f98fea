import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { startTraffic } from "../../../src/demo/roles/traffic.ts";
import { FakeClock } from "../../support/clock.ts";

function generator(
  rate: number,
  send: (method: string, path: string) => Promise<{ status: number; body: string }>,
) {
  const clock = new FakeClock();
  const requests: string[] = [];
  let dice = 0;
  const traffic = startTraffic(
    {
      clock,
      random: () => (dice = (dice + 0.1) % 1),
      log: silentLogger,
      settings: { delayMs: 0, failureRatio: 0, rate },
    },
    {
      send(method, path) {
        requests.push(`${method} ${path}`);
        return send(method, path);
      },
      close() {},
    },
  );
  return { clock, requests, traffic };
}

test("the generator sends at its rate, whatever the answers", async () => {
  const { clock, requests, traffic } = generator(20, async (_method, path) => {
    if (path === "/") throw new Error("down");
    return { status: 500, body: "" };
  });
  await clock.advanceAsync(0);
  assert.equal(requests.length, 1);
  await clock.advanceAsync(1000);
  assert.equal(requests.length, 21);
  traffic.stop();
  await clock.advanceAsync(1000);
  assert.equal(requests.length, 21);
  assert.equal(clock.pending, 0);
});

test("the generator stops at 64 requests in flight", async () => {
  const { clock, requests } = generator(100, () => new Promise(() => {}));
  await clock.advanceAsync(5000);
  assert.equal(requests.length, 64);
});

test("the generator looks, looks closer and buys", async () => {
  const { clock, requests } = generator(100, async () => ({ status: 200, body: "" }));
  await clock.advanceAsync(1000);
  assert.ok(requests.includes("GET /"));
  assert.ok(requests.includes("POST /checkout"));
  assert.ok(requests.some((request) => /^GET \/products\/[1-8]$/.test(request)));
});
