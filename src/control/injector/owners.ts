import type { KubeObject } from "../../base/kube-object.ts";
import type { KubeClient } from "../../kube/client.ts";

export interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** Kinds between a pod and what its author wrote, and where they are. */
const INTERMEDIATE: Readonly<Record<string, string>> = {
  ReplicaSet: "/apis/apps/v1/namespaces/{ns}/replicasets/",
  Job: "/apis/batch/v1/namespaces/{ns}/jobs/",
};
/** A ReplicaSet's owner never changes; this many are remembered. */
const CACHE_MAX = 2000;
const TIMEOUT_MS = 2000;

/**
 * Finds the workload that a pod belongs to: ReplicaSet -> Deployment, Job -> CronJob, else the owner itself.
 *
 * When the API server does not answer, the immediate owner is the answer: a pod must not wait for its label.
 */
export function createOwnerResolver(
  client: KubeClient,
): (pod: KubeObject, namespace: string) => Promise<Owner | undefined> {
  const cache = new Map<string, Owner>();
  return async (pod, namespace) => {
    const owner = controllerOf(pod);
    const path = owner && INTERMEDIATE[owner.kind];
    if (!owner || path === undefined) return owner;
    const known = cache.get(owner.uid);
    if (known) return known;
    try {
      const parent = await client.request("GET", path.replace("{ns}", namespace) + owner.name, {
        timeoutMs: TIMEOUT_MS,
      });
      const top = controllerOf(parent) ?? owner;
      if (cache.size >= CACHE_MAX) cache.delete(cache.keys().next().value!);
      cache.set(owner.uid, top);
      return top;
    } catch {
      // Whatever it was (forbidden, gone, slow), the pod's immediate owner is still true.
      return owner;
    }
  };
}

function controllerOf(object: KubeObject): Owner | undefined {
  const owners = object.metadata?.ownerReferences ?? [];
  return owners.find(({ controller }) => controller) ?? owners[0];
}
