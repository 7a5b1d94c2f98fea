import type { KubeObject } from "../../../base/kube-object.ts";
import type { ResourceInfo } from "../resource-info.ts";
import { isRecord } from "../schema/fields.ts";
import { setOwn } from "../set-own.ts";
import { selectorText } from "../table/common.ts";

/** An object seen as `Scale` of autoscaling/v1. */
export function scaleOf(resource: ResourceInfo, object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const scale = resource.crd?.scale;
  const replicas = scale ? numberAt(object, scale.specPath) : (object.spec?.replicas ?? 0);
  const current = scale ? numberAt(object, scale.statusPath) : (object.status?.replicas ?? 0);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: {
      name: name!,
      namespace: namespace!,
      uid: uid!,
      resourceVersion: resourceVersion!,
      creationTimestamp: creationTimestamp!,
    },
    spec: { replicas },
    status: { replicas: current, selector: selectorOf(resource, object) },
  };
}

/** The object with the replicas that a Scale asks for. */
export function withScale(resource: ResourceInfo, object: KubeObject, scale: KubeObject): KubeObject {
  const replicas = (scale.spec?.replicas ?? 0) as number;
  const { resourceVersion } = scale.metadata ?? {};
  const next = structuredClone(object);
  // The version in a Scale is a precondition, as in the object itself; without one the last word wins.
  if (resourceVersion) next.metadata.resourceVersion = resourceVersion;
  else delete next.metadata.resourceVersion;
  setAt(next, resource.crd?.scale?.specPath ?? ".spec.replicas", replicas);
  return next;
}

function selectorOf(resource: ResourceInfo, object: KubeObject): string {
  const path = resource.crd?.scale?.selectorPath;
  if (resource.crd) return path ? String(valueAt(object, path) ?? "") : "";
  const selector = object.spec?.selector ?? {};
  const text =
    resource.bucket === "/replicationcontrollers"
      ? selectorText({ matchLabels: selector })
      : selectorText(selector);
  return text === "<none>" ? "" : text;
}

/** `.spec.replicas`: plain fields only, as CRDs require. */
function keysOf(path: string): string[] {
  return path.split(".").filter((key) => key !== "");
}

function valueAt(object: KubeObject, path: string): unknown {
  let value: unknown = object;
  for (const key of keysOf(path)) value = isRecord(value) ? value[key] : undefined;
  return value;
}

function numberAt(object: KubeObject, path: string): number {
  const value = valueAt(object, path);
  return typeof value === "number" ? value : 0;
}

function setAt(object: KubeObject, path: string, value: unknown): void {
  const keys = keysOf(path);
  let at: Record<string, unknown> = object;
  for (const key of keys.slice(0, -1)) {
    if (!isRecord(at[key])) setOwn(at, key, {});
    at = at[key] as Record<string, unknown>;
  }
  setOwn(at, keys.at(-1)!, value);
}
