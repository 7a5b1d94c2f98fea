import { isIP } from "node:net";
import { normaliseIp } from "../../base/ip.ts";
import { type KubeObject, matchesSelector } from "../../base/kube-object.ts";
import type { ControlSettings } from "../control-settings.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import { CUSTOM_KINDS } from "../index/custom-kinds.ts";
import { readExternalWorkload } from "../index/external-workload.ts";
import type { Track } from "../index/view.ts";

/** An address that may become an endpoint. */
export interface Candidate {
  readonly ip: string;
  readonly port: number;
  readonly isIpv6: boolean;
  readonly nodeName: string | undefined;
  /** Where the address is, when no node says it. */
  readonly zone: string | undefined;
  /** Zones that it is meant for (topology hints). */
  readonly zones: readonly string[];
  /** Pod or ExternalWorkload. */
  readonly workload: KubeObject | undefined;
}

export interface CandidateQuery {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
  /** Only the pod with this host name. */
  readonly hostname: string | undefined;
}

interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly targetPort?: number | string;
}

/** Every ready address of a Service at the port's target: of its slices, and of the ExternalWorkloads that it selects. */
export function candidates(
  index: ClusterIndex,
  service: KubeObject,
  query: CandidateQuery,
  track: Track,
): Candidate[] {
  const ports = (service.spec?.ports ?? []) as ServicePort[];
  const servicePort = ports.find(({ port }) => port === query.port);
  return [
    ...inSlices(index, servicePort, query, track),
    ...(query.hostname === undefined ? outside(index, service, servicePort, query, track) : []),
  ];
}

function inSlices(
  index: ClusterIndex,
  servicePort: ServicePort | undefined,
  query: CandidateQuery,
  track: Track,
): Candidate[] {
  const found: Candidate[] = [];
  for (const slice of index.slices(query.namespace, query.service)) {
    if (slice.addressType !== "IPv4" && slice.addressType !== "IPv6") continue;
    // A port that the Service does not have is taken for the pods' own: that is how headless Services are often used.
    const port =
      servicePort === undefined ? query.port : targetPort(slice, servicePort.name ?? "", query.port);
    if (port === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false) continue;
      if (query.hostname !== undefined && endpoint.hostname !== query.hostname) continue;
      const workload = targetOf(index, endpoint.targetRef, query.namespace, track);
      // Without its labels a meshed pod would be advertised as plaintext. It comes as soon as the pod is known.
      if (workload === "unknown") continue;
      for (const address of endpoint.addresses ?? []) {
        const ip = normaliseIp(String(address));
        if (isIP(ip) === 0) continue;
        found.push({
          ip,
          port,
          isIpv6: slice.addressType === "IPv6",
          nodeName: endpoint.nodeName ?? undefined,
          zone: endpoint.zone ?? undefined,
          zones: (endpoint.hints?.forZones ?? []).map((zone: { name: string }) => zone.name),
          workload,
        });
      }
    }
  }
  return found;
}

/** Whose address it is; undefined when nobody's in particular. */
function targetOf(
  index: ClusterIndex,
  target: { readonly kind?: string; readonly name: string; readonly namespace?: string } | undefined,
  ownNamespace: string,
  track: Track,
): KubeObject | "unknown" | undefined {
  const namespace = target?.namespace ?? ownNamespace;
  switch (target?.kind) {
    case "Pod":
      track(`pod/${namespace}/${target.name}`);
      return index.pod(namespace, target.name) ?? "unknown";
    case "ExternalWorkload":
      return index.custom.get(CUSTOM_KINDS.externalWorkload, namespace, target.name, track) ?? "unknown";
    default:
      return undefined;
  }
}

/** No slice names them: nobody else needs to know that they belong to the Service. */
function outside(
  index: ClusterIndex,
  service: KubeObject,
  servicePort: ServicePort | undefined,
  { namespace, port: requested }: CandidateQuery,
  track: Track,
): Candidate[] {
  const selector: Record<string, string> = service.spec?.selector ?? {};
  if (Object.keys(selector).length === 0) return [];
  const found: Candidate[] = [];
  for (const object of index.custom.list(CUSTOM_KINDS.externalWorkload, namespace, track)) {
    if (!matchesSelector({ matchLabels: selector }, object.metadata.labels)) continue;
    const workload = readExternalWorkload(object);
    const target = servicePort?.targetPort ?? requested;
    const port =
      typeof target === "number" ? target : workload.ports.find(({ name }) => name === target)?.port;
    if (!workload.isReady || port === undefined) continue;
    const zone = object.metadata.labels?.["topology.kubernetes.io/zone"];
    for (const ip of workload.ips) {
      found.push({
        ip,
        port,
        isIpv6: isIP(ip) === 6,
        nodeName: undefined,
        zone,
        zones: [],
        workload: object,
      });
    }
  }
  return found;
}

function targetPort(slice: KubeObject, name: string, requested: number): number | undefined {
  const ports = slice.ports as { name?: string; port?: number | null }[] | null | undefined;
  // No list means all ports.
  if (!ports) return requested;
  const port = ports.find((candidate) => (candidate.name ?? "") === name);
  return port === undefined ? undefined : (port.port ?? requested);
}

/** Node-local traffic policy, then zone hints, then address family (reference control-plane 4.2). */
export function filterCandidates(
  all: readonly Candidate[],
  isLocal: boolean,
  nodeName: string,
  clientZone: string | undefined,
  settings: ControlSettings,
): readonly Candidate[] {
  let chosen = all;
  if (isLocal && nodeName !== "") {
    chosen = chosen.filter((candidate) => candidate.nodeName === nodeName);
  } else if (clientZone !== undefined && chosen.length > 0 && chosen.every(({ zones }) => zones.length > 0)) {
    const near = chosen.filter(({ zones }) => zones.includes(clientZone));
    if (near.length > 0) chosen = near;
  }
  if (!settings.enableIpv6) return chosen.filter(({ isIpv6 }) => !isIpv6);
  const withIpv6 = new Set(
    chosen.filter(({ isIpv6, workload }) => isIpv6 && workload).map(({ workload }) => workload),
  );
  return chosen.filter(({ isIpv6, workload }) => isIpv6 || !workload || !withIpv6.has(workload));
}
