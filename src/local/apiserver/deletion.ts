import type { KubeObject, ObjectMeta } from "../../base/kube-object.ts";
import { timestamp } from "./prepare.ts";
import type { ResourceInfo } from "./resource-info.ts";

/** `DeleteOptions` of meta/v1, as far as they are honoured. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface DeletionPlan {
  /** `keep`: it is marked (or already was) and others finish. `remove`: it goes now. */
  readonly action: "keep" | "remove";
  readonly object: KubeObject;
  readonly orphan: boolean;
}

/**
 * What a DELETE does.
 *
 *   live --(grace, finalizers, namespace)--> deletionTimestamp set --(kubelet: grace 0; controllers: finalizers emptied)--> gone
 *   live --(nothing holds it)--> gone
 *
 * `Foreground` adds the finalizer `foregroundDeletion`, which the garbage collector removes when the dependents are gone.
 * `Orphan` needs no controller here: the dependents' references are dropped in the same turn.
 */
export function planDeletion(
  resource: ResourceInfo,
  object: KubeObject,
  options: DeleteOptions,
  nowMs: number,
): DeletionPlan {
  const orphan = options.propagationPolicy === "Orphan";
  const finalizers = [...(object.metadata.finalizers ?? [])];
  if (options.propagationPolicy === "Foreground" && !finalizers.includes("foregroundDeletion")) {
    finalizers.push("foregroundDeletion");
  }
  const grace = resource.bucket === "/pods" ? podGraceSeconds(object, options) : 0;
  const held =
    finalizers.length > 0 ||
    grace > 0 ||
    (resource.bucket === "/namespaces" && (object.spec?.finalizers ?? []).length > 0);
  if (!held) return { action: "remove", object: endedPod(resource, object, nowMs), orphan };
  const already = object.metadata.deletionTimestamp !== undefined;
  const oldGrace = object.metadata.deletionGracePeriodSeconds ?? 0;
  // A second delete may only shorten the time left.
  if (already && grace >= oldGrace && finalizers.length === (object.metadata.finalizers ?? []).length) {
    return { action: "keep", object, orphan };
  }
  const metadata: ObjectMeta = {
    ...object.metadata,
    ...(already || object.metadata.generation === undefined
      ? {}
      : { generation: object.metadata.generation + 1 }),
    ...(finalizers.length > 0 ? { finalizers } : {}),
  };
  metadata.deletionTimestamp = timestamp(nowMs + grace * 1000);
  const isNamespace = resource.bucket === "/namespaces";
  if (!isNamespace) metadata.deletionGracePeriodSeconds = grace;
  const marked: KubeObject = { ...object, metadata };
  if (isNamespace) marked.status = { ...object.status, phase: "Terminating" };
  return { action: "keep", object: marked, orphan };
}

/** A pod that nothing has to stop is shown as it was at its end: marked, with no time left. */
function endedPod(resource: ResourceInfo, object: KubeObject, nowMs: number): KubeObject {
  if (resource.bucket !== "/pods" || object.metadata.deletionTimestamp !== undefined) return object;
  const { generation } = object.metadata;
  const metadata: ObjectMeta = {
    ...object.metadata,
    ...(generation === undefined ? {} : { generation: generation + 1 }),
    deletionTimestamp: timestamp(nowMs),
    deletionGracePeriodSeconds: 0,
  };
  return { ...object, metadata };
}

/** 0 when no kubelet has to stop anything. */
function podGraceSeconds(pod: KubeObject, options: DeleteOptions): number {
  const phase = pod.status?.phase;
  if (!pod.spec?.nodeName || phase === "Succeeded" || phase === "Failed") return 0;
  return Math.max(0, options.gracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30);
}
