import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import type { Controller, ControllerContext } from "../../../../src/local/controllers/controller.ts";
import { startDeploymentController } from "../../../../src/local/controllers/deployment.ts";
import { startEndpointsController } from "../../../../src/local/controllers/endpoints.ts";
import { createEventRecorder } from "../../../../src/local/controllers/events.ts";
import { startGarbageCollector } from "../../../../src/local/controllers/garbage.ts";
import { startNamespaceController } from "../../../../src/local/controllers/namespaces.ts";
import { startNotSupportedController } from "../../../../src/local/controllers/not-supported.ts";
import { startReplicaSetController } from "../../../../src/local/controllers/replica-set.ts";
import { startServiceAccountController } from "../../../../src/local/controllers/service-accounts.ts";
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  EVENTS,
  NAMESPACES,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from "../../../../src/local/resources.ts";
import { FakeClock } from "../../../support/clock.ts";
import { MemoryObjects } from "../../../support/memory-objects.ts";
import { until } from "../../../support/until.ts";

let clock: FakeClock;
let objects: MemoryObjects;
let context: ControllerContext;
let controllers: Controller[];

beforeEach(() => {
  clock = new FakeClock();
  objects = new MemoryObjects(() => clock.now());
  const events = createEventRecorder({ objects, clock, log: silentLogger, component: "test" });
  context = { objects, clock, log: silentLogger, events };
  controllers = [];
});
afterEach(() => {
  for (const controller of controllers) controller.stop();
});

function deployment(image: string, replicas = 2, spec: object = {}): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "demo", labels: { app: "web" } },
    spec: {
      replicas,
      selector: { matchLabels: { app: "web" } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: { containers: [{ name: "app", image }] },
      },
      ...spec,
    },
  };
}

const pods = () => objects.list(PODS, "demo").filter((pod) => !pod.metadata.deletionTimestamp);
const images = () =>
  pods()
    .map((pod) => pod.spec.containers[0].image)
    .sort();
const get = () => objects.get(DEPLOYMENTS, "demo", "web")!;
const condition = (type: string) =>
  get().status?.conditions?.find((each: { type: string }) => each.type === type);

async function makeReady(pod: KubeObject, ready = true): Promise<void> {
  const at = new Date(clock.now()).toISOString();
  await objects.mergePatch(
    PODS,
    "demo",
    pod.metadata.name!,
    {
      status: {
        phase: "Running",
        podIP: `127.9.64.${objects.list(PODS).indexOf(pod) + 1}`,
        conditions: [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: at }],
      },
    },
    "status",
  );
}

/** A kubelet that makes every pod ready as soon as it sees it. */
function readyEverything(): void {
  const stop = objects.watch(PODS, (type, pod) => {
    if (type === "ADDED") void makeReady(pod).catch(() => {});
  });
  controllers.push({ stop, idle: () => Promise.resolve() });
}

function startWorkloads(): void {
  controllers.push(startDeploymentController(context), startReplicaSetController(context));
}

describe("deployment controller", () => {
  test("makes pods and says that it is complete only when they are available", async () => {
    startWorkloads();
    await objects.create(DEPLOYMENTS, deployment("v1"));
    await until("two pods", () => pods().length === 2);
    await until("status", () => get().status?.replicas === 2);
    assert.equal(get().status.availableReplicas, 0);
    assert.equal(condition("Available").status, "False");
    assert.notEqual(condition("Progressing").reason, "NewReplicaSetAvailable");
    for (const pod of pods()) await makeReady(pod);
    await until("completion", () => condition("Progressing")?.reason === "NewReplicaSetAvailable");
    assert.equal(get().status.availableReplicas, 2);
    assert.equal(get().status.observedGeneration, get().metadata.generation);
    assert.equal(get().metadata.annotations!["deployment.kubernetes.io/revision"], "1");
    assert.match(pods()[0]!.metadata.labels!["pod-template-hash"]!, /^[a-z0-9]{10}$/);
  });

  test("rolls to a new template, keeps the old replica set, and rolls back with a higher revision", async () => {
    startWorkloads();
    readyEverything();
    await objects.create(DEPLOYMENTS, deployment("v1"));
    await until("v1", () => condition("Progressing")?.reason === "NewReplicaSetAvailable");
    await objects.mergePatch(DEPLOYMENTS, "demo", "web", deployment("v2"));
    await until("v2", () => images().join() === "v2,v2");
    await until("completion", () => get().status?.updatedReplicas === 2 && get().status.replicas === 2);
    assert.equal(objects.list(REPLICA_SETS, "demo").length, 2);
    await objects.mergePatch(DEPLOYMENTS, "demo", "web", deployment("v1"));
    await until("v1 again", () => images().join() === "v1,v1");
    assert.equal(objects.list(REPLICA_SETS, "demo").length, 2);
    await until("revision", () => get().metadata.annotations?.["deployment.kubernetes.io/revision"] === "3");
  });

  test("does not take old pods away while new ones are not ready, and reports the missed deadline", async () => {
    startWorkloads();
    await objects.create(DEPLOYMENTS, deployment("v1", 2, { progressDeadlineSeconds: 60 }));
    await until("pods", () => pods().length === 2);
    for (const pod of pods()) await makeReady(pod);
    await until("v1", () => condition("Progressing")?.reason === "NewReplicaSetAvailable");
    await objects.mergePatch(
      DEPLOYMENTS,
      "demo",
      "web",
      deployment("broken", 2, { progressDeadlineSeconds: 60 }),
    );
    await until("one surge pod", () => images().join() === "broken,v1,v1");
    await until("status", () => get().status?.updatedReplicas === 1);
    for (const controller of controllers) await controller.idle();
    clock.advance(62_000);
    await until("deadline", () => condition("Progressing")?.reason === "ProgressDeadlineExceeded");
    assert.deepEqual(images(), ["broken", "v1", "v1"]);
    assert.equal(condition("Available").status, "True");
  });

  test("follows scale, also while paused", async () => {
    startWorkloads();
    readyEverything();
    await objects.create(DEPLOYMENTS, deployment("v1", 1));
    await until("one", () => pods().length === 1);
    await objects.mergePatch(DEPLOYMENTS, "demo", "web", { spec: { replicas: 3 } });
    await until("three", () => pods().length === 3);
    await objects.mergePatch(DEPLOYMENTS, "demo", "web", { spec: { replicas: 2, paused: true } });
    await until("two", () => pods().length === 2);
    await objects.mergePatch(DEPLOYMENTS, "demo", "web", deployment("v2", 2, { paused: true }));
    await until("status", () => get().status?.observedGeneration === get().metadata.generation);
    assert.deepEqual(images(), ["v1", "v1"]);
    await objects.mergePatch(DEPLOYMENTS, "demo", "web", { spec: { paused: false } });
    await until("v2", () => images().join() === "v2,v2");
  });

  test("forgets replica sets beyond the history limit", async () => {
    startWorkloads();
    readyEverything();
    await objects.create(DEPLOYMENTS, deployment("v1", 1, { revisionHistoryLimit: 1 }));
    for (const version of ["v1", "v2", "v3", "v4"]) {
      await objects.mergePatch(
        DEPLOYMENTS,
        "demo",
        "web",
        deployment(version, 1, { revisionHistoryLimit: 1 }),
      );
      await until(version, () => images().join() === version);
    }
    await until("two sets", () => objects.list(REPLICA_SETS, "demo").length === 2);
  });
});

describe("replica set controller", () => {
  test("replaces a pod that was deleted and one that failed", async () => {
    startWorkloads();
    await objects.create(DEPLOYMENTS, deployment("v1", 2));
    await until("two", () => pods().length === 2);
    const [first, second] = pods();
    await objects.delete(PODS, "demo", first!.metadata.name!);
    await objects.mergePatch(PODS, "demo", second!.metadata.name!, { status: { phase: "Failed" } }, "status");
    await until("replacements", () => pods().filter((pod) => pod.status?.phase !== "Failed").length === 2);
    assert.ok(!pods().some((pod) => pod.metadata.name === first!.metadata.name));
  });

  test("counts a pod as available only after minReadySeconds", async () => {
    startWorkloads();
    await objects.create(DEPLOYMENTS, deployment("v1", 1, { minReadySeconds: 30 }));
    await until("pod", () => pods().length === 1);
    await makeReady(pods()[0]!);
    await until("ready", () => get().status?.readyReplicas === 1);
    assert.equal(get().status.availableReplicas, 0);
    for (const controller of controllers) await controller.idle();
    clock.advance(31_000);
    await until("available", () => get().status?.availableReplicas === 1);
  });
});

describe("endpoints controller", () => {
  const service = (spec: object): KubeObject => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "demo" },
    spec: {
      selector: { app: "web" },
      ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }],
      ...spec,
    },
  });
  const pod = (name: string, port: number): KubeObject => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "demo", labels: { app: "web" } },
    spec: {
      nodeName: "local",
      containers: [{ name: "app", ports: [{ name: "http", containerPort: port, protocol: "TCP" }] }],
    },
  });
  const slices = () => objects.list(ENDPOINT_SLICES, "demo");

  test("resolves named ports pod by pod and follows readiness and termination", async () => {
    controllers.push(startEndpointsController(context));
    await objects.create(SERVICES, service({}));
    const first = await objects.create(PODS, pod("a", 8080));
    const second = await objects.create(PODS, pod("b", 9090));
    await makeReady(first);
    await makeReady(second, false);
    await until(
      "two slices",
      () => slices().length === 2 && slices().every((slice) => slice.endpoints.length === 1),
    );
    const ofPort = (port: number) => slices().find((slice) => slice.ports[0].port === port)!;
    assert.deepEqual(ofPort(8080).endpoints[0].conditions, {
      ready: true,
      serving: true,
      terminating: false,
    });
    assert.equal(ofPort(8080).endpoints[0].targetRef.name, "a");
    assert.equal(ofPort(8080).ports[0].name, "http");
    assert.equal(ofPort(9090).endpoints[0].conditions.ready, false);
    await objects.delete(PODS, "demo", "a");
    await until("terminating", () => ofPort(8080).endpoints[0]?.conditions.terminating === true);
    assert.deepEqual(ofPort(8080).endpoints[0].conditions, {
      ready: false,
      serving: true,
      terminating: true,
    });
    await objects.delete(PODS, "demo", "a", { gracePeriodSeconds: 0 });
    await objects.delete(PODS, "demo", "b", { gracePeriodSeconds: 0 });
    await until("one empty slice", () => slices().length === 1 && slices()[0]!.endpoints.length === 0);
  });

  test("follows a pod that leaves the selector, and removes all with the service", async () => {
    controllers.push(startEndpointsController(context));
    await objects.create(SERVICES, service({ clusterIP: "None" }));
    await makeReady(await objects.create(PODS, pod("a", 8080)));
    await until("endpoint", () => slices()[0]?.endpoints?.length === 1);
    assert.equal(slices()[0]!.metadata.labels!["kubernetes.io/service-name"], "web");
    assert.equal(slices()[0]!.metadata.labels!["service.kubernetes.io/headless"], "");
    await objects.mergePatch(PODS, "demo", "a", { metadata: { labels: { app: "other" } } });
    await until("no endpoint", () => slices()[0]?.endpoints.length === 0);
    await objects.delete(SERVICES, "demo", "web");
    await until("no slice", () => slices().length === 0);
  });
});

describe("namespaces and garbage", () => {
  test("every namespace gets its default service account and root certificate, again after deletion", async () => {
    controllers.push(startServiceAccountController(context, { caPem: "PEM" }));
    await objects.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "demo" } });
    await until("account", () => objects.get(SERVICE_ACCOUNTS, "demo", "default"));
    const map = await until("root", () => objects.get(CONFIG_MAPS, "demo", "kube-root-ca.crt"));
    assert.equal(map.data["ca.crt"], "PEM");
    await objects.delete(SERVICE_ACCOUNTS, "demo", "default");
    await until("account again", () => objects.get(SERVICE_ACCOUNTS, "demo", "default"));
  });

  test("a namespace is finalized only when its last object is gone", async () => {
    const finalized: string[] = [];
    controllers.push(
      startNamespaceController(context, {
        namespacedResources: () => [PODS, CONFIG_MAPS, EVENTS],
        finalize: async (namespace) => void finalized.push(namespace.metadata.name!),
      }),
    );
    await objects.create(NAMESPACES, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "demo" },
      spec: { finalizers: ["kubernetes"] },
    });
    await objects.create(CONFIG_MAPS, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "c", namespace: "demo" },
    });
    await objects.create(PODS, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "demo" },
      spec: { nodeName: "local", containers: [] },
    });
    await objects.delete(NAMESPACES, undefined, "demo");
    await until("the controller to wait", () => clock.pending > 0);
    clock.advance(1999);
    await controllers[0]!.idle();
    // `kubectl delete -f` may still be on its way through the rest of its manifest.
    assert.ok(objects.get(CONFIG_MAPS, "demo", "c"));
    clock.advance(1);
    await until("config map gone", () => !objects.get(CONFIG_MAPS, "demo", "c"));
    await until("pod marked", () => objects.get(PODS, "demo", "p")?.metadata.deletionTimestamp);
    assert.equal(finalized.length, 0);
    await objects.delete(PODS, "demo", "p", { gracePeriodSeconds: 0 });
    await until("finalized", () => finalized.length > 0);
  });

  test("dependents go with their last owner, foreground deletion waits for them", async () => {
    controllers.push(startGarbageCollector(context, { resources: [DEPLOYMENTS, REPLICA_SETS, PODS] }));
    const owner = await objects.create(DEPLOYMENTS, deployment("v1"));
    const reference = (of: KubeObject) => ({
      apiVersion: of.apiVersion,
      kind: of.kind,
      name: of.metadata.name!,
      uid: of.metadata.uid!,
      controller: true,
      blockOwnerDeletion: true,
    });
    const set = await objects.create(REPLICA_SETS, {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { name: "web-1", namespace: "demo", ownerReferences: [reference(owner)] },
      spec: {},
    });
    await objects.create(PODS, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "demo", ownerReferences: [reference(set)] },
      spec: { nodeName: "local", containers: [] },
    });
    await objects.create(REPLICA_SETS, {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: {
        name: "orphan",
        namespace: "demo",
        ownerReferences: [{ ...reference(owner), uid: "00000000-0000-4000-8000-000000000000" }],
      },
      spec: {},
    });
    await until("the absent owner's dependent is gone", () => !objects.get(REPLICA_SETS, "demo", "orphan"));
    await objects.delete(DEPLOYMENTS, "demo", "web", { propagationPolicy: "Foreground" });
    await until("pod marked", () => objects.get(PODS, "demo", "p")?.metadata.deletionTimestamp);
    assert.ok(objects.get(DEPLOYMENTS, "demo", "web"), "the owner waits");
    await objects.delete(PODS, "demo", "p", { gracePeriodSeconds: 0 });
    await until("owner gone", () => !objects.get(DEPLOYMENTS, "demo", "web"));
    assert.equal(objects.list(REPLICA_SETS, "demo").length, 0);
  });

  test("a ReplicationController gets an Event that says it does not run", async () => {
    controllers.push(startNotSupportedController(context));
    await objects.create(REPLICATION_CONTROLLERS, {
      apiVersion: "v1",
      kind: "ReplicationController",
      metadata: { name: "j", namespace: "demo" },
    });
    const event = await until("event", () => objects.list(EVENTS, "demo")[0]);
    assert.equal(event.reason, "NotSupportedYet");
    assert.equal(event.involvedObject.name, "j");
  });
});
