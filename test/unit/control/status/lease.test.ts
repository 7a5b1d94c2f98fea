import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../../src/base/error.ts";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { runLease } from "../../../../src/control/status/lease.ts";
import type { KubeClient, RequestOptions } from "../../../../src/kube/client.ts";
import { FakeClock, settle } from "../../../support/clock.ts";

/** One Lease, with the API server's rule that a stale version is a conflict. */
class OneLease {
  lease: KubeObject | undefined;
  isDown = false;
  #version = 0;

  client(): KubeClient {
    const request = async (method: string, _path: string, options: RequestOptions = {}) => {
      if (this.isDown)
        throw new MeshError({ kind: "environment", code: "KUBE_UNREACHABLE", message: "down" });
      if (method === "GET") {
        if (this.lease) return structuredClone(this.lease);
        throw new MeshError({ kind: "environment", code: "KUBE_NOT_FOUND", message: "none" });
      }
      const body = options.body as KubeObject;
      if (this.lease && body.metadata.resourceVersion !== this.lease.metadata.resourceVersion) {
        throw new MeshError({ kind: "environment", code: "KUBE_CONFLICT", message: "changed" });
      }
      this.lease = structuredClone(body);
      this.lease.metadata.resourceVersion = String(++this.#version);
      return structuredClone(this.lease);
    };
    return { request } as unknown as KubeClient;
  }
}

function candidate(server: OneLease, identity: string, clock: FakeClock) {
  const stop = new AbortController();
  const state = { isHeld: false, changes: 0 };
  const done = runLease({
    client: server.client(),
    clock,
    log: silentLogger,
    signal: stop.signal,
    namespace: "meshctl",
    name: "status",
    identity,
    onChange(isHeld) {
      state.isHeld = isHeld;
      state.changes++;
    },
  });
  return {
    state,
    async stop() {
      stop.abort();
      await done;
    },
  };
}

/** Time passes in small steps, so that requests are answered between timers. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    clock.advance(500);
    await quiet();
  }
}

async function quiet(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await settle();
}

test("lease goes to one of two, and stays while it is renewed", async () => {
  const server = new OneLease();
  const clock = new FakeClock();
  const first = candidate(server, "a", clock);
  const second = candidate(server, "b", clock);
  await quiet();
  assert.deepEqual([first.state.isHeld, second.state.isHeld], [true, false]);
  await pass(clock, 120_000);
  assert.deepEqual([first.state.isHeld, second.state.isHeld], [true, false]);
  assert.equal(server.lease?.spec.leaseTransitions, 0);
  assert.match(server.lease?.spec.renewTime, /^2026-01-02T03:0[56]:\d\d\.\d{6}Z$/);
  await first.stop();
  await second.stop();
});

test("lease that is given back goes to the next without waiting for its end", async () => {
  const server = new OneLease();
  const clock = new FakeClock();
  const first = candidate(server, "a", clock);
  await quiet();
  const second = candidate(server, "b", clock);
  await quiet();
  await first.stop();
  assert.equal(first.state.isHeld, false);
  await pass(clock, 2500);
  assert.equal(second.state.isHeld, true);
  assert.equal(server.lease?.spec.leaseTransitions, 1);
  await second.stop();
});

test("lease of a holder that is silent for its length is taken; the clock of its entry does not matter", async () => {
  const server = new OneLease();
  const clock = new FakeClock();
  server.lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "status", resourceVersion: "0" },
    spec: { holderIdentity: "gone", leaseDurationSeconds: 30, renewTime: "2031-01-01T00:00:00.000000Z" },
  };
  const next = candidate(server, "b", clock);
  await pass(clock, 29_000);
  assert.equal(next.state.isHeld, false);
  await pass(clock, 5000);
  assert.equal(next.state.isHeld, true);
  await next.stop();
});

test("holder that cannot renew stops before others may begin, and begins again when it can", async () => {
  const server = new OneLease();
  const clock = new FakeClock();
  const holder = candidate(server, "a", clock);
  await quiet();
  assert.equal(holder.state.isHeld, true);
  server.isDown = true;
  await pass(clock, 20_000);
  assert.equal(holder.state.isHeld, true);
  await pass(clock, 10_000);
  assert.equal(holder.state.isHeld, false);
  server.isDown = false;
  await pass(clock, 3000);
  assert.equal(holder.state.isHeld, true);
  await holder.stop();
});
