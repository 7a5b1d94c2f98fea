import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import { startDaemonSetController } from "../../../../src/local/controllers/daemon-set.ts";
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES } from "../../../../src/local/resources.ts";
import { ControllerWorld } from "../../../support/controller-world.ts";
import { until } from "../../../support/until.ts";

let world: ControllerWorld;
beforeEach(async () => {
  world = new ControllerWorld();
  for (const name of ["n1", "n2"]) {
    await world.objects.create(NODES, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels: { disk: name === "n1" ? "fast" : "slow" } },
    });
  }
  world.run(startDaemonSetController(world.context));
});
afterEach(() => world.stop());

const template = (image: string, nodeSelector?: object) => ({
  metadata: { labels: { app: "d" } },
  spec: { containers: [{ name: "app", image }], ...(nodeSelector ? { nodeSelector } : {}) },
});
const create = (spec: object = {}) =>
  world.objects.create(DAEMON_SETS, {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "d", namespace: "demo" },
    spec: { selector: { matchLabels: { app: "d" } }, template: template("v1"), ...spec },
  });
const get = (): KubeObject => world.objects.get(DAEMON_SETS, "demo", "d")!;
const change = (spec: object) => world.objects.mergePatch(DAEMON_SETS, "demo", "d", { spec });
const images = () =>
  world
    .pods()
    .map((pod) => pod.spec.containers[0].image)
    .sort();
const readyAll = async () => {
  for (const pod of world.pods()) await world.makeReady(pod);
};

describe("daemon set controller", () => {
  test("puts a pod on each node and counts those that serve", async () => {
    await create();
    await until("two pods", () => world.pods().length === 2);
    await readyAll();
    await until("status", () => get().status?.numberAvailable === 2);
    assert.equal(get().status.desiredNumberScheduled, 2);
    assert.equal(get().status.updatedNumberScheduled, 2);
    assert.equal(get().status.observedGeneration, 1);
  });

  test("leaves nodes that its selector does not take, also those that it took before", async () => {
    await create();
    await until("two pods", () => world.pods().length === 2);
    await change({ template: template("v1", { disk: "fast" }), updateStrategy: { type: "OnDelete" } });
    await until("one pod", () => world.pods().length === 1);
    assert.equal(get().status.desiredNumberScheduled, 1);
  });

  test("replaces pods one after the other, the next when the one before serves", async () => {
    await create();
    await until("two pods", () => world.pods().length === 2);
    await readyAll();
    await until("status", () => get().status?.numberAvailable === 2);
    await change({ template: template("v2") });
    await until("one leaves", () => world.pods().length === 1);
    assert.deepEqual(images(), ["v1"]);
    await world.bury();
    await until("its successor", () => images().join() === "v1,v2");
    assert.equal(world.pods().length, 2, "the other stays while the new one does not serve");
    await readyAll();
    await until("the other leaves", () => images().join() === "v2");
    await world.bury();
    await until("both", () => images().join() === "v2,v2");
    await readyAll();
    await until(
      "status",
      () => get().status.updatedNumberScheduled === 2 && get().status.numberAvailable === 2,
    );
    assert.deepEqual(
      world.objects.list(CONTROLLER_REVISIONS, "demo").map((each) => each.revision),
      [1, 2],
    );
  });

  test("surges where it may: the old pod leaves when the new one serves", async () => {
    await create({
      template: template("v1", { disk: "fast" }),
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    });
    await until("a pod", () => world.pods().length === 1);
    await readyAll();
    await until("status", () => get().status?.numberAvailable === 1);
    await change({ template: template("v2", { disk: "fast" }) });
    await until("both", () => images().join() === "v1,v2");
    await readyAll();
    await until("the new one alone", () => images().join() === "v2");
  });

  test("waits for somebody to delete the pods under OnDelete", async () => {
    await create({ updateStrategy: { type: "OnDelete" }, template: template("v1", { disk: "slow" }) });
    await until("a pod", () => world.pods().length === 1);
    await change({ template: template("v2", { disk: "slow" }) });
    await until("status", () => get().status?.updatedNumberScheduled === 0);
    assert.deepEqual(images(), ["v1"]);
  });
});
