import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import { suggest } from "../base/suggest.ts";
import type { KubeClient, KubeList } from "../kube/client.ts";
import { type PodFacts, resourceOfPod } from "../observe/workload.ts";
import { isKindWord } from "./kinds.ts";
import { isCompleted, type OwnerChain, readPod } from "./pod-facts.ts";
import type { Selection } from "./selector.ts";

export interface PodQuery {
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  /** Kubernetes label selector, as text. */
  readonly labelSelector?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Pods that are not over, with their owners: one list request, and one more for ReplicaSets or Jobs only when some pod is owned by one and
 * carries no owner label.
 */
export async function listPods(kube: KubeClient, query: PodQuery): Promise<readonly PodFacts[]> {
  const list = await kube.request<KubeList>("GET", scoped("/api/v1", query.namespace, "pods"), {
    query: { labelSelector: query.labelSelector },
    ...(query.signal ? { signal: query.signal } : {}),
  });
  const alive = list.items.filter((pod) => !isCompleted(pod));
  const chain = await readOwnerChain(kube, alive, query);
  return alive.map((pod) => readPod(pod, chain));
}

/** Pods of the whole cluster, or only of one namespace when the user may not list more. */
export async function listPodsAsWideAsAllowed(
  kube: KubeClient,
  namespace: string,
  signal?: AbortSignal,
): Promise<{ readonly pods: readonly PodFacts[]; readonly narrowed: boolean }> {
  try {
    return { pods: await listPods(kube, { namespace: undefined, signal }), narrowed: false };
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== "KUBE_FORBIDDEN") throw error;
    return { pods: await listPods(kube, { namespace, signal }), narrowed: true };
  }
}

/** The pods of a selection. */
export function podsOf(pods: readonly PodFacts[], selection: Selection): readonly PodFacts[] {
  return pods.filter((pod) => {
    const resource = resourceOfPod(pod, selection.kind.name);
    return resource !== undefined && (selection.name === undefined || resource.name === selection.name);
  });
}

/**
 * Makes sure that what a selection names exists.
 *
 * @throws MeshError `KUBE_NOT_FOUND`, and what the request throws
 */
export async function requireResource(
  kube: KubeClient,
  selection: Selection,
  namespace: string,
): Promise<KubeObject | undefined> {
  if (selection.name === undefined) return undefined;
  const scope = selection.kind.role === "namespace" ? undefined : namespace;
  const path = scoped(selection.kind.api, scope, selection.kind.plural);
  try {
    return await kube.request("GET", `${path}/${selection.name}`);
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== "KUBE_NOT_FOUND") throw error;
    const { kind, code, message, cause } = error;
    throw new MeshError({ kind, code, message, hint: await nameHint(kube, selection, path), cause });
  }
}

/** The name that was probably meant; where to look when there is none. */
async function nameHint(kube: KubeClient, { kind, name }: Selection, path: string): Promise<string> {
  // `stat deploy po` asks for a Deployment named po.
  if (isKindWord(name!))
    return `after ${kind.short} come names; several kinds are written TYPE/NAME TYPE/NAME`;
  try {
    const list = await kube.request<KubeList>("GET", path);
    const names = list.items.map(({ metadata }) => metadata.name ?? "");
    const meant = suggest(name!, names);
    if (meant !== undefined) return `did you mean ${kind.short}/${meant}?`;
    if (names.length === 0) return `there is no ${kind.name} at all there; -n names another namespace`;
  } catch {
    // Who may get one object need not be allowed to list them: then there is no better word than the command below.
  }
  return `kubectl get ${kind.plural} shows those that exist; -n names another namespace`;
}

/** `/api/v1/namespaces/demo/pods`, or without a namespace. */
export function scoped(api: string, namespace: string | undefined, plural: string): string {
  return namespace === undefined ? `${api}/${plural}` : `${api}/namespaces/${namespace}/${plural}`;
}

const OWNED_OWNERS = [
  { kind: "ReplicaSet", api: "/apis/apps/v1", plural: "replicasets" },
  { kind: "Job", api: "/apis/batch/v1", plural: "jobs" },
] as const;

async function readOwnerChain(
  kube: KubeClient,
  pods: readonly KubeObject[],
  query: PodQuery,
): Promise<OwnerChain> {
  const chain = new Map<string, { kind: string; name: string }>();
  for (const { kind, api, plural } of OWNED_OWNERS) {
    const owned = pods.filter((pod) =>
      pod.metadata.ownerReferences?.some((owner) => owner.controller && owner.kind === kind),
    );
    if (owned.every(hasOwnerLabel)) continue;
    let list: KubeList;
    try {
      list = await kube.request<KubeList>("GET", scoped(api, query.namespace, plural), {
        ...(query.signal ? { signal: query.signal } : {}),
      });
    } catch (error) {
      // Without the permission these pods keep only their direct owner, and belong to no deployment.
      if (error instanceof MeshError && error.code === "KUBE_FORBIDDEN") continue;
      throw error;
    }
    for (const { metadata } of list.items) {
      const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
      if (!controller) continue;
      chain.set(`${metadata.namespace}/${kind.toLowerCase()}/${metadata.name}`, {
        kind: controller.kind.toLowerCase(),
        name: controller.name,
      });
    }
  }
  return chain;
}

/** The injector names the top owner on meshed pods: `meshctl.io/proxy-deployment`. */
function hasOwnerLabel(pod: KubeObject): boolean {
  return Object.keys(pod.metadata.labels ?? {}).some((label) =>
    /^meshctl\.io\/proxy-(deployment|cronjob|job|replicaset)$/.test(label),
  );
}
