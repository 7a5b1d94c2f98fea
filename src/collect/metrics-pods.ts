import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import { COMPONENT_LABEL } from "../base/names.ts";
import type { KubeClient, KubeList } from "../kube/client.ts";
import { readStatusError } from "../kube/status-error.ts";
import { fanOut } from "./fan-out.ts";
import { listPods, podsOf, requireResource } from "./pods.ts";
import { formatSelection, type Selection } from "./selector.ts";

/** Metrics of one container, or why there are none. */
export interface PodMetrics {
  readonly pod: string;
  readonly container: string;
  readonly text: string | undefined;
  readonly error: string | undefined;
}

interface Source {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly port: number;
}

/**
 * What the proxies of a selection's pods have at `/metrics`.
 *
 * @throws MeshError `DIAGNOSTICS_NO_PODS`, `KUBE_NOT_FOUND`
 */
export async function collectProxyMetrics(
  kube: KubeClient,
  selection: Selection,
  namespace: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly PodMetrics[]> {
  const selected = podsOf(await listPods(kube, { namespace, signal }), selection);
  if (selected.length === 0) await requireResource(kube, selection, namespace);
  const meshed = selected.filter((pod) => pod.meshed && pod.running);
  if (meshed.length === 0) {
    throw new MeshError({
      kind: "user",
      code: "DIAGNOSTICS_NO_PODS",
      message: `${formatSelection(selection)} in namespace ${namespace} has ${selected.length === 0 ? "no pods" : "no running pod with a proxy"}`,
      hint: `kubectl get pods -n ${namespace}`,
    });
  }
  const sources = meshed.map((pod) => ({
    namespace: pod.namespace,
    pod: pod.name,
    container: "",
    port: pod.adminPort,
  }));
  return readAll(kube, sources, timeoutMs, signal);
}

/** What every container of the control plane has at the port whose name ends in `admin`. @throws MeshError `DIAGNOSTICS_NO_CONTROLLER` */
export async function collectControllerMetrics(
  kube: KubeClient,
  namespace: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly PodMetrics[]> {
  const { items } = await kube.request<KubeList>("GET", `/api/v1/namespaces/${namespace}/pods`, {
    query: { labelSelector: COMPONENT_LABEL },
  });
  const sources = items.flatMap(adminPorts);
  if (sources.length === 0) {
    throw new MeshError({
      kind: "environment",
      code: "DIAGNOSTICS_NO_CONTROLLER",
      message: `there is no control plane in namespace ${namespace}`,
      hint: "-L names the namespace of another installation",
    });
  }
  return readAll(kube, sources, timeoutMs, signal);
}

function adminPorts(pod: KubeObject): Source[] {
  const containers: { name: string; ports?: { name?: string; containerPort: number }[] }[] =
    pod.spec?.containers ?? [];
  return containers.flatMap(({ name, ports = [] }) =>
    ports
      .filter((port) => port.name !== undefined && /(^|-)admin$/.test(port.name))
      .map(({ containerPort }) => ({
        namespace: pod.metadata.namespace ?? "",
        pod: pod.metadata.name ?? "",
        container: name,
        port: containerPort,
      })),
  );
}

/** Sorted by pod and container; a failure is a result. */
async function readAll(
  kube: KubeClient,
  sources: readonly Source[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly PodMetrics[]> {
  const ask = async ({ namespace, pod, port }: Source): Promise<string> => {
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}:${port}/proxy/metrics`;
    const reply = await kube.raw("GET", path, { timeoutMs, signal, accept: "text/plain, */*" });
    if (reply.status !== 200) throw readStatusError(reply.status, reply.body);
    return reply.body.toString("utf8");
  };
  const { answered, failed } = await fanOut(sources, ask, signal);
  const results: PodMetrics[] = [
    ...answered.map(({ from, value }) => ({
      pod: from.pod,
      container: from.container,
      text: value,
      error: undefined,
    })),
    ...failed.map(({ from, reason }) => ({
      pod: from.pod,
      container: from.container,
      text: undefined,
      error: reason,
    })),
  ];
  return results.sort((a, b) => (`${a.pod}/${a.container}` < `${b.pod}/${b.container}` ? -1 : 1));
}
