import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { DestinationProfileSchema } from "../../api/gen/io/linkerd/proxy/destination_pb.js";
import { joinHostPort } from "../../base/ip.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import { parsePortRanges, rangesContain } from "../../values/port-ranges.ts";
import type { ControlSettings } from "../control-settings.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import { CUSTOM_KINDS } from "../index/custom-kinds.ts";
import { readExternalWorkload } from "../index/external-workload.ts";
import { isOpaqueServicePort, OPAQUE_PORTS_ANNOTATION } from "../index/pod-facts.ts";
import type { Track, ViewSpec } from "../index/view.ts";
import { carriesOpaqueBytes } from "../policy/inbound/find-server.ts";
import type { PolicyReader } from "../policy/inbound/policy-reader.ts";
import { encodeDuration, serviceMetadata } from "../serve/encode-values.ts";
import { GrpcCode, GrpcError } from "../serve/grpc-error.ts";
import { encodeFrame } from "../serve/grpc-method.ts";
import type { Authority } from "./authority.ts";
import { encodeServiceProfile } from "./encode-service-profile.ts";
import { encodeEndpoint } from "./encode-update.ts";
import { endpointOf } from "./endpoints.ts";
import { parseServiceProfile, type ServiceProfileSpec } from "./service-profile.ts";

/** A profile, or why there is none (any longer). */
export type ProfileResult =
  | { readonly kind: "profile"; readonly key: string; readonly frame: Buffer }
  | { readonly kind: "error"; readonly error: GrpcError };

/** Upstream's default: a fifth more requests, at least ten a second. */
const RETRY_BUDGET = { retryRatio: 0.2, minRetriesPerSecond: 10, ttl: encodeDuration(10_000) };

/**
 * What GetProfile answers for an authority (reference control-plane 4.1 and 4.4, proxy-api 6.3).
 *
 * @param clientNamespace  whose ServiceProfile counts before the Service's own; "" when unknown
 */
export function profileSpec(
  index: ClusterIndex,
  settings: ControlSettings,
  authority: Authority,
  clientNamespace: string,
): ViewSpec<ProfileResult> {
  return {
    describe: () => ({
      family: "profile",
      labels: { namespace: clientNamespace, profile: textOf(authority) },
    }),
    isEqual: (left, right) => left.kind === "profile" && right.kind === "profile" && left.key === right.key,
    compute(track) {
      const reader = { index, settings, track };
      if (authority.kind === "ip") return ipProfile(reader, authority.ip, authority.port, clientNamespace);
      if (authority.kind === "foreign") {
        return failure(`${authority.host} is no Service of this cluster`, GrpcCode.invalidArgument);
      }
      const { namespace, service, instance, port } = authority;
      track(`service/${namespace}/${service}`);
      const object = index.service(namespace, service);
      if (!object) return failure(`Service ${namespace}/${service} does not exist`, GrpcCode.notFound);
      if (instance === undefined) return serviceProfile(reader, object, port, clientNamespace);
      return instanceProfile(index, settings, { namespace, service, instance, port }, track);
    },
  };
}

function ipProfile(reader: PolicyReader, ip: string, port: number, clientNamespace: string): ProfileResult {
  const { index, settings, track } = reader;
  track(`ip/${ip}`);
  const services = index.servicesByClusterIp(ip);
  if (services.length > 1) {
    const names = services.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(", ");
    return failure(`several Services claim ${ip}: ${names}`, GrpcCode.failedPrecondition);
  }
  const [service] = services;
  if (service) {
    track(`service/${service.metadata.namespace}/${service.metadata.name}`);
    return serviceProfile(reader, service, port, clientNamespace);
  }
  const pod = index.podByIp(ip);
  if (pod) return podProfile(index, settings, pod, ip, port, port, track);
  const hosted = index.podByHostPort(ip, port);
  if (hosted) return podProfile(index, settings, hosted.pod, ip, port, hosted.containerPort, track);
  const external = index
    .externalWorkloadsByIp(ip)
    .filter((object) => readExternalWorkload(object).ports.some((each) => each.port === port));
  if (external.length > 1) {
    const names = external.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(", ");
    return failure(
      `several ExternalWorkloads claim ${joinHostPort(ip, port)}: ${names}`,
      GrpcCode.failedPrecondition,
    );
  }
  if (external[0]) return workloadProfile(reader, external[0], ip, port);
  return endpointProfile(
    encodeEndpoint(endpointOf(undefined, ip, port, {}, { index, settings, track })),
    false,
    `bare/${joinHostPort(ip, port)}`,
  );
}

/** One pod of a headless Service, by its host name. */
function instanceProfile(
  index: ClusterIndex,
  settings: ControlSettings,
  at: {
    readonly namespace: string;
    readonly service: string;
    readonly instance: string;
    readonly port: number;
  },
  track: Track,
): ProfileResult {
  track(`slices/${at.namespace}/${at.service}`);
  for (const slice of index.slices(at.namespace, at.service)) {
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.hostname !== at.instance || endpoint.targetRef?.kind !== "Pod") continue;
      const namespace = endpoint.targetRef.namespace ?? at.namespace;
      track(`pod/${namespace}/${endpoint.targetRef.name}`);
      const pod = index.pod(namespace, endpoint.targetRef.name);
      const address: string | undefined = endpoint.addresses?.[0];
      if (pod && address) return podProfile(index, settings, pod, address, at.port, at.port, track);
    }
  }
  return failure(
    `no pod of Service ${at.namespace}/${at.service} is called ${at.instance}`,
    GrpcCode.notFound,
  );
}

function podProfile(
  index: ClusterIndex,
  settings: ControlSettings,
  pod: KubeObject,
  ip: string,
  port: number,
  containerPort: number,
  track: Track,
): ProfileResult {
  const { namespace = "", name = "" } = pod.metadata;
  track(`pod/${namespace}/${name}`);
  const nodeName: string | undefined = pod.spec?.nodeName;
  if (nodeName !== undefined) track(`node/${nodeName}`);
  const zone = index.zoneOf(nodeName);
  const reader = { index, settings, track };
  const labels = { namespace, ...(zone === undefined ? {} : { zone }) };
  const endpoint = endpointOf(pod, ip, containerPort, labels, reader);
  const isOpaque = carriesOpaqueBytes(reader, pod, containerPort);
  // A host port leads to the container's port, but is dialled as it was asked for.
  const message = encodeEndpoint({ ...endpoint, port });
  return endpointProfile(message, isOpaque, JSON.stringify({ ...endpoint, port, isOpaque }));
}

function workloadProfile(
  reader: PolicyReader,
  workload: KubeObject,
  ip: string,
  port: number,
): ProfileResult {
  const labels = { namespace: workload.metadata.namespace ?? "" };
  const endpoint = endpointOf(workload, ip, port, labels, reader);
  const isOpaque = carriesOpaqueBytes(reader, workload, port);
  return endpointProfile(encodeEndpoint(endpoint), isOpaque, JSON.stringify({ ...endpoint, isOpaque }));
}

function endpointProfile(
  endpoint: ReturnType<typeof encodeEndpoint>,
  opaqueProtocol: boolean,
  key: string,
): ProfileResult {
  return success({ endpoint, opaqueProtocol, retryBudget: RETRY_BUDGET }, key);
}

function serviceProfile(
  reader: PolicyReader,
  service: KubeObject,
  port: number,
  clientNamespace: string,
): ProfileResult {
  const { settings } = reader;
  const { namespace = "", name = "" } = service.metadata;
  const ports = (service.spec?.ports ?? []) as { port: number }[];
  // An empty profile makes the proxy fall back to its policy, which forbids the port.
  if (!ports.some((candidate) => candidate.port === port)) return success({}, "empty");
  const fullyQualifiedName = `${name}.${namespace}.svc.${settings.clusterDomain}`;
  const found = findServiceProfile(reader, fullyQualifiedName, [clientNamespace, namespace]);
  const opaqueProtocol =
    isOpaqueServicePort(service, port, settings) ||
    // What the Service itself says about its ports is the whole truth.
    (found !== undefined &&
      service.metadata.annotations?.[OPAQUE_PORTS_ANNOTATION] === undefined &&
      rangesContain(parsePortRanges(found.spec.opaquePorts).ranges, port));
  const init: MessageInitShape<typeof DestinationProfileSchema> = {
    fullyQualifiedName,
    opaqueProtocol,
    retryBudget: RETRY_BUDGET,
    parentRef: serviceMetadata(namespace, name, port),
    ...(found && encodeServiceProfile(found.object, found.spec, port, settings)),
  };
  const key = `${fullyQualifiedName}/${opaqueProtocol}`;
  return success(
    init,
    found ? `${key}/${JSON.stringify([found.object.metadata.namespace, found.spec])}` : key,
  );
}

/** The ServiceProfile of a Service: the client's namespace may have one of its own. One with mistakes counts as none. */
function findServiceProfile(
  { index, track }: PolicyReader,
  name: string,
  namespaces: readonly string[],
): { readonly object: KubeObject; readonly spec: ServiceProfileSpec } | undefined {
  for (const namespace of new Set(namespaces)) {
    if (namespace === "") continue;
    const object = index.custom.get(CUSTOM_KINDS.serviceProfile, namespace, name, track);
    const spec = object && parseServiceProfile(object).value;
    if (spec) return { object, spec };
  }
  return undefined;
}

function textOf(authority: Authority): string {
  switch (authority.kind) {
    case "ip":
      return joinHostPort(authority.ip, authority.port);
    case "foreign":
      return joinHostPort(authority.host, authority.port);
    case "service": {
      const { instance, service, namespace, port } = authority;
      return `${instance === undefined ? "" : `${instance}.`}${service}.${namespace}:${port}`;
    }
  }
}

function success(init: MessageInitShape<typeof DestinationProfileSchema>, key: string): ProfileResult {
  let frame: Buffer | undefined;
  return {
    kind: "profile",
    key,
    // Most recomputations change nothing, and are not sent.
    get frame() {
      frame ??= encodeFrame(DestinationProfileSchema, create(DestinationProfileSchema, init));
      return frame;
    },
  };
}

function failure(message: string, code: GrpcCode): ProfileResult {
  return { kind: "error", error: new GrpcError(message, code) };
}
