import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  GrpcRoute_FilterSchema,
  GrpcRoute_RouteBackendSchema,
  GrpcRouteSchema,
  HttpRoute_FilterSchema,
  HttpRoute_MirrorSchema,
  HttpRoute_RouteBackendSchema,
  HttpRouteSchema,
  OpaqueRouteSchema,
  TlsRouteSchema,
} from "../../../api/gen/io/linkerd/proxy/outbound_pb.js";
import type { SniMatchSchema } from "../../../api/gen/io/linkerd/proxy/tls_route_pb.js";
import type { KubeObject } from "../../../base/kube-object.ts";
import { groupOf } from "../../index/custom-objects.ts";
import { readBackendRef } from "../../index/route-refs.ts";
import { resourceMetadata } from "../../serve/encode-values.ts";
import {
  allowsHeaders,
  encodeGrpcRetry,
  encodeHttpRetry,
  encodeTimeouts,
  type Resilience,
  timeoutsOf,
} from "../resilience.ts";
import type { AttachedRoute } from "../routes/attached-routes.ts";
import type { EncodedFilter } from "../routes/encode-filter.ts";
import type { ReadBackend } from "../routes/read-route.ts";
import { withBackendRequest } from "./backend-request.ts";
import { type BackendContext, resolveBackend } from "./backends.ts";

type HttpFilterInit = MessageInitShape<typeof HttpRoute_FilterSchema>;
type GrpcFilterInit = MessageInitShape<typeof GrpcRoute_FilterSchema>;
type MirrorInit = MessageInitShape<typeof HttpRoute_MirrorSchema>;

const FAILURE_STATUS = 500;

/** An HTTPRoute as a proxy gets it. */
export function encodeHttpRoute(
  { object, route }: AttachedRoute,
  parent: Resilience,
  context: BackendContext,
): MessageInitShape<typeof HttpRouteSchema> {
  const allowL5dRequestHeaders = allowsHeaders(route.resilience, parent);
  return {
    metadata: routeMetadata(object),
    hosts: route.hosts,
    rules: route.rules.map((rule) => {
      const times = withBackendRequest(rule, route.resilience.retry ?? parent.retry);
      const timeouts = encodeTimeouts(timeoutsOf(route.resilience, parent, times.requestMs));
      const retry = encodeHttpRetry(times.retry);
      return {
        matches: rule.httpMatches,
        ...httpFilters(rule.filters, object, context),
        backends: distribute(weighted(rule.backends), { backend: context.parentBackend }, (backend) =>
          httpBackend(backend, object, context),
        ),
        ...(timeouts && { timeouts }),
        ...(retry && { retry }),
        allowL5dRequestHeaders,
      };
    }),
  };
}

/** A GRPCRoute as a proxy gets it. */
export function encodeGrpcRoute(
  { object, route }: AttachedRoute,
  parent: Resilience,
  context: BackendContext,
): MessageInitShape<typeof GrpcRouteSchema> {
  const retry = encodeGrpcRetry(route.resilience.retry ?? parent.retry);
  const allowL5dRequestHeaders = allowsHeaders(route.resilience, parent);
  const timeouts = encodeTimeouts(timeoutsOf(route.resilience, parent));
  return {
    metadata: routeMetadata(object),
    hosts: route.hosts,
    rules: route.rules.map((rule) => ({
      matches: rule.grpcMatches,
      filters: grpcFilters(rule.filters),
      backends: distribute(weighted(rule.backends), { backend: context.parentBackend }, (backend) =>
        grpcBackend(backend, context),
      ),
      ...(timeouts && { timeouts }),
      ...(retry && { retry }),
      allowL5dRequestHeaders,
    })),
  };
}

/** A TLSRoute as a proxy gets it. */
export function encodeTlsRoute(
  { object, route }: AttachedRoute,
  context: BackendContext,
): MessageInitShape<typeof TlsRouteSchema> {
  return {
    metadata: routeMetadata(object),
    // Host and SNI matches are the same on the wire.
    snis: route.hosts.map(({ match }) => ({ match }) as MessageInitShape<typeof SniMatchSchema>),
    rules: connectionRules({ object, route }, context),
  };
}

/** A TCPRoute as a proxy gets it. */
export function encodeTcpRoute(
  { object, route }: AttachedRoute,
  context: BackendContext,
): MessageInitShape<typeof OpaqueRouteSchema> {
  return { metadata: routeMetadata(object), rules: connectionRules({ object, route }, context) };
}

function connectionRules({ route }: AttachedRoute, context: BackendContext) {
  return route.rules.map((rule) => ({
    backends: distribute(weighted(rule.backends), { backend: context.parentBackend }, (each) => {
      const { backend, problem } = resolveBackend(each, context);
      if (problem === undefined) return { backend };
      return { backend, filters: [{ kind: { case: "invalid" as const, value: { message: problem } } }] };
    }),
  }));
}

/**
 * Without any weight there is nowhere to go, and requests fail (Gateway API, BackendRef.weight). A proxy would send everything to a
 * single backend, whatever its weight.
 */
function weighted(backends: readonly ReadBackend[]): readonly ReadBackend[] {
  const [first] = backends;
  if (!first || backends.some(({ ref }) => ref.weight > 0)) return backends;
  return [{ ...first, problem: "no backend has a weight" }];
}

/** No backends: the parent itself. */
function distribute<B>(
  backends: readonly ReadBackend[],
  parent: B,
  encode: (backend: ReadBackend) => B,
): {
  kind:
    | { case: "firstAvailable"; value: { backends: B[] } }
    | { case: "randomAvailable"; value: { backends: { weight: number; backend: B }[] } };
} {
  if (backends.length === 0) return { kind: { case: "firstAvailable", value: { backends: [parent] } } };
  return {
    kind: {
      case: "randomAvailable",
      value: {
        backends: backends.map((backend) => ({ weight: backend.ref.weight, backend: encode(backend) })),
      },
    },
  };
}

function httpBackend(
  each: ReadBackend,
  route: KubeObject,
  context: BackendContext,
): MessageInitShape<typeof HttpRoute_RouteBackendSchema> {
  const { backend, problem } = resolveBackend(each, context);
  if (problem === undefined) return { backend, ...httpFilters(each.filters, route, context) };
  const failure: HttpFilterInit = {
    kind: { case: "failureInjector", value: { status: FAILURE_STATUS, message: problem } },
  };
  return { backend, filters: [failure] };
}

function grpcBackend(
  each: ReadBackend,
  context: BackendContext,
): MessageInitShape<typeof GrpcRoute_RouteBackendSchema> {
  const { backend, problem } = resolveBackend(each, context);
  if (problem === undefined) return { backend, filters: grpcFilters(each.filters) };
  const failure: GrpcFilterInit = {
    // No gRPC code, and answered as UNKNOWN: so it is upstream, and so other proxies expect it.
    kind: { case: "failureInjector", value: { code: FAILURE_STATUS, message: problem } },
  };
  return { backend, filters: [failure] };
}

/** Rewriting and mirroring have fields of their own, which other proxies ignore. */
function httpFilters(filters: readonly EncodedFilter[], route: KubeObject, context: BackendContext) {
  const listed: HttpFilterInit[] = [];
  const mirrors: MirrorInit[] = [];
  let rewrite: (EncodedFilter & { case: "urlRewrite" }) | undefined;
  for (const filter of filters) {
    if (filter.case === "urlRewrite") rewrite = filter;
    else if (filter.case === "mirror") {
      const { backendRef, ratio } = filter.value;
      const ref = readBackendRef(route, backendRef);
      const { backend, problem } = resolveBackend({ ref, filters: [], problem: undefined }, context);
      // A copy that cannot be sent must not harm the request; the route's status names what is missing.
      if (problem === undefined) mirrors.push({ backend, ...(ratio && { ratio }) });
    } else listed.push({ kind: filter });
  }
  return {
    filters: listed,
    ...(rewrite && { urlRewrite: rewrite.value }),
    ...(mirrors.length > 0 && { mirrors }),
  };
}

function grpcFilters(filters: readonly EncodedFilter[]): GrpcFilterInit[] {
  // The others were refused when the route was read.
  return filters.flatMap((filter) => (filter.case === "requestHeaderModifier" ? [{ kind: filter }] : []));
}

function routeMetadata(route: KubeObject) {
  const { namespace = "", name = "" } = route.metadata;
  return resourceMetadata(groupOf(route.apiVersion), route.kind, namespace, name);
}
