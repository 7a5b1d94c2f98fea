import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerState, ContainerView } from "../../../../src/local/kubelet/container-state.ts";
import { podStatus } from "../../../../src/local/kubelet/pod-status.ts";

const WAITING: ContainerState = { type: "waiting", reason: "PodInitializing" };
const RUNNING: ContainerState = { type: "running", startedAtMs: 0 };
const ended = (exitCode: number): ContainerState => ({
  type: "terminated",
  exitCode,
  signal: 0,
  reason: exitCode === 0 ? "Completed" : "Error",
  message: "",
  startedAtMs: 0,
  finishedAtMs: 1000,
  pid: 1,
});
const view = (
  role: ContainerView["role"],
  state: ContainerState,
  extra: Partial<ContainerView> = {},
): ContainerView => ({
  name: role,
  image: "x",
  role,
  state,
  lastState: undefined,
  restartCount: 0,
  ready: false,
  started: false,
  pid: undefined,
  isFinished: false,
  ...extra,
});

function statusOf(containers: readonly ContainerView[], pod: Record<string, unknown> = {}) {
  return podStatus({
    pod: { apiVersion: "v1", kind: "Pod", metadata: {}, spec: { containers: [] }, ...pod },
    containers,
    podIp: "127.5.64.1",
    hostIp: "127.5.0.1",
    startedAtMs: 0,
    nowMs: 5000,
    // biome-ignore lint/suspicious/noExplicitAny: a status is JSON
  }) as any;
}

const CASES: readonly {
  claim: string;
  containers: ContainerView[];
  phase: string;
  initialized: boolean;
  ready: boolean;
}[] = [
  {
    claim: "before anything ran",
    containers: [view("init", WAITING), view("main", WAITING)],
    phase: "Pending",
    initialized: false,
    ready: false,
  },
  {
    claim: "while a sidecar starts",
    containers: [view("sidecar", RUNNING), view("main", WAITING)],
    phase: "Pending",
    initialized: false,
    ready: false,
  },
  {
    claim: "when init is done and the application creates",
    containers: [
      view("init", ended(0), { isFinished: true }),
      view("sidecar", RUNNING, { started: true, ready: true }),
      view("main", WAITING),
    ],
    phase: "Pending",
    initialized: true,
    ready: false,
  },
  {
    claim: "when everything is ready",
    containers: [
      view("sidecar", RUNNING, { started: true, ready: true }),
      view("main", RUNNING, { ready: true }),
    ],
    phase: "Running",
    initialized: true,
    ready: true,
  },
  {
    claim: "when a sidecar is not ready",
    containers: [view("sidecar", RUNNING, { started: true }), view("main", RUNNING, { ready: true })],
    phase: "Running",
    initialized: true,
    ready: false,
  },
  {
    claim: "in back-off",
    containers: [view("main", { type: "waiting", reason: "CrashLoopBackOff" }, { restartCount: 3 })],
    phase: "Running",
    initialized: true,
    ready: false,
  },
  {
    claim: "when an init container failed for good",
    containers: [view("init", ended(1), { isFinished: true }), view("main", WAITING)],
    phase: "Failed",
    initialized: false,
    ready: false,
  },
  {
    claim: "when all ended well",
    containers: [
      view("sidecar", RUNNING, { started: true, ready: true }),
      view("main", ended(0), { isFinished: true }),
    ],
    phase: "Succeeded",
    initialized: true,
    ready: false,
  },
  {
    claim: "when one of two ended badly",
    containers: [view("main", ended(0), { isFinished: true }), view("main", ended(2), { isFinished: true })],
    phase: "Failed",
    initialized: true,
    ready: false,
  },
];

for (const { claim, containers, phase, initialized, ready } of CASES) {
  test(`pod status ${claim}: ${phase}`, () => {
    const status = statusOf(containers);
    const condition = (type: string) =>
      status.conditions.find((each: { type: string }) => each.type === type).status === "True";
    assert.deepEqual(
      { phase: status.phase, initialized: condition("Initialized"), ready: condition("Ready") },
      { phase, initialized, ready },
    );
  });
}

test("pod status keeps foreign conditions, waits for readiness gates, and keeps the time of what did not change", () => {
  const containers = [view("main", RUNNING, { ready: true })];
  const gate = { readinessGates: [{ conditionType: "example.com/ok" }], containers: [] };
  const old = { type: "ContainersReady", status: "True", lastTransitionTime: "2020-01-01T00:00:00Z" };
  const without = statusOf(containers, { spec: gate, status: { conditions: [old] } });
  const find = (status: { conditions: { type: string }[] }, type: string) =>
    status.conditions.find((each) => each.type === type) as Record<string, string>;
  assert.equal(find(without, "Ready").reason, "ReadinessGatesNotReady");
  assert.equal(find(without, "ContainersReady").lastTransitionTime, "2020-01-01T00:00:00Z");
  assert.equal(find(without, "Ready").lastTransitionTime, "1970-01-01T00:00:05Z");
  const foreign = { type: "example.com/ok", status: "True" };
  const withGate = statusOf(containers, { spec: gate, status: { conditions: [foreign] } });
  assert.equal(find(withGate, "Ready").status, "True");
  assert.deepEqual(find(withGate, "example.com/ok"), foreign);
});
