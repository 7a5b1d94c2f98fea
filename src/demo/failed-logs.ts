import type { KubeObject } from "../base/kube-object.ts";
import type { KubeClient } from "../kube/client.ts";
import { whyNotReady } from "./wait-available.ts";

const LINES = 8;

/**
 * The last log lines of every container of pods that are not ready: the cluster takes its logs with it when it stops.
 * A log that cannot be read is a line that says so.
 */
export async function readFailedLogs(kube: KubeClient, pods: readonly KubeObject[]): Promise<string> {
  const parts: string[] = [];
  for (const pod of pods) {
    if (whyNotReady(pod) === undefined) continue;
    const { namespace, name } = pod.metadata;
    const containers: { name: string }[] = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
    for (const container of containers) {
      const path = `/api/v1/namespaces/${namespace}/pods/${name}/log`;
      const query = { container: container.name, tailLines: LINES };
      const text = await kube
        .raw("GET", path, { query })
        .then(({ status, body }) => (status === 200 ? body.toString("utf8") : ""))
        .catch((error: Error) => `(${error.message})\n`);
      if (text !== "") parts.push(`--- ${namespace}/${name} ${container.name}\n${text}`);
    }
  }
  return parts.join("");
}
