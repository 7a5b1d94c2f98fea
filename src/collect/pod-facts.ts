import type { KubeObject } from "../base/kube-object.ts";
import {
  ADMIN_PORT,
  COMPONENT_LABEL,
  CONTROL_PLANE_NS_LABEL,
  OWNER_LABEL_PREFIX,
  PROXY_CONTAINER,
} from "../base/names.ts";
import type { PodFacts } from "../observe/workload.ts";

/** Names of the proxy's container: ours, and Linkerd's, whose metrics port answers no `/stats` but who is meshed all the same. */
const PROXY_CONTAINERS: ReadonlySet<string> = new Set([PROXY_CONTAINER, "linkerd-proxy"]);

interface Container {
  readonly name: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
}

/** Owners of the objects that own pods: `namespace/replicaset/name` -> the deployment's kind and name. */
export type OwnerChain = ReadonlyMap<string, { readonly kind: string; readonly name: string }>;

/**
 * What the views need of a pod object.
 *
 * Owners come from the pod's controller reference, then from `chain` (its ReplicaSet's or Job's own owner), then from the
 * owner label that the injector set.
 */
export function readPod(pod: KubeObject, chain: OwnerChain): PodFacts {
  const namespace = pod.metadata.namespace ?? "default";
  const labels = pod.metadata.labels ?? {};
  const containers: Container[] = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const proxy = containers.find((container) => PROXY_CONTAINERS.has(container.name));
  const admin = proxy?.ports?.find((port) => port.name?.includes("admin"));
  const named = labels[CONTROL_PLANE_NS_LABEL] !== undefined && labels[COMPONENT_LABEL] === undefined;
  return {
    namespace,
    name: pod.metadata.name ?? "",
    ip: pod.status?.podIP ?? "",
    status: podStatus(pod),
    running: pod.status?.phase === "Running",
    meshed: proxy !== undefined || named,
    adminPort: admin?.containerPort ?? ADMIN_PORT,
    serviceAccount: pod.spec?.serviceAccountName ?? "default",
    labels,
    owners: ownersOf(pod, namespace, labels, chain),
  };
}

/** Pods that are over: `Succeeded` and `Failed` ones are in no view. */
export function isCompleted(pod: KubeObject): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

function ownersOf(
  pod: KubeObject,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  chain: OwnerChain,
): Readonly<Record<string, string>> {
  const owners: Record<string, string> = {};
  const controller = pod.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (controller) {
    const kind = controller.kind.toLowerCase();
    owners[kind] = controller.name;
    const above = chain.get(`${namespace}/${kind}/${controller.name}`);
    if (above) owners[above.kind] = above.name;
  }
  for (const [label, value] of Object.entries(labels)) {
    if (label.startsWith(OWNER_LABEL_PREFIX)) owners[label.slice(OWNER_LABEL_PREFIX.length)] ??= value;
  }
  return owners;
}

/** As kubectl's STATUS column, in short: a container's waiting reason outranks the phase. */
function podStatus(pod: KubeObject): string {
  if (pod.metadata.deletionTimestamp) return "Terminating";
  const status = pod.status ?? {};
  if (status.reason) return String(status.reason);
  const init: ContainerStatus[] = status.initContainerStatuses ?? [];
  const sidecars = new Set(
    (pod.spec?.initContainers ?? [])
      .filter((container: { restartPolicy?: string }) => container.restartPolicy === "Always")
      .map((container: Container) => container.name),
  );
  const done = init.filter(
    (one) => one.state?.terminated?.exitCode === 0 || (sidecars.has(one.name) && one.started === true),
  );
  if (done.length < init.length) {
    const stuck = init.find((one) => !done.includes(one));
    const reason = stuck?.state?.waiting?.reason;
    if (reason && reason !== "PodInitializing") return `Init:${reason}`;
    return `Init:${done.length}/${init.length}`;
  }
  for (const one of (status.containerStatuses ?? []) as ContainerStatus[]) {
    const reason = one.state?.waiting?.reason ?? one.state?.terminated?.reason;
    if (reason) return reason;
  }
  return status.phase ?? "Unknown";
}

interface ContainerStatus {
  readonly name: string;
  readonly started?: boolean;
  readonly state?: {
    readonly waiting?: { readonly reason?: string };
    readonly terminated?: { readonly reason?: string; readonly exitCode?: number };
  };
}
