import { isTree } from "../values/merge.ts";

/** How a kind is treated. */
export type KindClass =
  /** Has a pod template (or is a pod), found at `templatePath`. */
  | { readonly class: "workload"; readonly templatePath: readonly string[] }
  | { readonly class: "namespace" | "service" | "list" }
  | { readonly class: "other" };

const TEMPLATE = ["spec", "template"];

/** Kinds of Kubernetes' own API groups; a foreign `Service` or `StatefulSet` is none of ours. */
const WORKLOADS: Readonly<
  Record<string, { readonly groups: readonly string[]; readonly path: readonly string[] }>
> = {
  pod: { groups: [""], path: [] },
  replicationcontroller: { groups: [""], path: TEMPLATE },
  deployment: { groups: ["apps", "extensions"], path: TEMPLATE },
  replicaset: { groups: ["apps", "extensions"], path: TEMPLATE },
  daemonset: { groups: ["apps", "extensions"], path: TEMPLATE },
  statefulset: { groups: ["apps"], path: TEMPLATE },
  job: { groups: ["batch"], path: TEMPLATE },
  cronjob: { groups: ["batch"], path: ["spec", "jobTemplate", "spec", "template"] },
};

/** Class of an object by kind (in any case, as upstream) and API group. */
export function classify(kind: string, apiVersion: unknown): KindClass {
  const slash = typeof apiVersion === "string" ? apiVersion.indexOf("/") : -1;
  const group = slash < 0 ? "" : (apiVersion as string).slice(0, slash);
  const name = kind.toLowerCase();
  const workload = Object.hasOwn(WORKLOADS, name) ? WORKLOADS[name] : undefined;
  if (workload?.groups.includes(group)) return { class: "workload", templatePath: workload.path };
  if (group === "" && (name === "namespace" || name === "service" || name === "list")) return { class: name };
  return { class: "other" };
}

/** A copy of `root` in which the value at `path` is another. The path exists. */
export function withValueAt(root: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (Array.isArray(root)) return root.with(step as number, withValueAt(root[step as number], rest, value));
  const map = isTree(root) ? root : {};
  return { ...map, [step]: withValueAt(map[step], rest, value) };
}

export function valueAtPath(root: unknown, path: readonly (string | number)[]): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
