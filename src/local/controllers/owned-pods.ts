import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../base/clock.ts";
import type { KubeObject, ObjectMeta } from "../../base/kube-object.ts";
import type { ResourceRef } from "../../kube/source.ts";
import type { ObjectApi } from "../object-api.ts";
import { PODS } from "../resources.ts";
import { controllerOf, controllerReference } from "./controller.ts";
import { isPodFinished, readySinceMs } from "./pod-readiness.ts";

/** A pod of `template`, managed by `owner`; `metadata` names it and adds to the template's labels. */
export function podFromTemplate(
  owner: KubeObject,
  template: KubeObject,
  metadata: Pick<ObjectMeta, "name" | "generateName" | "labels" | "annotations">,
): KubeObject {
  const labels = { ...template.metadata?.labels, ...metadata.labels };
  const annotations = { ...template.metadata?.annotations, ...metadata.annotations };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...template.metadata,
      ...metadata,
      labels,
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      namespace: owner.metadata.namespace!,
      ownerReferences: [controllerReference(owner)],
    },
    spec: template.spec,
  };
}

/** Every pod that `owner` manages: running, finished and terminating ones. */
export function ownedPods(objects: ObjectApi, owner: KubeObject): KubeObject[] {
  return objects
    .list(PODS, owner.metadata.namespace)
    .filter((pod) => controllerOf(pod)?.uid === owner.metadata.uid);
}

/** Whether a pod counts towards what its owner wants: neither leaving nor at its end. */
export function isPodActive(pod: KubeObject): boolean {
  return !pod.metadata.deletionTimestamp && !isPodFinished(pod);
}

/** Which pods have been ready for `minReadySeconds`, and when the next one will have been. */
export class Availability {
  readonly #clock: Clock;
  readonly #minReadyMs: number;
  #againMs: number | undefined;

  constructor(clock: Clock, minReadySeconds: number | undefined) {
    this.#clock = clock;
    this.#minReadyMs = (minReadySeconds ?? 0) * 1000;
  }

  /** Milliseconds until a pod that was asked for becomes available by waiting alone. */
  get againMs(): number | undefined {
    return this.#againMs;
  }

  isAvailable(pod: KubeObject): boolean {
    const sinceMs = readySinceMs(pod);
    if (sinceMs === undefined) return false;
    const remainingMs = sinceMs + this.#minReadyMs - this.#clock.now();
    if (this.#minReadyMs === 0 || remainingMs <= 0) return true;
    this.#againMs = Math.min(this.#againMs ?? remainingMs, remainingMs);
    return false;
  }
}

/** Writes the fields of `status` that differ; nothing when none does, so that a controller does not wake itself. */
export async function writeStatus(
  objects: ObjectApi,
  resource: ResourceRef,
  object: KubeObject,
  status: Readonly<Record<string, unknown>>,
): Promise<void> {
  const previous = object.status ?? {};
  const isSame = Object.entries(status).every(
    ([key, value]) =>
      isDeepStrictEqual(previous[key], value) ||
      // An empty list is what the server leaves out.
      (previous[key] === undefined && (value === null || (Array.isArray(value) && value.length === 0))),
  );
  if (isSame) return;
  const { namespace, name, uid } = object.metadata;
  // Not of an object that has taken the name since.
  await objects.mergePatch(resource, namespace, name!, { metadata: { uid }, status }, "status");
}
