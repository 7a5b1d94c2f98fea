import type { KubeObject } from "../../base/kube-object.ts";
import type { ResourceRef } from "../../kube/source.ts";
import { EVENTS, NAMESPACES, PODS } from "../resources.ts";
import type { Controller, ControllerContext } from "./controller.ts";
import { deleteIfThere, isNotFound } from "./controller.ts";
import { WorkQueue } from "./work-queue.ts";

export interface NamespaceControllerOptions {
  /** Every namespaced resource that is served now, CRDs included. */
  readonly namespacedResources: () => readonly ResourceRef[];
  /** Takes the finalizer `kubernetes` off, after which the object goes (`PUT .../finalize`). */
  readonly finalize: (namespace: KubeObject) => Promise<void>;
}

/** Fallback for objects of resources that no watch covers; everything else wakes the queue itself. */
const RECHECK_MS = 500;

/**
 * Left alone so long after its deletion, as in Kubernetes (5 s there): `kubectl delete -f` of a manifest that begins with its
 * Namespace still finds the objects after it, which would be "not found" else, and the command a failure.
 */
const GRACE_MS = 2000;

/**
 * Ends namespaces: everything in one that is being deleted is deleted, pods with their grace, and when nothing is left the
 * namespace goes.
 */
export function startNamespaceController(
  context: ControllerContext,
  options: NamespaceControllerOptions,
): Controller {
  const { objects, clock, log } = context;
  /** When a namespace was first seen to end. */
  const endingSince = new Map<string, number>();
  const queue = new WorkQueue({
    name: "namespace-controller",
    clock,
    log,
    reconcile: async (name) => {
      const namespace = objects.get(NAMESPACES, undefined, name);
      if (!namespace?.metadata.deletionTimestamp) {
        endingSince.delete(name);
        return;
      }
      const since = endingSince.get(name) ?? clock.monotonic();
      endingSince.set(name, since);
      const graceMs = since + GRACE_MS - clock.monotonic();
      if (graceMs > 0) return queue.addAfter(name, graceMs);
      const remaining = await empty(context, options, name);
      if (remaining > 0) return queue.addAfter(name, RECHECK_MS);
      try {
        await options.finalize(namespace);
      } catch (caught) {
        if (!isNotFound(caught)) throw caught;
      }
    },
  });
  const stops = [
    objects.watch(NAMESPACES, (type, namespace) => {
      if (type === "DELETED") endingSince.delete(namespace.metadata.name!);
      else if (namespace.metadata.deletionTimestamp) queue.add(namespace.metadata.name!);
    }),
    // The last pod is what namespaces wait for.
    objects.watch(PODS, (type, pod) => {
      if (type === "DELETED") queue.add(pod.metadata.namespace!);
    }),
  ];
  return {
    stop: () => {
      for (const stop of stops) stop();
      queue.stop();
    },
    idle: () => queue.idle(),
  };
}

/** Deletes what is there. @returns how many objects were still there before */
async function empty(
  { objects }: ControllerContext,
  options: NamespaceControllerOptions,
  namespace: string,
): Promise<number> {
  let remaining = 0;
  const deletions: Promise<void>[] = [];
  for (const resource of options.namespacedResources()) {
    // Deleting news of the deletion would make a loop; they go in the same sweep but do not hold it up.
    const isNews = resource.plural === EVENTS.plural;
    for (const object of objects.list(resource, namespace)) {
      if (!isNews) remaining++;
      if (object.metadata.deletionTimestamp) continue;
      deletions.push(
        deleteIfThere(objects, resource, namespace, object.metadata.name!, {
          propagationPolicy: "Background",
        }),
      );
    }
  }
  await Promise.all(deletions);
  return remaining;
}
