import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { waitAvailable, whyNotReady } from "../../../src/demo/wait-available.ts";
import { FakeClock } from "../../support/clock.ts";

function deployment(
  name: string,
  available: number,
  more: { observed?: number; namespace?: string } = {},
): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: more.namespace ?? "demo", generation: 2 },
    spec: { replicas: 2 },
    status: {
      observedGeneration: more.observed ?? 2,
      availableReplicas: available,
      updatedReplicas: available,
    },
  };
}

function start(initial: readonly KubeObject[], pods: readonly KubeObject[] = []) {
  const clock = new FakeClock();
  const deployments = new Map(initial.map((object) => [object.metadata.name!, object]));
  const listeners = new Set<(type: "MODIFIED", object: KubeObject) => void>();
  const told: string[] = [];
  const stop = new AbortController();
  const done = waitAvailable({
    objects: {
      list: ({ kind }) => (kind === "Pod" ? pods : [...deployments.values()]),
      watch(_resource, listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    namespace: "demo",
    clock,
    limitMs: 60_000,
    signal: stop.signal,
    onAvailable: (name, replicas) => told.push(`${name} ${replicas}`),
  });
  const change = (object: KubeObject) => {
    deployments.set(object.metadata.name!, object);
    for (const listener of listeners) listener("MODIFIED", object);
  };
  return { clock, told, stop, done, change, listeners };
}

test("waitAvailable resolves once all replicas of every deployment are available, and tells of each once", async () => {
  const { clock, told, done, change, listeners } = start([deployment("web", 0), deployment("kv", 2)]);
  assert.deepEqual(told, ["kv 2"]);
  change(deployment("web", 1));
  change(deployment("web", 2, { observed: 1 }));
  assert.deepEqual(told, ["kv 2"]);
  change(deployment("web", 2));
  await done;
  assert.deepEqual(told, ["kv 2", "web 2"]);
  assert.equal(listeners.size, 0);
  assert.equal(clock.pending, 0);
});

test("waitAvailable names what is not ready when its time is over", async () => {
  const pod: KubeObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-1", namespace: "demo" },
    status: {
      containerStatuses: [{ name: "web", ready: false, state: { waiting: { reason: "CrashLoopBackOff" } } }],
    },
  };
  const { clock, done, listeners } = start([deployment("web", 0)], [pod]);
  clock.advance(60_000);
  await assert.rejects(done, {
    code: "DEMO_NOT_READY",
    message: "pods of namespace demo are not ready after 60 s: web-1 (web: CrashLoopBackOff)",
  });
  assert.equal(listeners.size, 0);
});

test("waitAvailable ends with its signal", async () => {
  const { clock, stop, done } = start([]);
  stop.abort(new Error("enough"));
  await assert.rejects(done, /enough/);
  assert.equal(clock.pending, 0);
});

for (const [status, why] of [
  [undefined, "not started"],
  [{ phase: "Pending" }, "Pending"],
  [{ conditions: [{ type: "Ready", status: "True" }] }, undefined],
  [{ containerStatuses: [{ name: "a", ready: false, state: { running: {} } }] }, "a: runs, not ready"],
  [{ containerStatuses: [{ name: "a", ready: false, state: { terminated: { exitCode: 3 } } }] }, "a: exit 3"],
  [
    {
      initContainerStatuses: [
        { name: "p", state: { waiting: { reason: "ImageNotRunnable", message: "why" } } },
      ],
    },
    "p: ImageNotRunnable, why",
  ],
] as const) {
  test(`whyNotReady says "${why}" of ${JSON.stringify(status)}`, () => {
    assert.equal(whyNotReady({ apiVersion: "v1", kind: "Pod", metadata: {}, status }), why);
  });
}
