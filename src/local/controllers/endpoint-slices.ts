import type { KubeObject } from "../../base/kube-object.ts";
import { isPodFinished, isPodReady } from "./pod-readiness.ts";
import { canonicalJson } from "./template-hash.ts";

/** A port of an endpoint slice. */
export interface EndpointPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly appProtocol?: string;
}

/** One pod behind a Service. */
export interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions: { readonly ready: boolean; readonly serving: boolean; readonly terminating: boolean };
  readonly hostname?: string;
  readonly nodeName: string;
  readonly targetRef: {
    readonly kind: "Pod";
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  };
}

export interface SliceContent {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/**
 * What the slices of a Service hold. Usually one; a named target port that means different numbers in different pods
 * makes one for each set of numbers.
 */
export function sliceContents(service: KubeObject, pods: readonly KubeObject[]): SliceContent[] {
  const byPorts = new Map<string, { ports: EndpointPort[]; endpoints: Endpoint[] }>();
  for (const pod of [...pods].sort((left, right) => (left.metadata.name! < right.metadata.name! ? -1 : 1))) {
    if (!pod.status?.podIP || isPodFinished(pod)) continue;
    const ports = endpointPorts(service, pod);
    const key = canonicalJson(ports);
    let group = byPorts.get(key);
    if (!group) byPorts.set(key, (group = { ports, endpoints: [] }));
    group.endpoints.push(endpointOf(service, pod));
  }
  if (byPorts.size === 0) return [{ ports: [], endpoints: [] }];
  return [...byPorts.values()];
}

function endpointPorts(service: KubeObject, pod: KubeObject): EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const port of service.spec.ports ?? []) {
    const target = resolveTargetPort(port, pod);
    if (target === undefined) continue;
    ports.push({
      name: port.name ?? "",
      port: target,
      protocol: port.protocol ?? "TCP",
      ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
    });
  }
  return ports;
}

/** The number that a Service's port means in a pod; undefined when its name is no port there. */
export function resolveTargetPort(
  port: { readonly port: number; readonly targetPort?: number | string; readonly protocol?: string },
  pod: KubeObject,
): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target;
  if (/^\d+$/.test(target)) return Number(target);
  const sidecars = (pod.spec.initContainers ?? []).filter(
    (container: { restartPolicy?: string }) => container.restartPolicy === "Always",
  );
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const candidate of container.ports ?? []) {
      if (candidate.name !== target) continue;
      if ((candidate.protocol ?? "TCP") === (port.protocol ?? "TCP")) return candidate.containerPort;
    }
  }
  return undefined;
}

function endpointOf(service: KubeObject, pod: KubeObject): Endpoint {
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const serving = isPodReady(pod);
  const hasHostname = pod.spec.hostname !== undefined && pod.spec.subdomain === service.metadata.name;
  return {
    addresses: [pod.status.podIP],
    conditions: {
      ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
      serving: service.spec.publishNotReadyAddresses === true || serving,
      terminating,
    },
    ...(hasHostname ? { hostname: pod.spec.hostname as string } : {}),
    nodeName: pod.spec.nodeName,
    targetRef: {
      kind: "Pod",
      namespace: pod.metadata.namespace!,
      name: pod.metadata.name!,
      uid: pod.metadata.uid!,
    },
  };
}
