import type { KubeObject } from "../base/kube-object.ts";
import {
  COMPONENT_LABEL,
  CONTROL_PLANE_NS_LABEL,
  CREATED_BY_ANNOTATION,
  DEBUG_CONTAINER,
  INIT_CONTAINER,
  INJECT_ANNOTATION,
  OWNER_LABEL_PREFIX,
  PROXY_CONTAINER,
  PROXY_VERSION_ANNOTATION,
  TRUST_ROOT_ANNOTATION,
  WORKLOAD_NS_LABEL,
} from "../base/names.ts";
import { isTree, type ValueTree } from "../values/merge.ts";
import { INJECTED_VOLUMES } from "./containers.ts";
import { valueAtPath, withValueAt } from "./kinds.ts";
import { skippedReport } from "./resource-report.ts";
import type { RewriteObject, RewriteTarget } from "./rewrite-objects.ts";

export interface UninjectorOptions {
  /** `all`: also the request for a proxy (`meshctl.io/inject`). `manual`: only what manual injection left. */
  readonly metadata: "all" | "manual";
}

const CONTROL_PLANE_LABEL = "meshctl.io/is-control-plane";
const INJECTED: ReadonlySet<string> = new Set([PROXY_CONTAINER, INIT_CONTAINER, DEBUG_CONTAINER]);
const STAMPED = [CREATED_BY_ANNOTATION, PROXY_VERSION_ANNOTATION, TRUST_ROOT_ANNOTATION];

/**
 * The rewriter behind `meshctl uninject`: takes out what inject puts in. `inject: disabled` and `config.meshctl.io/*` stay, as
 * people write them by hand.
 */
export function createUninjector(options: UninjectorOptions = { metadata: "all" }): RewriteObject {
  return (target) => {
    const { object } = target;
    const name = object.metadata?.name ?? object.metadata?.generateName;
    const report = skippedReport(object.kind, typeof name === "string" ? name : "");
    let changed: unknown = object;
    if (target.class.class === "workload")
      changed = uninjectWorkload(target, target.class.templatePath, options);
    if (target.class.class === "namespace" && !isControlPlane(object))
      changed = withoutMetadata(target, [], options);
    return {
      object: changed,
      report: {
        ...report,
        supported: target.class.class !== "other",
        outcome: changed === object ? "skipped" : "uninjected",
      },
    };
  };
}

/** What `install` labels is no business of `uninject`. */
function isControlPlane(object: KubeObject): boolean {
  const labels = object.metadata?.labels;
  return (
    isTree(labels) && (labels[CONTROL_PLANE_LABEL] !== undefined || labels[COMPONENT_LABEL] !== undefined)
  );
}

function uninjectWorkload(
  target: RewriteTarget,
  templatePath: readonly string[],
  options: UninjectorOptions,
): unknown {
  const template = valueAtPath(target.object, templatePath);
  if (!isTree(template)) return target.object;
  const labels = valueAtPath(template, ["metadata", "labels"]);
  if (isTree(labels) && labels[COMPONENT_LABEL] !== undefined) return target.object;
  let object = withoutMetadata(target, templatePath, options);
  const specPath = [...templatePath, "spec"];
  const isOurs = (item: unknown) => isTree(item) && typeof item.name === "string" && INJECTED.has(item.name);
  const isOurVolume = (item: unknown) => isTree(item) && INJECTED_VOLUMES.includes(item.name as string);
  object = withoutItems(target, object, [...specPath, "containers"], isOurs);
  object = withoutItems(target, object, [...specPath, "initContainers"], isOurs);
  return withoutItems(target, object, [...specPath, "volumes"], isOurVolume);
}

/** Annotations and labels of ours out of the metadata at a path. Maps that become empty go too, as inject makes them. */
function withoutMetadata(
  target: RewriteTarget,
  path: readonly string[],
  options: UninjectorOptions,
): unknown {
  let object: unknown = target.object;
  const metadataPath = [...path, "metadata"];
  const drop = (map: "annotations" | "labels", isGone: (key: string, value: unknown) => boolean): void => {
    const mapPath = [...metadataPath, map];
    const entries = valueAtPath(object, mapPath);
    if (!isTree(entries)) return;
    const kept = Object.entries(entries).filter(([key, value]) => !isGone(key, value));
    if (kept.length === Object.keys(entries).length) return;
    object = withOrWithout(target, object, mapPath, Object.fromEntries(kept), kept.length === 0);
  };
  drop("annotations", (key, value) => {
    if (key === INJECT_ANNOTATION) return options.metadata === "all" && value !== "disabled";
    return STAMPED.includes(key);
  });
  if (path.length > 0 || target.object.kind.toLowerCase() === "pod") {
    drop(
      "labels",
      (key) =>
        key === CONTROL_PLANE_NS_LABEL || key === WORKLOAD_NS_LABEL || key.startsWith(OWNER_LABEL_PREFIX),
    );
  }
  const metadata = valueAtPath(object, metadataPath);
  if (object !== target.object && isTree(metadata) && Object.keys(metadata).length === 0) {
    object = withOrWithout(target, object, metadataPath, {}, true);
  }
  return object;
}

function withoutItems(
  target: RewriteTarget,
  object: unknown,
  path: readonly string[],
  isGone: (item: unknown) => boolean,
): unknown {
  const items = valueAtPath(object, path);
  if (!Array.isArray(items) || !items.some(isGone)) return object;
  const kept = items.filter((item) => !isGone(item));
  return withOrWithout(target, object, path, kept, kept.length === 0);
}

/**
 * Sets what is left of a collection, or takes its key out when nothing is. An emptied `{}` or `[]` within a block map stays: inject
 * fills such, but never writes one there.
 */
function withOrWithout(
  target: RewriteTarget,
  object: unknown,
  path: readonly string[],
  left: unknown,
  isEmpty: boolean,
): unknown {
  if (!isEmpty || target.document.isInlineFlow([...target.path, ...path]))
    return withValueAt(object, path, left);
  const parentPath = path.slice(0, -1);
  const parent = { ...(valueAtPath(object, parentPath) as ValueTree) };
  delete parent[path.at(-1)!];
  return withValueAt(object as KubeObject, parentPath, parent);
}
