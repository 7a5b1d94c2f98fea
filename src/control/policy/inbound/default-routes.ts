import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HttpRouteMatchSchema } from "../../../api/gen/io/linkerd/proxy/http_route_pb.js";
import { HttpMethod_Registered } from "../../../api/gen/io/linkerd/proxy/http_types_pb.js";
import type { GrpcRouteSchema, HttpRouteSchema } from "../../../api/gen/io/linkerd/proxy/inbound_pb.js";
import type { KubeObject } from "../../../base/kube-object.ts";
import { ALL_NETWORKS } from "../../../policy/default-policy.ts";
import { containerPorts } from "../../index/pod-facts.ts";
import { defaultMetadata, encodeNetwork } from "../../serve/encode-values.ts";
import type { AuthzInit } from "./clients.ts";

export type HttpRouteInit = MessageInitShape<typeof HttpRouteSchema>;
export type GrpcRouteInit = MessageInitShape<typeof GrpcRouteSchema>;
type MatchInit = MessageInitShape<typeof HttpRouteMatchSchema>;

/** Where no route object is: everything, with the Server's authorizations. */
export function everythingRoute(): HttpRouteInit {
  return {
    metadata: defaultMetadata("default"),
    rules: [{ matches: [{ path: { kind: { case: "prefix", value: "/" } } }] }],
  };
}

/** The same for a Server that speaks gRPC. */
export function everythingGrpcRoute(): GrpcRouteInit {
  return { metadata: defaultMetadata("default"), rules: [{ matches: [{ rpc: {} }] }] };
}

/**
 * What the probes of a pod ask on a port, for everybody, so that the kubelet (which has no identity) reaches the pod whatever its
 * policy. Undefined without such probes.
 */
export function probeRoute(pod: KubeObject, port: number): HttpRouteInit | undefined {
  const paths = httpProbePaths(pod, port);
  const matches = paths.map((path) => matchOf(HttpMethod_Registered.GET, path));
  if (hasGrpcProbe(pod, port)) {
    matches.push(matchOf(HttpMethod_Registered.POST, `/${HEALTH.service}/${HEALTH.method}`));
  }
  return matches.length === 0 ? undefined : { ...everybodyFor("probe"), rules: [{ matches }] };
}

/** The same for a Server that speaks gRPC. */
export function grpcProbeRoute(pod: KubeObject, port: number): GrpcRouteInit | undefined {
  return hasGrpcProbe(pod, port)
    ? { ...everybodyFor("probe"), rules: [{ matches: [{ rpc: HEALTH }] }] }
    : undefined;
}

const HEALTH = { service: "grpc.health.v1.Health", method: "Check" };

function everybodyFor(name: string) {
  const authorization: AuthzInit = {
    networks: ALL_NETWORKS.map((network) => ({ net: encodeNetwork(network) })),
    authentication: { permit: { case: "unauthenticated", value: {} } },
    labels: { group: "", kind: "default", name },
    metadata: defaultMetadata(name),
  };
  return { metadata: defaultMetadata(name), authorizations: [authorization] };
}

function matchOf(method: HttpMethod_Registered, path: string): MatchInit {
  return {
    path: { kind: { case: "exact", value: path } },
    method: { type: { case: "registered", value: method } },
  };
}

interface Probe {
  readonly httpGet?: { readonly path?: string; readonly port: number | string };
  readonly grpc?: { readonly port: number };
}

function httpProbePaths(pod: KubeObject, port: number): string[] {
  const named = containerPorts(pod);
  const paths = new Set<string>();
  for (const { httpGet: get } of probesOf(pod)) {
    if (!get) continue;
    const number =
      typeof get.port === "number" ? get.port : named.find(({ name }) => name === get.port)?.number;
    if (number !== port) continue;
    const path = (get.path || "/").split(/[?#]/)[0]!;
    paths.add(path.startsWith("/") ? path : `/${path}`);
  }
  return [...paths].sort();
}

function hasGrpcProbe(pod: KubeObject, port: number): boolean {
  return probesOf(pod).some(({ grpc }) => grpc?.port === port);
}

function probesOf(pod: KubeObject): Probe[] {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return containers.flatMap(({ livenessProbe, readinessProbe, startupProbe }) =>
    [livenessProbe, readinessProbe, startupProbe].filter((probe) => probe !== undefined),
  );
}
