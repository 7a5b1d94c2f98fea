import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  GrpcRoute_FilterSchema,
  HttpRoute_FilterSchema,
} from "../../../api/gen/io/linkerd/proxy/inbound_pb.js";
import type { KubeObject } from "../../../base/kube-object.ts";
import { groupOf } from "../../index/custom-objects.ts";
import { routesTopic } from "../../index/route-index.ts";
import { parentRefsOf } from "../../index/route-refs.ts";
import { acceptRoute } from "../routes/accept-route.ts";
import { encodeFilter } from "../routes/encode-filter.ts";
import { encodeGrpcMatch, encodeHosts, encodeHttpMatch } from "../routes/encode-match.ts";
import { RouteProblem } from "../routes/route-problem.ts";
import { policyAuthorizations } from "./authorization-policy.ts";
import {
  everythingGrpcRoute,
  everythingRoute,
  type GrpcRouteInit,
  grpcProbeRoute,
  type HttpRouteInit,
  probeRoute,
} from "./default-routes.ts";
import { createParser, type Parsed } from "./parse-spec.ts";
import type { PolicyReader } from "./policy-reader.ts";

type HttpFilterInit = MessageInitShape<typeof HttpRoute_FilterSchema>;
type GrpcFilterInit = MessageInitShape<typeof GrpcRoute_FilterSchema>;

/** Hosts and rules of an HTTPRoute whose parent is a Server; what decides who may use it is added for each Server. */
export const parseInboundHttpRoute = createParser<HttpRouteInit>((spec) => ({
  hosts: encodeHosts(spec.hostnames),
  rules: rulesOf(spec).map((rule, index) => ({
    matches: (rule.matches ?? []).map((match, at) =>
      encodeHttpMatch(match, `spec.rules[${index}].matches[${at}]`),
    ),
    filters: (rule.filters ?? []).map((filter, at) =>
      httpFilter(filter, `spec.rules[${index}].filters[${at}]`),
    ),
  })),
}));

/** The same of a GRPCRoute. */
export const parseInboundGrpcRoute = createParser<GrpcRouteInit>((spec) => ({
  hosts: encodeHosts(spec.hostnames),
  rules: rulesOf(spec).map((rule, index) => ({
    matches: (rule.matches ?? []).map((match, at) =>
      encodeGrpcMatch(match, `spec.rules[${index}].matches[${at}]`),
    ),
    filters: (rule.filters ?? []).map((filter, at) =>
      grpcFilter(filter, `spec.rules[${index}].filters[${at}]`),
    ),
  })),
}));

/**
 * Routes of a Server, the oldest first; without any, one for everything. Probes come last, so that a route that names their path
 * as exactly wins.
 *
 * A route with problems is left out. That lets nobody in: whom its policies would allow is not allowed without it.
 */
export function httpRoutes(
  reader: PolicyReader,
  pod: KubeObject,
  port: number,
  server: KubeObject,
): HttpRouteInit[] {
  const routes = attachedRoutes(reader, server, "HTTPRoute", parseInboundHttpRoute);
  return routes.length === 0 ? withoutRoutes(pod, port) : [...routes, ...present(probeRoute(pod, port))];
}

/** The same of a Server that speaks gRPC. */
export function grpcRoutes(
  reader: PolicyReader,
  pod: KubeObject,
  port: number,
  server: KubeObject,
): GrpcRouteInit[] {
  const routes = attachedRoutes(reader, server, "GRPCRoute", parseInboundGrpcRoute);
  return [...(routes.length === 0 ? [everythingGrpcRoute()] : routes), ...present(grpcProbeRoute(pod, port))];
}

/** Routes of a port that no route object is about. */
export function withoutRoutes(pod: KubeObject, port: number): HttpRouteInit[] {
  return [everythingRoute(), ...present(probeRoute(pod, port))];
}

function attachedRoutes<T extends object>(
  reader: PolicyReader,
  server: KubeObject,
  kind: "HTTPRoute" | "GRPCRoute",
  parse: (route: KubeObject) => Parsed<T>,
) {
  const { namespace = "", name = "" } = server.metadata;
  reader.track(routesTopic("Server", namespace, name));
  const routes = reader.index.routes.attached("Server", namespace, name);
  return routes.flatMap((route) => {
    const isAccepted = parentRefsOf(route).some(
      (parent) =>
        parent.kind === "Server" &&
        parent.namespace === namespace &&
        parent.name === name &&
        acceptRoute(route, parent, reader).isTrue,
    );
    if (route.kind !== kind || !isAccepted) return [];
    const parsed = parse(route).value;
    if (!parsed) return [];
    const group = groupOf(route.apiVersion);
    const value = { group, kind, namespace, name: route.metadata.name! };
    const authorizations = policyAuthorizations(reader, namespace, {
      group,
      kind,
      name: route.metadata.name!,
    });
    return [{ ...parsed, metadata: { kind: { case: "resource" as const, value } }, authorizations }];
  });
}

interface RawRule {
  readonly matches?: readonly unknown[];
  readonly filters?: readonly unknown[];
}

function rulesOf(spec: { readonly rules?: readonly RawRule[] }): readonly RawRule[] {
  return spec.rules ?? [{}];
}

function httpFilter(filter: unknown, at: string): HttpFilterInit {
  const encoded = encodeFilter(filter, at);
  if (encoded.case === "requestHeaderModifier" || encoded.case === "redirect") return { kind: encoded };
  throw unsupported(filter, at);
}

function grpcFilter(filter: unknown, at: string): GrpcFilterInit {
  const encoded = encodeFilter(filter, at);
  if (encoded.case === "requestHeaderModifier") return { kind: encoded };
  throw unsupported(filter, at);
}

function unsupported(filter: unknown, at: string): RouteProblem {
  const { type } = filter as { type: string };
  return new RouteProblem(`${at}.type`, `${type} is not supported where a Server is the parent`);
}

function present<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
