import type { StatsKey } from "../observe/stats.ts";
import { type PodIndex, type ResourceName, resourceOfPod } from "../observe/workload.ts";

/** Endpoint labels name jobs `k8s_job`, because `job` is Prometheus's own word. */
const LABEL_OF_KIND: Readonly<Record<string, string>> = { job: "k8s_job" };

/** The resource of a kind at the other end of a row: by the pod there, else by what discovery said of the endpoint. */
export function peerResource(row: StatsKey, kind: string, pods: PodIndex): ResourceName | undefined {
  const pod = pods.find(row.peer);
  if (pod) return resourceOfPod(pod, kind);
  const { labels } = row.peer;
  const namespace = labels.namespace;
  if (namespace === undefined) return undefined;
  if (kind === "namespace") return { kind, namespace: "", name: namespace };
  const name = labels[LABEL_OF_KIND[kind] ?? kind];
  return name === undefined ? undefined : { kind, namespace, name };
}

/** A Service as clients name it. */
export interface ServiceFacts {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIps: readonly string[];
}

/** Finds the Service that an outbound row went to. */
export function createServiceFinder(
  services: readonly ServiceFacts[],
): (row: StatsKey) => ServiceFacts | undefined {
  const byName = new Map(services.map((service) => [`${service.namespace}/${service.name}`, service]));
  const byIp = new Map(services.flatMap((service) => service.clusterIps.map((ip) => [ip, service] as const)));
  return (row) => {
    const { labels } = row.peer;
    if (labels.service !== undefined && labels.namespace !== undefined) {
      return byName.get(`${labels.namespace}/${labels.service}`);
    }
    // No endpoint was reached: only what the client asked for is known.
    const host = row.target.replace(/:\d+$/, "");
    const [name, namespace, svc] = host.split(".");
    if (svc === "svc") return byName.get(`${namespace}/${name}`);
    return byIp.get(host.replace(/^\[|\]$/g, ""));
  };
}
