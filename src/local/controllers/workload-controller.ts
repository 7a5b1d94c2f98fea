import type { KubeObject } from "../../base/kube-object.ts";
import type { ResourceRef } from "../../kube/source.ts";
import { objectKey, splitKey } from "../resources.ts";
import { type Controller, type ControllerContext, controllerOf } from "./controller.ts";
import { WorkQueue } from "./work-queue.ts";

export interface WorkloadControllerOptions {
  /** For the log. */
  readonly name: string;
  readonly resource: ResourceRef;
  /** What objects of `resource` make; a change of one wakes its owner. */
  readonly owned: ResourceRef;
  /** A resource any of whose objects concerns all workloads when it comes or goes. */
  readonly shared?: ResourceRef;
  /**
   * Brings one object a step nearer to what it wants. Not called for one that is being deleted.
   *
   * @returns milliseconds after which to look again whatever happens
   */
  readonly reconcile: (object: KubeObject) => Promise<number | undefined>;
}

/** A controller of one kind of workload: it looks again at each whose own object changes, or one that it has made. */
export function startWorkloadController(
  { objects, clock, log }: ControllerContext,
  { name, resource, owned, shared, reconcile }: WorkloadControllerOptions,
): Controller {
  const queue = new WorkQueue({
    name,
    clock,
    log,
    reconcile: async (key) => {
      const { namespace, name: objectName } = splitKey(key);
      const object = objects.get(resource, namespace, objectName);
      if (!object || object.metadata.deletionTimestamp) return;
      const againMs = await reconcile(object);
      if (againMs !== undefined) queue.addAfter(key, againMs);
    },
  });
  const stops = [
    objects.watch(resource, (type, object) => {
      if (type !== "DELETED") queue.add(objectKey(object));
    }),
    objects.watch(owned, (_type, object) => {
      const owner = controllerOf(object);
      if (owner?.kind === resource.kind) queue.add(`${object.metadata.namespace}/${owner.name}`);
    }),
  ];
  if (shared) {
    const wakeAll = (type: string): void => {
      if (type !== "MODIFIED") for (const object of objects.list(resource)) queue.add(objectKey(object));
    };
    stops.push(objects.watch(shared, wakeAll));
  }
  return {
    stop: () => {
      for (const stop of stops) stop();
      queue.stop();
    },
    idle: () => queue.idle(),
  };
}
