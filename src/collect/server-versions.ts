import { MeshError, toMeshError } from "../base/error.ts";
import { CONFIG_MAP_NAME, CONTROL_PLANE_NS_LABEL, PROXY_VERSION_ANNOTATION } from "../base/names.ts";
import type { KubeClient, KubeList } from "../kube/client.ts";

export interface ServerVersionsInput {
  readonly globals: {
    readonly meshctlNamespace: string;
    readonly kubeconfig: string | undefined;
    readonly context: string | undefined;
    readonly as: string | undefined;
    readonly asGroup: readonly string[];
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether pods are counted too. */
  readonly proxies: boolean;
  /** Count pods there only; all namespaces otherwise. */
  readonly namespace: string | undefined;
}

export interface ServerVersions {
  /** Null when the cluster could not be asked, or has no control plane. */
  readonly server: string | null;
  readonly proxies: Readonly<Record<string, number>> | null;
  /** Why something is null. */
  readonly problem: MeshError | undefined;
}

/** A cluster that is slow to say its version is as good as none (upstream's cap). */
const TIMEOUT_MS = 5000;

/**
 * Version of the control plane (from its ConfigMap) and of the proxies (from their pods' annotations).
 *
 * @throws MeshError when the kubeconfig that `--kubeconfig` names is unusable; a cluster that does not answer is `unavailable` instead
 */
export async function readServerVersions(input: ServerVersionsInput): Promise<ServerVersions> {
  const { globals, env } = input;
  const { createKubeClient } = await import("../kube/connect.ts");
  const opened = await attempt(() =>
    createKubeClient({
      kubeconfig: globals.kubeconfig,
      context: globals.context,
      as: globals.as,
      asGroups: globals.asGroup,
      env,
    }),
  );
  const client = opened.value;
  // Whoever has no cluster yet wants to know what this program is all the same; a kubeconfig that was named must be there.
  if (client === null) {
    if (globals.kubeconfig !== undefined) throw opened.problem;
    return { server: null, proxies: null, problem: opened.problem };
  }
  try {
    const server = await attempt(() => readServerVersion(client, globals.meshctlNamespace));
    const proxies = input.proxies ? await attempt(() => countProxies(client, input.namespace)) : undefined;
    return {
      server: server.value,
      proxies: proxies?.value ?? null,
      problem: server.problem ?? proxies?.problem,
    };
  } finally {
    client.close();
  }
}

async function attempt<T>(ask: () => Promise<T>): Promise<{ value: T | null; problem?: MeshError }> {
  try {
    return { value: await ask() };
  } catch (caught) {
    const problem = toMeshError(caught);
    if (problem.kind === "bug") throw problem;
    return { value: null, problem };
  }
}

async function readServerVersion(client: KubeClient, namespace: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/configmaps/${CONFIG_MAP_NAME}`;
  const map = await client.request("GET", path, { timeoutMs: TIMEOUT_MS });
  const { parse } = await import("yaml");
  const values = parse(map.data?.values ?? "") as { meshctlVersion?: unknown } | null;
  if (typeof values?.meshctlVersion === "string") return values.meshctlVersion;
  throw new MeshError({
    kind: "environment",
    code: "VERSION_CONFIG_INVALID",
    message: `ConfigMap ${namespace}/${CONFIG_MAP_NAME} says no meshctlVersion`,
    hint: `look at it: kubectl get configmap -n ${namespace} ${CONFIG_MAP_NAME} -o yaml`,
  });
}

async function countProxies(
  client: KubeClient,
  namespace: string | undefined,
): Promise<Readonly<Record<string, number>>> {
  const path = namespace === undefined ? "/api/v1/pods" : `/api/v1/namespaces/${namespace}/pods`;
  const list = await client.request<KubeList>("GET", path, {
    query: { labelSelector: CONTROL_PLANE_NS_LABEL },
    timeoutMs: TIMEOUT_MS,
  });
  const counts: Record<string, number> = {};
  for (const pod of list.items) {
    const version = pod.metadata.annotations?.[PROXY_VERSION_ANNOTATION];
    if (version !== undefined) counts[version] = (counts[version] ?? 0) + 1;
  }
  return counts;
}
