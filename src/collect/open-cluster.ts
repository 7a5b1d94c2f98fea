import type { KubeClient } from "../kube/client.ts";

/** The flags and environment that say which cluster, and as whom (GlobalOptions has them). */
export interface ClusterInput {
  readonly globals: {
    readonly kubeconfig: string | undefined;
    readonly context: string | undefined;
    readonly as: string | undefined;
    readonly asGroup: readonly string[];
  };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The cluster that the command line names. The caller closes it.
 *
 * @throws MeshError as `createKubeClient`
 */
export async function openCluster({ globals, env }: ClusterInput): Promise<KubeClient> {
  const { createKubeClient } = await import("../kube/connect.ts");
  return createKubeClient({
    kubeconfig: globals.kubeconfig,
    context: globals.context,
    as: globals.as,
    asGroups: globals.asGroup,
    env,
  });
}
