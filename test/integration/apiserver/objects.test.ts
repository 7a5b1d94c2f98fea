import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeshError } from "../../../src/base/error.ts";
import { CONFIG_MAPS, configMap, DEPLOYMENTS, NAMESPACES, PODS, pod, startServer } from "./support.ts";

const codeOf = (code: string) => (error: Error) => (error as MeshError).code === code;

test("objects are made, conflict when stale, merge by patch, and go", async (t) => {
  const { api } = await startServer(t);
  const created = await api.objects.create(CONFIG_MAPS, configMap("a", { x: "1" }));
  assert.match(created.metadata.uid!, /^[0-9a-f-]{36}$/);
  await assert.rejects(api.objects.create(CONFIG_MAPS, configMap("a")), codeOf("KUBE_ALREADY_EXISTS"));
  const updated = await api.objects.update(CONFIG_MAPS, { ...created, data: { x: "2" } });
  assert.equal(updated.metadata.uid, created.metadata.uid);
  await assert.rejects(
    api.objects.update(CONFIG_MAPS, { ...created, data: { x: "3" } }),
    codeOf("KUBE_CONFLICT"),
  );
  const patched = await api.objects.mergePatch(CONFIG_MAPS, "demo", "a", { data: { x: null, y: "1" } });
  assert.deepEqual(patched.data, { y: "1" });
  const same = await api.objects.mergePatch(CONFIG_MAPS, "demo", "a", { data: { y: "1" } });
  assert.equal(
    same.metadata.resourceVersion,
    patched.metadata.resourceVersion,
    "a change of nothing is no write",
  );
  await api.objects.delete(CONFIG_MAPS, "demo", "a");
  await assert.rejects(api.objects.delete(CONFIG_MAPS, "demo", "a"), codeOf("KUBE_NOT_FOUND"));
  assert.equal(api.objects.get(CONFIG_MAPS, "demo", "a"), undefined);
});

test("generation counts changes of spec only, and status is written by its subresource only", async (t) => {
  const { api } = await startServer(t);
  const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  const created = await api.objects.create(DEPLOYMENTS, {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "a", namespace: "demo" },
    spec: { selector: { matchLabels: { app: "a" } }, template },
    status: { replicas: 9 },
  });
  assert.equal(created.metadata.generation, 1);
  assert.equal(created.status.replicas, undefined);
  assert.equal(created.spec.strategy.rollingUpdate.maxSurge, "25%");
  const status = await api.objects.update(
    DEPLOYMENTS,
    { ...created, spec: { replicas: 7 }, status: { replicas: 1 } },
    "status",
  );
  assert.equal(status.metadata.generation, 1);
  assert.deepEqual([status.spec.replicas, status.status.replicas], [1, 1]);
  const spec = await api.objects.mergePatch(DEPLOYMENTS, "demo", "a", {
    spec: { replicas: 2 },
    status: { replicas: 5 },
  });
  assert.equal(spec.metadata.generation, 2);
  assert.deepEqual([spec.spec.replicas, spec.status.replicas], [2, 1]);
  const labelled = await api.objects.mergePatch(DEPLOYMENTS, "demo", "a", {
    metadata: { labels: { x: "y" } },
  });
  assert.equal(labelled.metadata.generation, 2);
  await assert.rejects(
    api.objects.mergePatch(DEPLOYMENTS, "demo", "a", { spec: { selector: { matchLabels: { app: "b" } } } }),
    /field is immutable/,
  );
});

test("a pod gets its account's token volume, and leaves in two steps when a node runs it", async (t) => {
  const { api } = await startServer(t);
  const created = await api.objects.create(PODS, pod("p"));
  assert.equal(created.spec.serviceAccountName, "default");
  const volume = created.spec.volumes[0];
  assert.match(volume.name, /^kube-api-access-[a-z0-9]{5}$/);
  assert.equal(
    created.spec.containers[0].volumeMounts[0].mountPath,
    "/var/run/secrets/kubernetes.io/serviceaccount",
  );
  assert.equal(created.status.phase, "Pending");
  const placed = await api.objects.mergePatch(PODS, "demo", "p", { spec: { nodeName: "local" } });
  assert.equal(placed.spec.nodeName, "local");
  await assert.rejects(
    api.objects.mergePatch(PODS, "demo", "p", { spec: { nodeName: "elsewhere" } }),
    codeOf("KUBE_INVALID"),
  );
  await api.objects.delete(PODS, "demo", "p");
  const dying = api.objects.get(PODS, "demo", "p")!;
  assert.equal(dying.metadata.deletionGracePeriodSeconds, 30);
  assert.ok(dying.metadata.deletionTimestamp);
  await api.objects.delete(PODS, "demo", "p", { gracePeriodSeconds: 0 });
  assert.equal(api.objects.get(PODS, "demo", "p"), undefined);
});

test("an object with finalizers goes when the last one is taken away", async (t) => {
  const { api } = await startServer(t);
  const made = configMap("held");
  made.metadata.finalizers = ["example.com/hold"];
  await api.objects.create(CONFIG_MAPS, made);
  await api.objects.delete(CONFIG_MAPS, "demo", "held");
  assert.ok(api.objects.get(CONFIG_MAPS, "demo", "held")!.metadata.deletionTimestamp);
  await api.objects.mergePatch(CONFIG_MAPS, "demo", "held", { metadata: { finalizers: null } });
  assert.equal(api.objects.get(CONFIG_MAPS, "demo", "held"), undefined);
});

test("a namespace is terminating until it is finalized, and takes nothing new meanwhile", async (t) => {
  const { api } = await startServer(t);
  await api.objects.delete(NAMESPACES, undefined, "demo");
  const namespace = api.objects.get(NAMESPACES, undefined, "demo")!;
  assert.equal(namespace.status.phase, "Terminating");
  await assert.rejects(api.objects.create(CONFIG_MAPS, configMap("late")), /because it is being terminated/);
  await assert.rejects(
    api.objects.create(CONFIG_MAPS, configMap("x", {}, "nowhere")),
    /namespaces "nowhere" not found/,
  );
  await api.objects.update(NAMESPACES, { ...namespace, spec: { finalizers: [] } }, "finalize");
  assert.equal(api.objects.get(NAMESPACES, undefined, "demo"), undefined);
});

test("in-process watch tells what is there, then changes, in order and never inside a write", async (t) => {
  const { api } = await startServer(t);
  await api.objects.create(CONFIG_MAPS, configMap("a"));
  const seen: string[] = [];
  const done = Promise.withResolvers<void>();
  const stop = api.objects.watch(CONFIG_MAPS, (type, object) => {
    seen.push(`${type} ${object.metadata.name}`);
    if (seen.length === 4) done.resolve();
  });
  assert.deepEqual(seen, []);
  await api.objects.create(CONFIG_MAPS, configMap("b"));
  await api.objects.mergePatch(CONFIG_MAPS, "demo", "b", { data: { x: "1" } });
  await api.objects.delete(CONFIG_MAPS, "demo", "a");
  await done.promise;
  stop();
  assert.deepEqual(seen, ["ADDED a", "ADDED b", "MODIFIED b", "DELETED a"]);
});

test("what callers do to objects that they were given stays with them", async (t) => {
  const { api } = await startServer(t);
  await api.objects.create(CONFIG_MAPS, configMap("a", { x: "1" }));
  api.objects.get(CONFIG_MAPS, "demo", "a")!.data.x = "changed";
  assert.equal(api.objects.get(CONFIG_MAPS, "demo", "a")!.data.x, "1");
});

test("keys survive a restart, so that tokens and kubeconfigs of before stay good", async (t) => {
  const first = await startServer(t);
  const second = await startServer(t, { dir: first.dir });
  assert.equal(first.api.caPem, second.api.caPem);
});
