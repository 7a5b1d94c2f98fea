import type { Clock } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import type { KubeObject, OwnerReference } from "../../base/kube-object.ts";
import type { Logger } from "../../base/log.ts";
import type { ObjectApi } from "../object-api.ts";
import type { EventRecorder } from "./events.ts";

/** What every controller is given. */
export interface ControllerContext {
  readonly objects: ObjectApi;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventRecorder;
}

/** A running controller. */
export interface Controller {
  stop(): void;
  /** Resolves when it has nothing to do at this moment. */
  idle(): Promise<void>;
}

/** The owner that manages an object, if any. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller);
}

/** A reference that makes `owner` the manager. */
export function controllerReference(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name!,
    uid: owner.metadata.uid!,
    controller: true,
    blockOwnerDeletion: true,
  };
}

export function isNotFound(caught: unknown): boolean {
  return caught instanceof MeshError && caught.code === "KUBE_NOT_FOUND";
}

export function isAlreadyExists(caught: unknown): boolean {
  return caught instanceof MeshError && caught.code === "KUBE_ALREADY_EXISTS";
}

/** Deletes, and is content when somebody else was faster. */
export async function deleteIfThere(
  objects: ObjectApi,
  ...[resource, namespace, name, options]: Parameters<ObjectApi["delete"]>
): Promise<void> {
  try {
    await objects.delete(resource, namespace, name, options);
  } catch (caught) {
    if (!isNotFound(caught)) throw caught;
  }
}

/** Creates, and is content when it exists. */
export async function createIfMissing(
  objects: ObjectApi,
  ...[resource, object]: Parameters<ObjectApi["create"]>
): Promise<void> {
  try {
    await objects.create(resource, object);
  } catch (caught) {
    if (!isAlreadyExists(caught)) throw caught;
  }
}

/** Times in statuses have whole seconds, as Kubernetes writes them. */
export function timestamp(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
}

/** A condition as Kubernetes' statuses carry it. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
}

type StoredCondition = Condition & { lastTransitionTime?: string; lastUpdateTime?: string };

/**
 * The conditions after an update: a condition whose status did not change keeps its transition time.
 *
 * @param updated when given, conditions that changed in any way get this as `lastUpdateTime` (Deployments have it, pods do not)
 */
export function mergeConditions(
  previous: readonly StoredCondition[] | undefined,
  next: readonly Condition[],
  now: string,
  updated?: "with-update-time",
): StoredCondition[] {
  return next.map((condition) => {
    const old = previous?.find(({ type }) => type === condition.type);
    const merged: StoredCondition = {
      ...condition,
      lastTransitionTime: old && old.status === condition.status ? (old.lastTransitionTime ?? now) : now,
    };
    if (updated) {
      const same =
        old !== undefined &&
        old.status === condition.status &&
        old.reason === condition.reason &&
        old.message === condition.message;
      merged.lastUpdateTime = same ? (old.lastUpdateTime ?? now) : now;
    }
    return merged;
  });
}
