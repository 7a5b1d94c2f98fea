import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../../src/base/error.ts";
import type { ResponseClass } from "../../../../src/policy/classify-response.ts";
import type { FailureAccrual } from "../../../../src/policy/outbound.ts";
import { Balancer, type BalancerOptions } from "../../../../src/proxy/balance/balancer.ts";
import type { Lease } from "../../../../src/proxy/balance/lease.ts";
import { FakeClock } from "../../../support/clock.ts";

interface Server {
  readonly address: string;
  close(): void;
}

const ACCRUAL: FailureAccrual = {
  maxConsecutiveFailures: 3,
  successRateThreshold: 0,
  decayMs: 10_000,
  minRequests: 0,
  backoff: { minMs: 1000, maxMs: 60_000, jitterRatio: 0 },
};
const REFUSED = new MeshError({ kind: "environment", code: "DIAL_FAILED", message: "connection refused" });

function setUp(
  addresses: readonly string[],
  options: Partial<BalancerOptions<Server>> = {},
  weights: readonly number[] = [],
) {
  const clock = new FakeClock();
  const balancer = new Balancer<Server>({
    name: "web:80",
    clock,
    random: () => 0,
    defaultRttMs: 30,
    decayMs: 10_000,
    queueCapacity: 10,
    failfastTimeoutMs: 3000,
    failureAccrual: ACCRUAL,
    create: ({ address }) => ({ address, close() {} }),
    ...options,
  });
  const endpoints = addresses.map((address, index) => ({
    address,
    ip: address,
    port: 1,
    weight: weights[index] ?? 1,
    labels: {},
    tls: undefined,
    protocolHint: undefined,
    opaqueTransportPort: undefined,
    authorityOverride: undefined,
  }));
  balancer.update(new Map(endpoints.map((each) => [each.address, each])));
  return { clock, balancer };
}

function ask(balancer: Balancer<Server>, avoid?: ReadonlySet<string>) {
  const asked = {
    avoid,
    lease: undefined as Lease<Server> | undefined,
    error: undefined as MeshError | undefined,
    acquired(lease: Lease<Server>) {
      this.lease = lease;
    },
    refused(error: MeshError) {
      this.error = error;
    },
  };
  balancer.acquire(asked);
  return asked;
}

/** Takes leases until one is for that address; the others are given back. */
function leaseOf(balancer: Balancer<Server>, address: string): Lease<Server> {
  const others = new Set(["a", "b", "c"]);
  others.delete(address);
  const { lease } = ask(balancer, others);
  assert.equal(lease?.value.address, address);
  return lease!;
}

function answer(
  balancer: Balancer<Server>,
  address: string,
  response: ResponseClass,
  retryAfterMs = 0,
): void {
  const lease = leaseOf(balancer, address);
  lease.judge(response, retryAfterMs);
  lease.release();
}

function ejectA(balancer: Balancer<Server>): void {
  for (let round = 0; round < 3; round++) answer(balancer, "a", "failure");
}

test("an endpoint that fails too often is ejected, and the reason of the others says so", () => {
  const { balancer } = setUp(["a", "b"]);
  ejectA(balancer);
  assert.deepEqual([balancer.readyCount, balancer.ejectedCount], [1, 1]);
  for (let round = 0; round < 20; round++) {
    const { lease } = ask(balancer);
    assert.equal(lease!.value.address, "b");
    assert.equal(lease!.reason, "p2c 1 of 2 ready, 1 ejected");
  }
});

test("one probe is let through after the pause, and its success puts the endpoint back", () => {
  const { balancer, clock } = setUp(["a", "b"]);
  ejectA(balancer);
  clock.advance(999);
  assert.equal(balancer.readyCount, 1);
  clock.advance(1);
  const probe = leaseOf(balancer, "a");
  assert.equal(probe.reason, "p2c 2 of 2 ready, 1 ejected, a probe");
  assert.equal(balancer.readyCount, 1, "the probe is the only one");
  // A connection alone proves nothing.
  probe.connected();
  assert.equal(balancer.readyCount, 1);
  probe.judge("success", 0);
  probe.release();
  assert.deepEqual([balancer.readyCount, balancer.ejectedCount], [2, 0]);
  answer(balancer, "a", "failure");
  assert.equal(balancer.ejectedCount, 0, "old failures are forgotten");
});

test("a probe that fails, or cannot connect, makes the pause longer", () => {
  const { balancer, clock } = setUp(["a", "b"]);
  ejectA(balancer);
  clock.advance(1000);
  answer(balancer, "a", "failure");
  clock.advance(1999);
  assert.equal(balancer.readyCount, 1);
  clock.advance(1);
  const probe = leaseOf(balancer, "a");
  probe.connectFailed(REFUSED);
  probe.release();
  clock.advance(3999);
  assert.equal(balancer.readyCount, 1);
  clock.advance(1);
  assert.equal(balancer.readyCount, 2);
});

test("a probe that nobody waits for any more makes room for another", () => {
  const { balancer, clock } = setUp(["a"]);
  ejectA(balancer);
  clock.advance(1000);
  leaseOf(balancer, "a").release();
  assert.deepEqual([balancer.readyCount, balancer.ejectedCount], [1, 1]);
  answer(balancer, "a", "success");
  assert.equal(balancer.ejectedCount, 0);
});

test("a probe whose body arrives is enough, though its end may be hours away", () => {
  const { balancer, clock } = setUp(["a"]);
  ejectA(balancer);
  clock.advance(1000);
  const probe = leaseOf(balancer, "a");
  probe.answering();
  assert.deepEqual([balancer.readyCount, balancer.ejectedCount], [1, 0]);
  // It ends badly after all: the first failure of a new row.
  probe.judge("failure", 0);
  probe.release();
  assert.equal(balancer.ejectedCount, 0);
});

test("responses to requests from before the ejection change nothing", () => {
  const { balancer, clock } = setUp(["a"]);
  const late = [leaseOf(balancer, "a"), leaseOf(balancer, "a")];
  ejectA(balancer);
  late[0]!.judge("success", 0);
  assert.equal(balancer.ejectedCount, 1);
  clock.advance(1000);
  const probe = leaseOf(balancer, "a");
  late[1]!.judge("success", 0);
  late[1]!.answering();
  assert.equal(balancer.readyCount, 0, "only the probe decides");
  probe.judge("success", 0);
  assert.equal(balancer.readyCount, 1);
});

test("with every endpoint ejected requests wait, fail after the failfast time and are shed until a probe succeeds", () => {
  const accrual = { ...ACCRUAL, backoff: { minMs: 5000, maxMs: 60_000, jitterRatio: 0 } };
  const { balancer, clock } = setUp(["a"], { failureAccrual: accrual });
  ejectA(balancer);
  const waiting = ask(balancer);
  assert.deepEqual([waiting.lease, waiting.error], [undefined, undefined]);
  clock.advance(3000);
  assert.equal(waiting.error!.code, "BALANCER_FAILFAST");
  assert.match(waiting.error!.message, /1 of its 1 endpoints are ejected for failing too often/);
  assert.equal(ask(balancer).error!.code, "BALANCER_SHED");
  assert.equal(balancer.isAvailable, false);
  clock.advance(2000);
  assert.equal(balancer.isAvailable, true);
  const probe = leaseOf(balancer, "a");
  assert.equal(ask(balancer).error!.code, "BALANCER_SHED");
  probe.judge("success", 0);
  probe.release();
  assert.ok(ask(balancer).lease);
});

test("an endpoint that the others cannot spare stays, and goes once they can", () => {
  const { balancer } = setUp(["a", "b", "c"], { failureAccrual: { ...ACCRUAL, minReadyEndpoints: 2 } });
  ejectA(balancer);
  assert.equal(balancer.ejectedCount, 1);
  for (let round = 0; round < 10; round++) answer(balancer, "b", "failure");
  assert.deepEqual([balancer.readyCount, balancer.ejectedCount], [2, 1]);
  const alone = setUp(["a"], { failureAccrual: { ...ACCRUAL, minReadyEndpoints: 1 } });
  ejectA(alone.balancer);
  assert.equal(alone.balancer.ejectedCount, 0);
});

test("the pause is as long as the failing response asks where the policy heeds it", () => {
  const accrual = { ...ACCRUAL, backoff: { ...ACCRUAL.backoff, respectRetryAfter: true } };
  const { balancer, clock } = setUp(["a"], { failureAccrual: accrual });
  for (let round = 0; round < 3; round++) answer(balancer, "a", "failure", 20_000);
  clock.advance(19_999);
  assert.equal(balancer.readyCount, 0);
  clock.advance(1);
  assert.equal(balancer.readyCount, 1);
});

test("an ejected endpoint that leaves discovery leaves no timer, and begins anew when it returns", () => {
  const { balancer, clock } = setUp(["a"]);
  ejectA(balancer);
  balancer.update(new Map());
  assert.equal(clock.pending, 0);
  assert.equal(balancer.ejectedCount, 0);
});

test("a request that failed on an endpoint goes to another, or to the same one where there is no other", () => {
  const { balancer } = setUp(["a", "b", "c"], { failureAccrual: undefined });
  for (let round = 0; round < 10; round++) {
    assert.equal(ask(balancer, new Set(["a", "b"])).lease!.value.address, "c");
  }
  assert.ok(ask(balancer, new Set(["a", "b", "c"])).lease);
});

test("a failing response counts as the penalty, as what the server asks for up to the limit, and never less than before", () => {
  const penalty = { penaltyMs: 5000, retryAfterMsMax: 20_000 };
  const { balancer } = setUp(["a", "b"], { failureAccrual: undefined, penalty });
  assert.equal(balancer.isJudged, true);
  const turn = (address: string, retryAfterMs: number) => {
    const lease = leaseOf(balancer, address);
    lease.penalise(1, retryAfterMs);
    lease.release();
  };
  turn("a", 0);
  for (let round = 0; round < 5; round++) assert.equal(ask(balancer).lease!.value.address, "b");
  // a asks for more than the limit and b for just less: 1 ms tells them apart, and a's second failure takes nothing away.
  const equal = setUp(["a", "b"], { failureAccrual: undefined, penalty });
  const lower = leaseOf(equal.balancer, "a");
  lower.penalise(1, 60_000);
  lower.penalise(1, 0);
  lower.release();
  const higher = leaseOf(equal.balancer, "b");
  higher.penalise(1, 19_999);
  higher.release();
  assert.equal(ask(equal.balancer).lease!.value.address, "b");
});

test("an endpoint of ten times the weight is preferred until it is ten times as busy", () => {
  const { balancer } = setUp(["a", "b"], { failureAccrual: undefined }, [10_000, 100_000]);
  const counts: Record<string, number> = { a: 0, b: 0 };
  for (let round = 0; round < 22; round++) {
    const { address } = ask(balancer).lease!.value;
    counts[address] = (counts[address] ?? 0) + 1;
  }
  assert.deepEqual(counts, { a: 2, b: 20 });
});
