import type { KubeObject } from "../../base/kube-object.ts";
import { matchesSelector } from "../../base/kube-object.ts";
import { PODS, REPLICA_SETS } from "../resources.ts";
import type { Condition, Controller, ControllerContext } from "./controller.ts";
import {
  controllerOf,
  controllerReference,
  deleteIfThere,
  mergeConditions,
  timestamp,
} from "./controller.ts";
import { Availability, isPodActive, ownedPods, podFromTemplate, writeStatus } from "./owned-pods.ts";
import { isPodReady } from "./pod-readiness.ts";
import { startWorkloadController } from "./workload-controller.ts";

/** ReplicaSets: so many pods of one template. */
export function startReplicaSetController(context: ControllerContext): Controller {
  return startWorkloadController(context, {
    name: "replicaset-controller",
    resource: REPLICA_SETS,
    owned: PODS,
    reconcile: (set) => reconcileReplicaSet(context, set),
  });
}

async function reconcileReplicaSet(context: ControllerContext, set: KubeObject): Promise<number | undefined> {
  const { objects, events } = context;
  const namespace = set.metadata.namespace!;
  await adoptOrphans(context, set);
  const living = livingPods(context, set);
  const difference = (set.spec.replicas ?? 1) - living.length;
  let failure: Error | undefined;
  if (difference > 0) {
    const created = await Promise.allSettled(
      Array.from({ length: difference }, () =>
        objects.create(
          PODS,
          podFromTemplate(set, set.spec.template, { generateName: `${set.metadata.name}-` }),
        ),
      ),
    );
    for (const result of created) {
      if (result.status === "fulfilled") {
        const name = result.value.metadata.name;
        events.record(set, "Normal", "SuccessfulCreate", `Created pod: ${name}`);
      } else {
        failure = result.reason as Error;
      }
    }
    if (failure) events.record(set, "Warning", "FailedCreate", `Error creating: ${failure.message}`);
  } else if (difference < 0) {
    const victims = [...living].sort(byExpendability).slice(0, -difference);
    await Promise.all(
      victims.map(async (pod) => {
        await deleteIfThere(objects, PODS, namespace, pod.metadata.name!, { uid: pod.metadata.uid! });
        events.record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
      }),
    );
  }
  const againMs = await writeCounts(context, set, failure);
  // The queue's back-off decides when to try again.
  if (failure) throw failure;
  return againMs;
}

function livingPods({ objects }: ControllerContext, set: KubeObject): KubeObject[] {
  return ownedPods(objects, set).filter(isPodActive);
}

async function adoptOrphans({ objects }: ControllerContext, set: KubeObject): Promise<void> {
  for (const pod of objects.list(PODS, set.metadata.namespace)) {
    if (pod.metadata.deletionTimestamp || controllerOf(pod)) continue;
    if (!matchesSelector(set.spec.selector, pod.metadata.labels)) continue;
    await objects.mergePatch(PODS, pod.metadata.namespace, pod.metadata.name!, {
      metadata: { ownerReferences: [...(pod.metadata.ownerReferences ?? []), controllerReference(set)] },
    });
  }
}

/** Which pod to lose first: unscheduled, then not ready, then the younger. */
function byExpendability(left: KubeObject, right: KubeObject): number {
  const rank = (pod: KubeObject): number => (pod.spec.nodeName ? 1 : 0) + (isPodReady(pod) ? 2 : 0);
  if (rank(left) !== rank(right)) return rank(left) - rank(right);
  const created = (pod: KubeObject): string => pod.metadata.creationTimestamp ?? "";
  if (created(left) !== created(right)) return created(left) < created(right) ? 1 : -1;
  return (left.metadata.name ?? "") < (right.metadata.name ?? "") ? -1 : 1;
}

async function writeCounts(
  context: ControllerContext,
  set: KubeObject,
  failure: Error | undefined,
): Promise<number | undefined> {
  const { objects, clock } = context;
  const pods = livingPods(context, set);
  const availability = new Availability(clock, set.spec.minReadySeconds);
  const templateLabels = Object.entries<string>(set.spec.template.metadata?.labels ?? {});
  const conditions: Condition[] = failure
    ? [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: failure.message }]
    : [];
  await writeStatus(objects, REPLICA_SETS, set, {
    replicas: pods.length,
    fullyLabeledReplicas: pods.filter((pod) =>
      templateLabels.every(([key, value]) => pod.metadata.labels?.[key] === value),
    ).length,
    readyReplicas: pods.filter(isPodReady).length,
    availableReplicas: pods.filter((pod) => availability.isAvailable(pod)).length,
    observedGeneration: set.metadata.generation ?? 0,
    conditions: mergeConditions(set.status?.conditions, conditions, timestamp(clock.now())),
  });
  return availability.againMs;
}
