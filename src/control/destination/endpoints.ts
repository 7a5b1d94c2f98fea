import { joinHostPort, normaliseIp } from "../../base/ip.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import { CONTROL_PLANE_NS_LABEL } from "../../base/names.ts";
import type { Endpoint } from "../../policy/endpoint.ts";
import type { ControlSettings } from "../control-settings.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import { meshRole, ownerOf } from "../index/pod-facts.ts";
import type { Track, ViewSpec } from "../index/view.ts";
import { carriesOpaqueBytes } from "../policy/inbound/find-server.ts";
import type { PolicyReader } from "../policy/inbound/policy-reader.ts";

/** The endpoints of one port of a Service, as one kind of client should see them. */
export interface EndpointSetView {
  /** Whether the Service exists. */
  readonly exists: boolean;
  /** Clients get the endpoints of their own node only (`internalTrafficPolicy: Local`). */
  readonly isNodeLocal: boolean;
  /** By `ip:port`. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
}

/** What decides which endpoints a client gets; clients with equal filters share one view. */
export interface EndpointsQuery {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
  /** Only the pod with this host name. */
  readonly hostname: string | undefined;
  /** Node of the client where that decides (`isNodeLocal`); "" when it does not, or is unknown. */
  readonly nodeName: string;
  /** Zone of the client's node; undefined when unknown. */
  readonly zone: string | undefined;
}

interface Candidate {
  readonly ip: string;
  readonly port: number;
  readonly isIpv6: boolean;
  readonly nodeName: string | undefined;
  readonly zones: readonly string[];
  readonly pod: KubeObject | undefined;
}

/** Weight of every endpoint; a number that splits well. */
const WEIGHT = 10_000;

export function endpointsKey(query: EndpointsQuery): string {
  const { namespace, service, port, hostname = "", nodeName, zone = "" } = query;
  return `endpoints/${namespace}/${service}:${port}/${hostname}/${nodeName}/${zone}`;
}

export function endpointsSpec(
  index: ClusterIndex,
  settings: ControlSettings,
  query: EndpointsQuery,
): ViewSpec<EndpointSetView> {
  return {
    isEqual: (left, right) =>
      left.exists === right.exists &&
      left.isNodeLocal === right.isNodeLocal &&
      isDeepEqual(left.endpoints, right.endpoints),
    compute(track) {
      const { namespace, service, nodeName, zone: clientZone } = query;
      track(`service/${namespace}/${service}`);
      const object = index.service(namespace, service);
      if (!object) return { exists: false, isNodeLocal: false, endpoints: new Map() };
      track(`slices/${namespace}/${service}`);
      const chosen = filter(candidates(index, object, query, track), object, nodeName, clientZone, settings);
      const endpoints = new Map<string, Endpoint>();
      for (const candidate of chosen) {
        if (candidate.nodeName !== undefined) track(`node/${candidate.nodeName}`);
        const zone = index.zoneOf(candidate.nodeName);
        const labels = { service, namespace, ...zoneLabels(zone, clientZone) };
        const endpoint = endpointOf(candidate.pod, candidate.ip, candidate.port, labels, {
          index,
          settings,
          track,
        });
        endpoints.set(endpoint.address, endpoint);
      }
      return { exists: true, isNodeLocal: isNodeLocal(object), endpoints };
    },
  };
}

/** An endpoint of a pod, or of a bare address. Labels of the pod come on top of `labels`. */
export function endpointOf(
  pod: KubeObject | undefined,
  ip: string,
  port: number,
  labels: Readonly<Record<string, string>>,
  reader: PolicyReader,
): Endpoint {
  const { settings } = reader;
  const bare: Endpoint = {
    address: joinHostPort(ip, port),
    ip,
    port,
    weight: WEIGHT,
    labels,
    tls: undefined,
    protocolHint: undefined,
    opaqueTransportPort: undefined,
    authorityOverride: undefined,
  };
  if (!pod) return bare;
  const withLabels = { ...bare, labels: { ...labels, ...podLabels(pod) } };
  const role = meshRole(pod, port, settings);
  if (role.kind === "outside") return withLabels;
  const tls =
    role.identity === undefined ? undefined : { identity: role.identity, serverName: role.identity };
  if (role.kind === "terminates") return { ...withLabels, tls };
  const isOpaque = carriesOpaqueBytes(reader, pod, port);
  return {
    ...withLabels,
    tls,
    protocolHint: isOpaque ? "opaque" : settings.enableH2Upgrade ? "h2" : undefined,
    opaqueTransportPort: role.inboundPort,
  };
}

export function podLabels(pod: KubeObject): Record<string, string> {
  const labels: Record<string, string> = { pod: pod.metadata.name ?? "" };
  const owner = ownerOf(pod);
  // `job` is Prometheus' own label.
  if (owner) labels[owner.kind === "job" ? "k8s_job" : owner.kind] = owner.name;
  labels.serviceaccount = pod.spec?.serviceAccountName || "default";
  const controlPlane = pod.metadata.labels?.[CONTROL_PLANE_NS_LABEL];
  if (controlPlane) labels.control_plane_ns = controlPlane;
  const hash = pod.metadata.labels?.["pod-template-hash"];
  if (hash) labels.pod_template_hash = hash;
  return labels;
}

function zoneLabels(zone: string | undefined, clientZone: string | undefined): Record<string, string> {
  const locality =
    zone === undefined || clientZone === undefined ? "unknown" : zone === clientZone ? "local" : "remote";
  return { ...(zone === undefined ? {} : { zone }), zone_locality: locality };
}

/** Every ready address of the Service's slices at the port's target. */
function candidates(
  index: ClusterIndex,
  service: KubeObject,
  query: EndpointsQuery,
  track: Track,
): Candidate[] {
  const ports = (service.spec?.ports ?? []) as { name?: string; port: number }[];
  const servicePort = ports.find(({ port }) => port === query.port);
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
      const target = endpoint.targetRef;
      let pod: KubeObject | undefined;
      if (target?.kind === "Pod") {
        const namespace = target.namespace ?? query.namespace;
        track(`pod/${namespace}/${target.name}`);
        pod = index.pod(namespace, target.name);
        // Without its labels a meshed pod would be advertised as plaintext. It comes as soon as the pod is known.
        if (!pod) continue;
      }
      for (const address of endpoint.addresses ?? []) {
        found.push({
          ip: normaliseIp(address),
          port,
          isIpv6: slice.addressType === "IPv6",
          nodeName: endpoint.nodeName ?? undefined,
          zones: (endpoint.hints?.forZones ?? []).map((zone: { name: string }) => zone.name),
          pod,
        });
      }
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
function filter(
  all: readonly Candidate[],
  service: KubeObject,
  nodeName: string,
  clientZone: string | undefined,
  settings: ControlSettings,
): readonly Candidate[] {
  let chosen = all;
  if (isNodeLocal(service) && nodeName !== "") {
    chosen = chosen.filter((candidate) => candidate.nodeName === nodeName);
  } else if (clientZone !== undefined && chosen.length > 0 && chosen.every(({ zones }) => zones.length > 0)) {
    const near = chosen.filter(({ zones }) => zones.includes(clientZone));
    if (near.length > 0) chosen = near;
  }
  if (!settings.enableIpv6) return chosen.filter(({ isIpv6 }) => !isIpv6);
  const withIpv6 = new Set(chosen.filter(({ isIpv6, pod }) => isIpv6 && pod).map(({ pod }) => pod));
  return chosen.filter(({ isIpv6, pod }) => isIpv6 || !pod || !withIpv6.has(pod));
}

export function isNodeLocal(service: KubeObject): boolean {
  return service.spec?.internalTrafficPolicy === "Local";
}

/** Endpoints are flat records of text and numbers. */
export function isSameEndpoint(left: Endpoint, right: Endpoint): boolean {
  return (
    left.address === right.address &&
    left.weight === right.weight &&
    left.tls?.identity === right.tls?.identity &&
    left.tls?.serverName === right.tls?.serverName &&
    left.protocolHint === right.protocolHint &&
    left.opaqueTransportPort === right.opaqueTransportPort &&
    left.authorityOverride === right.authorityOverride &&
    isSameRecord(left.labels, right.labels)
  );
}

function isSameRecord(
  left: Readonly<Record<string, string>>,
  right: Readonly<Record<string, string>>,
): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}

function isDeepEqual(left: ReadonlyMap<string, Endpoint>, right: ReadonlyMap<string, Endpoint>): boolean {
  if (left.size !== right.size) return false;
  for (const [address, endpoint] of left) {
    const other = right.get(address);
    if (!other || !isSameEndpoint(endpoint, other)) return false;
  }
  return true;
}
