import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import { startStatefulSetController } from "../../../../src/local/controllers/stateful-set.ts";
import { PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS } from "../../../../src/local/resources.ts";
import { ControllerWorld } from "../../../support/controller-world.ts";
import { until } from "../../../support/until.ts";

let world: ControllerWorld;
beforeEach(() => {
  world = new ControllerWorld();
  world.run(startStatefulSetController(world.context));
});
afterEach(() => world.stop());

const template = (image: string) => ({
  metadata: { labels: { app: "db" } },
  spec: { containers: [{ name: "app", image }] },
});
const create = (spec: object = {}) =>
  world.objects.create(STATEFUL_SETS, {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "db", namespace: "demo" },
    spec: {
      replicas: 3,
      serviceName: "db",
      selector: { matchLabels: { app: "db" } },
      template: template("v1"),
      ...spec,
    },
  });
const get = (): KubeObject => world.objects.get(STATEFUL_SETS, "demo", "db")!;
const change = (spec: object) => world.objects.mergePatch(STATEFUL_SETS, "demo", "db", { spec });
const image = (name: string) => world.objects.get(PODS, "demo", name)?.spec.containers[0].image;
const arrives = (name: string, of = "v1") =>
  until(`${name} of ${of}`, () => (image(name) === of ? world.objects.get(PODS, "demo", name) : undefined));
const leaves = (name: string) =>
  until(`${name} leaving`, () => world.objects.get(PODS, "demo", name)?.metadata.deletionTimestamp);

async function bringUp(names: readonly string[]): Promise<void> {
  for (const name of names) await world.makeReady(await arrives(name));
  await until("all available", () => get().status?.availableReplicas === names.length);
}

describe("stateful set controller", () => {
  test("makes pod after pod, each when the one before serves", async () => {
    await create();
    const first = await arrives("db-0");
    assert.deepEqual(world.podNames(), ["db-0"]);
    assert.equal(first.spec.hostname, "db-0");
    assert.equal(first.spec.subdomain, "db");
    assert.equal(first.metadata.labels!["apps.kubernetes.io/pod-index"], "0");
    await world.makeReady(first);
    await world.makeReady(await arrives("db-1"));
    await arrives("db-2");
    assert.deepEqual(world.podNames(), ["db-0", "db-1", "db-2"]);
  });

  test("makes all at once when it is parallel", async () => {
    await create({ podManagementPolicy: "Parallel", ordinals: { start: 5 } });
    await until("three", () => world.pods().length === 3);
    assert.deepEqual(world.podNames(), ["db-5", "db-6", "db-7"]);
  });

  test("shrinks from the highest number on", async () => {
    await create();
    await bringUp(["db-0", "db-1", "db-2"]);
    await change({ replicas: 1 });
    await leaves("db-2");
    assert.deepEqual(world.podNames(), ["db-0", "db-1"]);
    await world.bury();
    await leaves("db-1");
    await world.bury();
    await until("status", () => get().status.replicas === 1);
  });

  test("rolls over from the highest number down to the partition, each when the one above serves", async () => {
    await create({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 1 } } });
    await bringUp(["db-0", "db-1", "db-2"]);
    const { currentRevision } = get().status;
    await change({ template: template("v2") });
    for (const name of ["db-2", "db-1"]) {
      await leaves(name);
      await world.bury();
      await world.makeReady(await arrives(name, "v2"));
    }
    await until("status", () => get().status.updatedReplicas === 2 && get().status.readyReplicas === 3);
    assert.equal(image("db-0"), "v1");
    assert.equal(get().status.currentRevision, currentRevision);
    assert.notEqual(get().status.updateRevision, currentRevision);

    // What lies below the partition comes back as it was.
    await world.objects.delete(PODS, "demo", "db-0", { gracePeriodSeconds: 0 });
    await world.makeReady(await arrives("db-0", "v1"));

    await change({ updateStrategy: { rollingUpdate: { partition: 0 } } });
    await leaves("db-0");
    await world.bury();
    await world.makeReady(await arrives("db-0", "v2"));
    await until("all new", () => get().status.currentRevision === get().status.updateRevision);
    assert.equal(get().status.currentReplicas, 3);
  });

  test("gives each pod a claim of its own, which outlives it", async () => {
    await create({
      replicas: 1,
      volumeClaimTemplates: [
        { metadata: { name: "data" }, spec: { resources: { requests: { storage: "1Gi" } } } },
      ],
    });
    const pod = await arrives("db-0");
    assert.deepEqual(pod.spec.volumes, [{ name: "data", persistentVolumeClaim: { claimName: "data-db-0" } }]);
    const claim = world.objects.get(PERSISTENT_VOLUME_CLAIMS, "demo", "data-db-0")!;
    assert.equal(claim.metadata.labels!.app, "db");
    await world.objects.delete(PODS, "demo", "db-0", { gracePeriodSeconds: 0 });
    await until("a new pod", () => {
      const again = world.objects.get(PODS, "demo", "db-0");
      return again && again.metadata.uid !== pod.metadata.uid;
    });
    assert.equal(
      world.objects.get(PERSISTENT_VOLUME_CLAIMS, "demo", "data-db-0")!.metadata.uid,
      claim.metadata.uid,
    );
  });

  test("replaces a pod that has ended, under its name", async () => {
    await create({ replicas: 1 });
    const pod = await arrives("db-0");
    await world.finish(pod, "Failed");
    await leaves("db-0");
    await world.bury();
    await until("a new one", () => image("db-0") && world.pods()[0]?.metadata.uid !== pod.metadata.uid);
  });
});
