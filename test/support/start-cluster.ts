import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import { createKubeClient } from "../../src/kube/connect.ts";
import { type LocalCluster, type LocalClusterOptions, startLocalCluster } from "../../src/local/cluster.ts";

/** A local cluster in this process whose pods are programs of the test, not meshctl. The test stops it. */
export function startCluster(dir: string, more: Partial<LocalClusterOptions> = {}): Promise<LocalCluster> {
  return startLocalCluster({
    dir,
    clock: systemClock,
    log: silentLogger,
    meshctlCommand: [process.execPath],
    env: process.env,
    version: "0.0.0",
    random: () => 0.5,
    pid: process.pid,
    cwd: dir,
    ...more,
  });
}

/** A client of the cluster, with its administrator's certificate. */
export function clientOf({ kubeconfigPath }: LocalCluster): Promise<KubeClient> {
  return createKubeClient({
    kubeconfig: kubeconfigPath,
    context: undefined,
    as: undefined,
    asGroups: [],
    env: {},
  });
}
