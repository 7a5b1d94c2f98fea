import { MeshError } from "../base/error.ts";
import { suggest } from "../base/suggest.ts";
import type { KubeClient, KubeList } from "../kube/client.ts";
import type { PodFacts } from "../observe/workload.ts";
import { listPods } from "./pods.ts";

/** Where something was looked for in vain. */
export interface EmptyQuery {
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  /** Label selector of the command line. */
  readonly labelSelector?: string | undefined;
}

/**
 * Why a view of the mesh is empty, as a line for stderr: the namespace does not exist, nothing runs in it, nothing there is meshed.
 * Undefined when none of these is the reason, or the user may not know.
 */
export async function explainNothing(
  kube: KubeClient,
  { namespace, labelSelector }: EmptyQuery,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const request = signal ? { signal } : {};
  try {
    if (namespace !== undefined) await kube.request("GET", `/api/v1/namespaces/${namespace}`, request);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    if (error.code === "KUBE_NOT_FOUND") {
      return `namespace ${namespace} does not exist: ${await namespaceHint(kube, namespace!)}`;
    }
    // Who may list pods of a namespace need not be allowed to look at it.
  }
  const where = namespace === undefined ? "the cluster" : `namespace ${namespace}`;
  let pods: readonly PodFacts[];
  try {
    pods = await listPods(kube, { namespace, signal });
  } catch (error) {
    if (error instanceof MeshError) return undefined;
    throw error;
  }
  if (pods.length === 0) {
    return `no pods run in ${where}${namespace === undefined ? "" : ": -n names another namespace, -A takes all"}`;
  }
  if (!pods.some(({ meshed }) => meshed)) {
    const one = pods.length === 1;
    return `${pods.length} ${one ? "pod runs" : "pods run"} in ${where} and ${one ? "it is not" : "none of them is"} meshed: meshctl inject adds proxies`;
  }
  return labelSelector === undefined
    ? undefined
    : `pods run in ${where}, but nothing has the labels ${labelSelector}`;
}

async function namespaceHint(kube: KubeClient, namespace: string): Promise<string> {
  try {
    const { items } = await kube.request<KubeList>("GET", "/api/v1/namespaces");
    const meant = suggest(
      namespace,
      items.map(({ metadata }) => metadata.name ?? ""),
    );
    if (meant !== undefined) return `did you mean ${meant}?`;
  } catch {
    // Who may not list namespaces is told how an administrator would.
  }
  return "kubectl get namespaces lists those that do";
}
