import { normaliseIp } from "../../base/ip.ts";
import { type KubeObject, matchesSelector } from "../../base/kube-object.ts";
import { CUSTOM_KINDS } from "./custom-kinds.ts";
import { CustomObjects } from "./custom-objects.ts";
import { isExternalWorkload, readExternalWorkload } from "./external-workload.ts";
import { MultiMap } from "./multi-map.ts";
import { RouteIndex } from "./route-index.ts";
import { isRoute } from "./route-refs.ts";
import { TargetIndex } from "./target-index.ts";
import { Topics } from "./topics.ts";
import type { Track } from "./view.ts";

/** What controllers watch and every cluster has. Order is that of start-up: what is looked up first comes first. */
export const WATCHED = [
  { group: "", version: "v1", plural: "namespaces", kind: "Namespace" },
  { group: "", version: "v1", plural: "nodes", kind: "Node" },
  { group: "", version: "v1", plural: "pods", kind: "Pod" },
  { group: "", version: "v1", plural: "services", kind: "Service" },
  { group: "discovery.k8s.io", version: "v1", plural: "endpointslices", kind: "EndpointSlice" },
] as const;

const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

/**
 * The cluster's objects, by the keys that discovery and policy ask with. Plain: `apply` and `delete` change it and say on which
 * topics; everything else only reads.
 *
 * | topic | changes with |
 * |---|---|
 * | `service/<ns>/<name>` | the Service |
 * | `slices/<ns>/<name>` | the EndpointSlices of the Service |
 * | `pod/<ns>/<name>` | the pod |
 * | `node/<name>` | the node |
 * | `ip/<ip>` | which Services, pods or ExternalWorkloads have the address |
 * | `servers/<ns>/<pod>` | the Servers that select the pod |
 * | `routes/<kind>/<ns>/<name>` | the routes that name the object as their parent |
 */
export class ClusterIndex {
  readonly topics = new Topics();
  readonly routes = new RouteIndex(this.topics);
  /** Policies by what they are about. */
  readonly targets = new TargetIndex(this.topics);
  /** Policies and routes; they have topics of their own. */
  readonly custom = new CustomObjects(this.topics, Object.values(CUSTOM_KINDS));
  readonly #namespaces = new Map<string, KubeObject>();
  readonly #nodes = new Map<string, KubeObject>();
  readonly #pods = new Map<string, KubeObject>();
  /** Namespace -> names of its pods. */
  readonly #podNames = new Map<string, Set<string>>();
  readonly #services = new Map<string, KubeObject>();
  /** Service key -> slice name -> slice. */
  readonly #slices = new Map<string, Map<string, KubeObject>>();
  /** Slice key -> Service key. */
  readonly #serviceOfSlice = new Map<string, string>();
  /** Address -> keys of Services or pods. */
  readonly #servicesByIp = new MultiMap();
  readonly #podsByIp = new MultiMap();
  readonly #podsByHostIp = new MultiMap();
  readonly #workloads = new Map<string, KubeObject>();
  readonly #workloadsByIp = new MultiMap();

  apply(object: KubeObject): void {
    this.#put(object, true);
  }

  delete(object: KubeObject): void {
    this.#put(object, false);
  }

  namespace(name: string): KubeObject | undefined {
    return this.#namespaces.get(name);
  }

  node(name: string): KubeObject | undefined {
    return this.#nodes.get(name);
  }

  zoneOf(nodeName: string | undefined): string | undefined {
    return nodeName === undefined
      ? undefined
      : this.#nodes.get(nodeName)?.metadata.labels?.["topology.kubernetes.io/zone"];
  }

  pod(namespace: string, name: string): KubeObject | undefined {
    return this.#pods.get(`${namespace}/${name}`);
  }

  /** ExternalWorkloads that have an address. */
  externalWorkloadsByIp(ip: string): KubeObject[] {
    return this.#workloadsByIp.get(ip).map((key) => this.#workloads.get(key)!);
  }

  /** Servers that may select a workload: those of its namespace, the oldest first. */
  serversAround(pod: KubeObject, track: Track): readonly KubeObject[] {
    const { namespace = "", name } = pod.metadata;
    if (isExternalWorkload(pod)) return this.custom.list(CUSTOM_KINDS.server, namespace, track);
    track(`servers/${namespace}/${name}`);
    return this.custom.list(CUSTOM_KINDS.server, namespace, () => {
      // Told more exactly by the topic above.
    });
  }

  service(namespace: string, name: string): KubeObject | undefined {
    return this.#services.get(`${namespace}/${name}`);
  }

  /** By name, so that results do not depend on the order of events. */
  slices(namespace: string, service: string): KubeObject[] {
    const slices = this.#slices.get(`${namespace}/${service}`);
    return slices ? [...slices.values()].sort(byName) : [];
  }

  servicesByClusterIp(ip: string): KubeObject[] {
    return this.#servicesByIp.get(ip).map((key) => this.#services.get(key)!);
  }

  /** The pod that has the address: not on the host's network, not finished. Undefined when none or several have. */
  podByIp(ip: string): KubeObject | undefined {
    return onlyOne(this.#podsByIp.get(ip).map((key) => this.#pods.get(key)!));
  }

  /** The pod that a port of a node leads to, with the container's port. */
  podByHostPort(
    ip: string,
    hostPort: number,
  ): { readonly pod: KubeObject; readonly containerPort: number } | undefined {
    const found: { pod: KubeObject; containerPort: number }[] = [];
    for (const key of this.#podsByHostIp.get(ip)) {
      const pod = this.#pods.get(key)!;
      for (const container of pod.spec?.containers ?? []) {
        for (const port of container.ports ?? []) {
          if (port.hostPort === hostPort) found.push({ pod, containerPort: port.containerPort });
        }
      }
    }
    return onlyOne(found);
  }

  #put(object: KubeObject, isPresent: boolean): void {
    const { name = "", namespace = "" } = object.metadata;
    const key = `${namespace}/${name}`;
    switch (object.kind) {
      case "Namespace":
        put(this.#namespaces, name, isPresent ? object : undefined);
        return;
      case "Node":
        put(this.#nodes, name, isPresent ? object : undefined);
        this.topics.publish(`node/${name}`);
        return;
      case "Pod": {
        put(this.#pods, key, isPresent ? object : undefined);
        this.#putPodName(namespace, name, isPresent);
        const isActive = isPresent && !isFinished(object);
        const onHost = object.spec?.hostNetwork === true;
        const ips: string[] = (object.status?.podIPs ?? []).map((entry: { ip: string }) =>
          normaliseIp(entry.ip),
        );
        const podIp: string | undefined = object.status?.podIP;
        if (podIp !== undefined && !ips.includes(podIp)) ips.push(normaliseIp(podIp));
        const hostIp: string | undefined = object.status?.hostIP;
        const changed = [
          ...this.#podsByIp.set(key, isActive && !onHost ? ips : []),
          ...this.#podsByHostIp.set(
            key,
            isActive && hostIp !== undefined && hasHostPorts(object) ? [hostIp] : [],
          ),
        ];
        for (const ip of changed) this.topics.publish(`ip/${ip}`);
        this.topics.publish(`pod/${key}`);
        return;
      }
      case "Service": {
        put(this.#services, key, isPresent ? object : undefined);
        const ips: string[] = object.spec?.clusterIPs ?? [object.spec?.clusterIP ?? ""];
        const real = ips.filter((ip) => ip !== "" && ip !== "None").map(normaliseIp);
        for (const ip of this.#servicesByIp.set(key, isPresent ? real : [])) this.topics.publish(`ip/${ip}`);
        this.topics.publish(`service/${key}`);
        return;
      }
      case "EndpointSlice": {
        const service = isPresent ? object.metadata.labels?.[SERVICE_NAME_LABEL] : undefined;
        this.#putSlice(key, name, service === undefined ? undefined : `${namespace}/${service}`, object);
        return;
      }
      default:
        if (object.kind === "Server") this.#publishSelected(object);
        if (isExternalWorkload(object)) {
          put(this.#workloads, key, isPresent ? object : undefined);
          const ips = isPresent ? readExternalWorkload(object).ips : [];
          for (const ip of this.#workloadsByIp.set(key, ips)) this.topics.publish(`ip/${ip}`);
        }
        this.custom.put(object, isPresent);
        if (isRoute(object)) this.routes.put(object, isPresent);
        if (TargetIndex.has(object)) this.targets.put(object, isPresent);
    }
  }

  /** @param serviceKey  the Service that it belongs to now; undefined: none. It may have belonged to another */
  #putSlice(key: string, name: string, serviceKey: string | undefined, object: KubeObject): void {
    const before = this.#serviceOfSlice.get(key);
    if (before !== undefined && before !== serviceKey) {
      const slices = this.#slices.get(before)!;
      slices.delete(name);
      if (slices.size === 0) this.#slices.delete(before);
      this.#serviceOfSlice.delete(key);
      this.topics.publish(`slices/${before}`);
    }
    if (serviceKey === undefined) return;
    let slices = this.#slices.get(serviceKey);
    if (!slices) this.#slices.set(serviceKey, (slices = new Map()));
    slices.set(name, object);
    this.#serviceOfSlice.set(key, serviceKey);
    this.topics.publish(`slices/${serviceKey}`);
  }

  /** Tells the pods that a Server selects, or did before this change. Thousands of others need not look again. */
  #publishSelected(server: KubeObject): void {
    const { namespace = "", name = "" } = server.metadata;
    const before = this.custom.get(CUSTOM_KINDS.server, namespace, name, () => {});
    for (const podName of this.#podNames.get(namespace) ?? []) {
      const pod = this.#pods.get(`${namespace}/${podName}`)!;
      if (selects(server, pod) || selects(before, pod))
        this.topics.publish(`servers/${namespace}/${podName}`);
    }
  }

  #putPodName(namespace: string, name: string, isPresent: boolean): void {
    const names = this.#podNames.get(namespace) ?? new Set();
    if (isPresent) this.#podNames.set(namespace, names.add(name));
    else if (names.delete(name) && names.size === 0) this.#podNames.delete(namespace);
  }
}

/** A selector that is none selects nobody. */
function selects(server: KubeObject | undefined, pod: KubeObject): boolean {
  const selector = server?.spec?.podSelector;
  try {
    return selector !== undefined && matchesSelector(selector, pod.metadata.labels);
  } catch {
    return false;
  }
}

function isFinished(pod: KubeObject): boolean {
  const phase = pod.status?.phase;
  return phase === "Succeeded" || phase === "Failed" || pod.metadata.deletionTimestamp !== undefined;
}

function hasHostPorts(pod: KubeObject): boolean {
  return (pod.spec?.containers ?? []).some((container: { ports?: { hostPort?: number }[] }) =>
    (container.ports ?? []).some((port) => port.hostPort !== undefined),
  );
}

function put(map: Map<string, KubeObject>, key: string, object: KubeObject | undefined): void {
  if (object) map.set(key, object);
  else map.delete(key);
}

function onlyOne<T>(values: readonly T[]): T | undefined {
  return values.length === 1 ? values[0] : undefined;
}

function byName(left: KubeObject, right: KubeObject): number {
  return left.metadata.name! < right.metadata.name! ? -1 : 1;
}
