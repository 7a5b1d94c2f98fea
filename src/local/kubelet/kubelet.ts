import type { KubeObject } from "../../base/kube-object.ts";
import { deleteIfThere, isNotFound } from "../controllers/controller.ts";
import { isPodFinished } from "../controllers/pod-readiness.ts";
import { WorkQueue } from "../controllers/work-queue.ts";
import type { PodAddressPool } from "../network/addresses.ts";
import type { PodBackend } from "../object-api.ts";
import { CONFIG_MAPS, objectKey, PERSISTENT_VOLUME_CLAIMS, PODS, SECRETS, splitKey } from "../resources.ts";
import { createPodBackend } from "./pod-backend.ts";
import type { PodWorkerSettings } from "./pod-worker.ts";
import { PodWorker } from "./pod-worker.ts";

export interface Kubelet {
  readonly podBackend: PodBackend;
  /** Whether an address belongs to a pod of this cluster, public or private. */
  isPodAddress(address: string): boolean;
  /** Ends every process with at most `graceMs` for applications and as much for sidecars. */
  stop(graceMs: number): Promise<void>;
}

/** The scheduler and kubelet of the one node: every pod runs here, as local processes. */
export function startKubelet(settings: PodWorkerSettings, addresses: PodAddressPool): Kubelet {
  const { objects, clock, log, node, events } = settings;
  /** By pod uid. */
  const workers = new Map<string, PodWorker>();
  const podIps = new Set<string>();
  const deleting = new Set<string>();
  let stopping = false;

  const workerOf = (namespace: string, name: string): PodWorker | undefined => {
    for (const worker of workers.values()) {
      const { metadata } = worker.pod;
      if (metadata.namespace === namespace && metadata.name === name) return worker;
    }
    return undefined;
  };

  const end = async (uid: string, worker: PodWorker, graceMs: number): Promise<void> => {
    await worker.terminate(graceMs);
    if (workers.get(uid) !== worker) return;
    workers.delete(uid);
    podIps.delete(worker.addresses.publicIp);
    podIps.delete(worker.addresses.privateIp);
    addresses.release(uid);
  };

  const begin = (pod: KubeObject): void => {
    const uid = pod.metadata.uid!;
    const pair = addresses.allocate(uid);
    podIps.add(pair.publicIp);
    podIps.add(pair.privateIp);
    const worker = new PodWorker(pod, pair, settings);
    workers.set(uid, worker);
    worker.start();
  };

  const schedule = async (pod: KubeObject): Promise<void> => {
    const { namespace, name } = pod.metadata;
    await objects.mergePatch(PODS, namespace, name!, { spec: { nodeName: node.name } });
    events.record(pod, "Normal", "Scheduled", `Successfully assigned ${namespace}/${name} to ${node.name}`);
  };

  const finishDeletion = async (pod: KubeObject): Promise<void> => {
    const uid = pod.metadata.uid!;
    const worker = workers.get(uid);
    const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000;
    if (deleting.has(uid)) {
      // Under way; the grace may have become less.
      await worker?.terminate(graceMs);
      return;
    }
    deleting.add(uid);
    try {
      if (worker) await end(uid, worker, graceMs);
      await deleteIfThere(objects, PODS, pod.metadata.namespace, pod.metadata.name!, {
        gracePeriodSeconds: 0,
        uid,
      });
    } finally {
      deleting.delete(uid);
    }
  };

  const queue = new WorkQueue({
    name: "kubelet",
    clock,
    log,
    reconcile: async (key) => {
      if (stopping) return;
      const { namespace, name } = splitKey(key);
      const pod = objects.get(PODS, namespace, name);
      if (!pod) return;
      const worker = workers.get(pod.metadata.uid!);
      if (pod.metadata.deletionTimestamp) {
        // Not awaited: a change of the grace must get through meanwhile.
        finishDeletion(pod).catch((caught: unknown) => {
          if (isNotFound(caught)) return;
          log.warn("a pod was not deleted", { pod: name, error: String(caught) });
          queue.addAfter(key, 1000);
        });
      } else if (worker) worker.update(pod);
      else if (isPodFinished(pod)) return;
      else if (!pod.spec.nodeName) await schedule(pod);
      else if (pod.spec.nodeName === node.name) begin(pod);
    },
  });

  const stops = [
    objects.watch(PODS, (type, pod) => {
      if (type !== "DELETED") return queue.add(objectKey(pod));
      const worker = workers.get(pod.metadata.uid!);
      // Deleted by force: nobody waits for the grace.
      if (worker) void end(pod.metadata.uid!, worker, 0);
    }),
    ...[CONFIG_MAPS, SECRETS, PERSISTENT_VOLUME_CLAIMS].map((resource) =>
      objects.watch(resource, (_type, object) => {
        for (const worker of workers.values()) {
          if (worker.pod.metadata.namespace !== object.metadata.namespace) continue;
          worker.objectChanged(resource.kind, object.metadata.name!);
        }
      }),
    ),
  ];

  return {
    podBackend: createPodBackend({ workerOf, clock, nodeIp: node.ip }),
    isPodAddress: (address) => podIps.has(address),
    stop: async (graceMs) => {
      stopping = true;
      for (const stop of stops) stop();
      queue.stop();
      await Promise.all([...workers].map(([uid, worker]) => end(uid, worker, graceMs)));
    },
  };
}
