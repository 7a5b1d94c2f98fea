import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../../src/base/error.ts";
import type { Endpoint } from "../../../../src/policy/endpoint.ts";
import { Balancer } from "../../../../src/proxy/balance/balancer.ts";
import type { Lease } from "../../../../src/proxy/balance/lease.ts";
import { FakeClock } from "../../../support/clock.ts";

interface Server {
  readonly address: string;
  isClosed: boolean;
  close(): void;
}

function endpoints(...addresses: string[]): Map<string, Endpoint> {
  return new Map(
    addresses.map((address) => [
      address,
      {
        address,
        ip: address,
        port: 1,
        weight: 1,
        labels: {},
        tls: undefined,
        protocolHint: undefined,
        opaqueTransportPort: undefined,
        authorityOverride: undefined,
      },
    ]),
  );
}

/** A small generator with a fixed seed (mulberry32): draws are the same in every run. */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function setUp(options: { capacity?: number } = {}) {
  const clock = new FakeClock();
  const balancer = new Balancer<Server>({
    name: "web:80",
    clock,
    random: seeded(42),
    defaultRttMs: 30,
    decayMs: 10_000,
    queueCapacity: options.capacity ?? 10,
    failfastTimeoutMs: 3000,
    backoff: { minMs: 100, maxMs: 400, jitterRatio: 0 },
    create: (endpoint) => ({
      address: endpoint.address,
      isClosed: false,
      close() {
        this.isClosed = true;
      },
    }),
  });
  return { clock, balancer };
}

interface Asked {
  lease: Lease<Server> | undefined;
  error: MeshError | undefined;
}

function ask(balancer: Balancer<Server>): Asked & { cancel(): void } {
  const waiter = {
    lease: undefined as Lease<Server> | undefined,
    error: undefined as MeshError | undefined,
    acquired(lease: Lease<Server>) {
      this.lease = lease;
    },
    refused(error: MeshError) {
      this.error = error;
    },
    cancel: () => balancer.cancel(waiter),
  };
  balancer.acquire(waiter);
  return waiter;
}

const REFUSED = new MeshError({ kind: "environment", code: "DIAL_FAILED", message: "connection refused" });

function failConnect({ lease }: Asked): void {
  lease!.connectFailed(REFUSED);
  lease!.release();
}

test("balancer sends less to an endpoint that is slow", () => {
  const { balancer, clock } = setUp();
  balancer.update(endpoints("fast", "slow"));
  const counts = { fast: 0, slow: 0 };
  for (let round = 0; round < 500; round++) {
    const { lease } = ask(balancer);
    counts[lease!.value.address as "fast" | "slow"]++;
    lease!.observe(lease!.value.address === "fast" ? 2 : 200);
    lease!.release();
    clock.advance(1);
  }
  assert.ok(counts.slow < counts.fast / 10, JSON.stringify(counts));
});

test("balancer spreads requests in flight evenly over equal endpoints", () => {
  const { balancer } = setUp();
  balancer.update(endpoints("a", "b", "c"));
  const counts: Record<string, number> = {};
  for (let round = 0; round < 300; round++) {
    const { address } = ask(balancer).lease!.value;
    counts[address] = (counts[address] ?? 0) + 1;
  }
  for (const count of Object.values(counts)) assert.ok(count > 90 && count < 110, JSON.stringify(counts));
});

test("balancer leaves out an endpoint that refuses, and lets one request try it after each pause", () => {
  const { balancer, clock } = setUp();
  balancer.update(endpoints("a", "b"));
  let first = ask(balancer);
  while (first.lease!.value.address !== "a") first = ask(balancer);
  failConnect(first);
  for (let round = 0; round < 20; round++) assert.equal(ask(balancer).lease!.value.address, "b");
  clock.advance(99);
  assert.equal(balancer.readyCount, 1);
  clock.advance(1);
  assert.equal(balancer.readyCount, 2);
  // One trial takes it out of the choice again until it is known how it went.
  let trial = ask(balancer);
  while (trial.lease!.value.address !== "a") trial = ask(balancer);
  assert.equal(balancer.readyCount, 1);
  failConnect(trial);
  clock.advance(199);
  assert.equal(balancer.readyCount, 1);
  clock.advance(1);
  assert.equal(balancer.readyCount, 2);
  trial = ask(balancer);
  while (trial.lease!.value.address !== "a") trial = ask(balancer);
  trial.lease!.connected();
  assert.equal(balancer.readyCount, 2);
  trial.lease!.release();
});

test("balancer keeps a trial that was given up for the next request", () => {
  const { balancer, clock } = setUp();
  balancer.update(endpoints("a"));
  failConnect(ask(balancer));
  clock.advance(100);
  const trial = ask(balancer);
  const waiting = ask(balancer);
  assert.equal(waiting.lease, undefined);
  trial.lease!.release();
  assert.equal(waiting.lease!.value.address, "a");
});

test("balancer queues without endpoints and serves the queue in order when one comes", () => {
  const { balancer } = setUp();
  const [first, second] = [ask(balancer), ask(balancer)];
  assert.equal(first.lease, undefined);
  balancer.update(endpoints("a"));
  assert.equal(first.lease!.reason, "p2c 1 of 1 ready");
  assert.ok(second.lease);
});

test("balancer fails the queue after the failfast time and sheds from then on, until an endpoint is well", () => {
  const { balancer, clock } = setUp();
  balancer.update(endpoints("a"));
  failConnect(ask(balancer));
  // Trials keep failing.
  const queued = ask(balancer);
  for (let elapsedMs = 0; elapsedMs < 2950; elapsedMs += 50) {
    clock.advance(50);
    if (!queued.lease) continue;
    failConnect(queued);
    queued.lease = undefined;
    balancer.acquire(queued as never, true);
  }
  assert.equal(queued.error, undefined);
  clock.advance(50);
  assert.equal(queued.error!.code, "BALANCER_FAILFAST");
  assert.match(queued.error!.message, /web:80 had no endpoint for 3000 ms: connection refused/);
  const { error } = ask(balancer);
  assert.equal(error!.code, "BALANCER_SHED");
  assert.equal(balancer.isAvailable, false);
  clock.advance(400);
  assert.equal(balancer.isAvailable, true);
  const trial = ask(balancer);
  trial.lease!.connected();
  assert.ok(ask(balancer).lease);
});

test("balancer sheds beyond its queue's capacity, and a cancelled waiter makes room", () => {
  const { balancer, clock } = setUp({ capacity: 1 });
  const first = ask(balancer);
  assert.equal(ask(balancer).error!.code, "BALANCER_SHED");
  first.cancel();
  assert.equal(ask(balancer).error, undefined);
  clock.advance(3000);
  assert.equal(first.error, undefined);
});

test("balancer leaves no timer behind", () => {
  const { balancer, clock } = setUp();
  balancer.update(endpoints("a", "b"));
  failConnect(ask(balancer));
  failConnect(ask(balancer));
  ask(balancer).cancel();
  balancer.close();
  assert.equal(clock.pending, 0);
});

test("balancer closes an endpoint that left, keeps one that is unchanged and rebuilds one that changed", () => {
  const { balancer } = setUp();
  const before = endpoints("a", "b");
  balancer.update(before);
  const servers = new Map<string, Server>();
  for (let round = 0; round < 20; round++) {
    const { lease } = ask(balancer);
    servers.set(lease!.value.address, lease!.value);
    lease!.release();
  }
  const changed = endpoints("b", "c").get("b")!;
  balancer.update(new Map([["b", changed]]));
  assert.equal(servers.get("a")!.isClosed, true);
  assert.equal(servers.get("b")!.isClosed, true);
  balancer.update(new Map([["b", changed]]));
  assert.equal(ask(balancer).lease!.value.isClosed, false);
});

test("a lease that outlives its endpoint does no harm", () => {
  const { balancer, clock } = setUp();
  balancer.update(endpoints("a"));
  const { lease } = ask(balancer);
  balancer.update(new Map());
  lease!.connectFailed(REFUSED);
  lease!.connected();
  lease!.release();
  lease!.release();
  assert.equal(balancer.readyCount, 0);
  assert.equal(clock.pending, 0);
});
