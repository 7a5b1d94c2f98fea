import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { readPod } from "../../../src/collect/pod-facts.ts";
import { listPods, listPodsAsWideAsAllowed, podsOf } from "../../../src/collect/pods.ts";
import { parseOneSelection } from "../../../src/collect/selector.ts";
import { indexPods } from "../../../src/observe/workload.ts";
import { buildPod, buildReplicaSet, createFakeKube, kubeError } from "./fake-kube.ts";

test("pods of injected workloads need one list request", async () => {
  const kube = createFakeKube({ "/api/v1/namespaces/demo/pods": [buildPod({ name: "web-1" })] });
  const [pod] = await listPods(kube, { namespace: "demo" });
  assert.deepEqual(kube.requests, ["GET /api/v1/namespaces/demo/pods"]);
  assert.deepEqual(pod!.owners, { replicaset: "web-5d", deployment: "web" });
  assert.equal(pod!.meshed, true);
});

test("pods without the owner label find their Deployment through the ReplicaSet", async () => {
  const kube = createFakeKube({
    "/api/v1/pods": [buildPod({ name: "web-1", meshed: false })],
    "/apis/apps/v1/replicasets": [buildReplicaSet("web")],
  });
  const [pod] = await listPods(kube, { namespace: undefined });
  assert.deepEqual(kube.requests, ["GET /api/v1/pods", "GET /apis/apps/v1/replicasets"]);
  assert.deepEqual(pod!.owners, { replicaset: "web-5d", deployment: "web" });
  assert.equal(pod!.meshed, false);
});

test("pods keep their direct owner when ReplicaSets may not be listed", async () => {
  const kube = createFakeKube({
    "/api/v1/namespaces/demo/pods": [buildPod({ name: "web-1", meshed: false })],
    "/apis/apps/v1/namespaces/demo/replicasets": kubeError("KUBE_FORBIDDEN", "no"),
  });
  const [pod] = await listPods(kube, { namespace: "demo" });
  assert.deepEqual(pod!.owners, { replicaset: "web-5d" });
});

test("pods that are over are left out", async () => {
  const kube = createFakeKube({
    "/api/v1/pods": [
      buildPod({ name: "a-1", phase: "Succeeded" }),
      buildPod({ name: "b-1", phase: "Failed" }),
      buildPod({ name: "c-1", phase: "Pending" }),
    ],
  });
  const pods = await listPods(kube, { namespace: undefined });
  assert.deepEqual(
    pods.map(({ name, running }) => [name, running]),
    [["c-1", false]],
  );
});

test("pods are listed in one namespace when the cluster is forbidden, and other errors stay errors", async () => {
  const forbidden = createFakeKube({
    "/api/v1/pods": kubeError("KUBE_FORBIDDEN", "no"),
    "/api/v1/namespaces/demo/pods": [buildPod({ name: "web-1" })],
  });
  const { pods, narrowed } = await listPodsAsWideAsAllowed(forbidden, "demo");
  assert.deepEqual([pods.length, narrowed], [1, true]);
  const broken = createFakeKube({ "/api/v1/pods": kubeError("KUBE_UNREACHABLE", "down") });
  await assert.rejects(listPodsAsWideAsAllowed(broken, "demo"), { code: "KUBE_UNREACHABLE" });
});

test("pods of a selection are those of the owner, the namespace or the pod itself", () => {
  const pods = [
    readPod(buildPod({ name: "web-1" }), new Map()),
    readPod(buildPod({ name: "web-2" }), new Map()),
    readPod(buildPod({ name: "db-1", namespace: "data" }), new Map()),
  ];
  const names = (text: string): string[] => podsOf(pods, parseOneSelection([text])).map(({ name }) => name);
  assert.deepEqual(names("deploy/web"), ["web-1", "web-2"]);
  assert.deepEqual(names("deploy"), ["web-1", "web-2", "db-1"]);
  assert.deepEqual(names("po/db-1"), ["db-1"]);
  assert.deepEqual(names("ns/data"), ["db-1"]);
  assert.deepEqual(names("sts"), []);
});

test("pod status is a waiting reason before the phase", () => {
  const status = (parts: object, spec: object = {}): string => {
    const pod = buildPod({ name: "web-1" });
    Object.assign(pod.spec, spec);
    Object.assign(pod.status, parts);
    return readPod(pod, new Map()).status;
  };
  assert.equal(status({}), "Running");
  assert.equal(
    status({ containerStatuses: [{ name: "app", state: { waiting: { reason: "CrashLoopBackOff" } } }] }),
    "CrashLoopBackOff",
  );
  const init = { initContainers: [{ name: "a" }, { name: "proxy", restartPolicy: "Always" }] };
  const done = { name: "a", state: { terminated: { exitCode: 0 } } };
  const running = { name: "proxy", started: true, state: { running: {} } };
  assert.equal(
    status({ initContainerStatuses: [{ name: "a", state: { running: {} } }, { name: "proxy" }] }, init),
    "Init:0/2",
  );
  assert.equal(status({ initContainerStatuses: [done, { ...running, started: false }] }, init), "Init:1/2");
  assert.equal(status({ initContainerStatuses: [done, running] }, init), "Running");
  const stuck: KubeObject = buildPod({ name: "x-1" });
  stuck.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
  assert.equal(readPod(stuck, new Map()).status, "Terminating");
});

test("pod index prefers the endpoint's labels, then a running pod at the address", () => {
  const pods = ["Failed", "Running"].map((phase, index) =>
    readPod(buildPod({ name: `web-${index}`, ip: "10.0.0.1", phase }), new Map()),
  );
  const index = indexPods(pods);
  assert.equal(index.find({ ip: "10.0.0.1", labels: {} })!.name, "web-1");
  assert.equal(index.find({ ip: "10.0.0.1", labels: { pod: "web-0", namespace: "demo" } })!.name, "web-0");
  assert.equal(index.find({ ip: "10.0.0.9", labels: {} }), undefined);
});
