import { joinHostPort } from "../../base/ip.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import { CONTROL_PLANE_NS_LABEL } from "../../base/names.ts";
import type { Endpoint } from "../../policy/endpoint.ts";
import type { ControlSettings } from "../control-settings.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import { isExternalWorkload, readExternalWorkload } from "../index/external-workload.ts";
import { meshRole, ownerOf } from "../index/pod-facts.ts";
import type { ViewSpec } from "../index/view.ts";
import { carriesOpaqueBytes } from "../policy/inbound/find-server.ts";
import type { PolicyReader } from "../policy/inbound/policy-reader.ts";
import { type CandidateQuery, candidates, filterCandidates } from "./candidates.ts";

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
export interface EndpointsQuery extends CandidateQuery {
  /** Node of the client where that decides (`isNodeLocal`); "" when it does not, or is unknown. */
  readonly nodeName: string;
  /** Zone of the client's node; undefined when unknown. */
  readonly zone: string | undefined;
}

/** Weight of every endpoint; a number that splits well. */
const WEIGHT = 10_000;
/** Of an endpoint in the client's zone, where the Service asks for that: it may be ten times as slow or busy as others. */
const NEAR_WEIGHT = 10 * WEIGHT;
const PREFER_ZONE_ANNOTATION = "balancer.meshctl.io/prefer-zone";

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
    describe: ({ exists, endpoints }) => ({
      family: "endpoints",
      labels: {
        namespace: query.namespace,
        service: query.service,
        port: String(query.port),
        hostname: query.hostname ?? "",
        nodename: query.nodeName,
        zone: query.zone ?? "",
      },
      gauges: { pods: endpoints.size, exists: exists ? 1 : 0 },
    }),
    compute(track) {
      const { namespace, service, nodeName, zone: clientZone } = query;
      track(`service/${namespace}/${service}`);
      const object = index.service(namespace, service);
      if (!object) return { exists: false, isNodeLocal: false, endpoints: new Map() };
      track(`slices/${namespace}/${service}`);
      const isLocal = isNodeLocal(object);
      const all = candidates(index, object, query, track);
      const chosen = filterCandidates(all, isLocal, nodeName, clientZone, settings);
      const endpoints = new Map<string, Endpoint>();
      const prefersZone = object.metadata.annotations?.[PREFER_ZONE_ANNOTATION] === "true";
      for (const candidate of chosen) {
        if (candidate.nodeName !== undefined) track(`node/${candidate.nodeName}`);
        const zone = index.zoneOf(candidate.nodeName) ?? candidate.zone;
        const labels: Endpoint["labels"] = { service, namespace, ...zoneLabels(zone, clientZone) };
        const endpoint = endpointOf(candidate.workload, candidate.ip, candidate.port, labels, {
          index,
          settings,
          track,
        });
        const isNear = prefersZone && labels.zone_locality === "local";
        endpoints.set(endpoint.address, isNear ? { ...endpoint, weight: NEAR_WEIGHT } : endpoint);
      }
      return { exists: true, isNodeLocal: isLocal, endpoints };
    },
  };
}

/** An endpoint of a pod, an ExternalWorkload, or a bare address. The workload's own labels come on top of `labels`. */
export function endpointOf(
  workload: KubeObject | undefined,
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
  if (!workload) return bare;
  if (isExternalWorkload(workload)) return externalEndpoint(workload, bare, reader);
  const withLabels = { ...bare, labels: { ...labels, ...podLabels(workload) } };
  const role = meshRole(workload, port, settings);
  if (role.kind === "outside") return withLabels;
  const tls =
    role.identity === undefined ? undefined : { identity: role.identity, serverName: role.identity };
  if (role.kind === "terminates") return { ...withLabels, tls };
  const isOpaque = carriesOpaqueBytes(reader, workload, port);
  return {
    ...withLabels,
    tls,
    protocolHint: isOpaque ? "opaque" : settings.enableH2Upgrade ? "h2" : undefined,
    opaqueTransportPort: role.inboundPort,
  };
}

/** It has a proxy, or it would not be one. */
function externalEndpoint(object: KubeObject, bare: Endpoint, reader: PolicyReader): Endpoint {
  const { identity, serverName, inboundPort } = readExternalWorkload(object);
  const owner = ownerOf(object);
  return {
    ...bare,
    labels: {
      ...bare.labels,
      external_workload: object.metadata.name ?? "",
      ...(owner && { [owner.kind]: owner.name }),
    },
    tls: identity === "" ? undefined : { identity, serverName },
    protocolHint: carriesOpaqueBytes(reader, object, bare.port) ? "opaque" : "h2",
    opaqueTransportPort: inboundPort,
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
