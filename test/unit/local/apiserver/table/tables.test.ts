import assert from "node:assert/strict";
import { test } from "node:test";
import { humanDuration } from "../../../../../src/local/apiserver/table/age.ts";
import { evaluateJsonPath } from "../../../../../src/local/apiserver/table/json-path.ts";
import { summarise } from "../../../../../src/local/apiserver/table/pod.ts";

test("durations are written as kubectl writes them", () => {
  const cases: [seconds: number, text: string][] = [
    [0, "0s"],
    [119, "119s"],
    [120, "2m"],
    [125, "2m5s"],
    [599, "9m59s"],
    [600, "10m"],
    [10_799, "179m"],
    [10_800, "3h"],
    [11_100, "3h5m"],
    [28_800, "8h"],
    [172_799, "47h"],
    [172_800, "2d"],
    [176_400, "2d1h"],
    [691_200, "8d"],
    [63_072_000, "2y"],
    [-5, "<invalid>"],
  ];
  for (const [seconds, text] of cases) assert.equal(humanDuration(seconds * 1000), text, `${seconds}s`);
});

const running = { running: { startedAt: "2026-01-01T00:00:00Z" } };
const base = { apiVersion: "v1", kind: "Pod", metadata: { name: "p" } };
const pods: [name: string, pod: object, ready: string, status: string][] = [
  [
    "pending without statuses",
    { spec: { containers: [{ name: "a" }] }, status: { phase: "Pending" } },
    "0/1",
    "Pending",
  ],
  [
    "running",
    {
      spec: { containers: [{ name: "a" }] },
      status: { phase: "Running", containerStatuses: [{ name: "a", ready: true, state: running }] },
    },
    "1/1",
    "Running",
  ],
  [
    "a sidecar counts",
    {
      spec: { initContainers: [{ name: "s", restartPolicy: "Always" }], containers: [{ name: "a" }] },
      status: {
        phase: "Running",
        initContainerStatuses: [{ name: "s", ready: true, started: true, state: running }],
        containerStatuses: [{ name: "a", ready: true, state: running }],
      },
    },
    "2/2",
    "Running",
  ],
  [
    "waiting with a reason",
    {
      spec: { containers: [{ name: "a" }] },
      status: {
        phase: "Running",
        containerStatuses: [{ name: "a", ready: false, state: { waiting: { reason: "CrashLoopBackOff" } } }],
      },
    },
    "0/1",
    "CrashLoopBackOff",
  ],
  [
    "an init container that failed",
    {
      spec: { initContainers: [{ name: "i" }], containers: [{ name: "a" }] },
      status: {
        phase: "Pending",
        initContainerStatuses: [{ name: "i", state: { terminated: { exitCode: 1, reason: "Error" } } }],
      },
    },
    "0/1",
    "Init:Error",
  ],
  [
    "the second of two init containers",
    {
      spec: { initContainers: [{ name: "i" }, { name: "j" }], containers: [{ name: "a" }] },
      status: {
        phase: "Pending",
        initContainerStatuses: [
          { name: "i", state: { terminated: { exitCode: 0 } } },
          { name: "j", state: running },
        ],
      },
    },
    "0/1",
    "Init:1/2",
  ],
  [
    "on its way out",
    {
      metadata: { name: "p", deletionTimestamp: "2026-01-01T00:00:00Z" },
      spec: { containers: [{ name: "a" }] },
      status: { phase: "Running" },
    },
    "0/1",
    "Terminating",
  ],
];

for (const [name, pod, ready, status] of pods) {
  test(`pod summary: ${name}`, () => {
    assert.deepEqual(summarise({ ...base, ...pod }), { ready, status });
  });
}

test("printer columns' paths reach fields, items and filtered items", () => {
  const root = {
    spec: { a: 1, "b.c": 2, list: [{ n: 1 }, { n: 2 }] },
    status: {
      conditions: [
        { type: "Ready", status: "True" },
        { type: "Other", status: "False" },
      ],
    },
  };
  const cases: [path: string, values: unknown[]][] = [
    [".spec.a", [1]],
    ["{.spec.a}", [1]],
    [".spec.b\\.c", [2]],
    [".spec['b.c']", [2]],
    [".spec.list[1].n", [2]],
    [".spec.list[*].n", [1, 2]],
    ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
    [".spec.missing.deeper", []],
    [".spec[", []],
  ];
  for (const [path, values] of cases) assert.deepEqual(evaluateJsonPath(path, root), values, path);
});
