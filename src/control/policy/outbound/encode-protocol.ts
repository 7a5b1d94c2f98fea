import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  HttpRouteSchema,
  OpaqueRouteSchema,
  ProxyProtocolSchema,
} from "../../../api/gen/io/linkerd/proxy/outbound_pb.js";
import type { RouteKind } from "../../index/route-refs.ts";
import { defaultMetadata, encodeDuration } from "../../serve/encode-values.ts";
import { encodeHttpRetry, encodeTimeouts, type Resilience } from "../resilience.ts";
import type { AttachedRoute } from "../routes/attached-routes.ts";
import type { BackendContext, BackendInit } from "./backends.ts";
import { encodeGrpcRoute, encodeHttpRoute, encodeTcpRoute, encodeTlsRoute } from "./encode-routes.ts";

/** What a port is known to carry. */
export type KnownProtocol = "http1" | "http2" | "opaque";

type ProtocolInit = MessageInitShape<typeof ProxyProtocolSchema>;

const DETECT_TIMEOUT_MS = 10_000;
const NO_ROUTES = { HTTPRoute: [], GRPCRoute: [], TLSRoute: [], TCPRoute: [] };

/**
 * The protocol of a policy with its routes (reference proxy-api 9.6):
 *
 * | known | kind |
 * |---|---|
 * | – | gRPC with GRPCRoutes; else detect with HTTPRoutes; else TLS with TLSRoutes; else opaque with a TCPRoute; else detect |
 * | HTTP/1 | HTTP/1 |
 * | HTTP/2 | gRPC with GRPCRoutes, else HTTP/2 |
 * | opaque | opaque |
 */
export function encodeProtocol(
  known: KnownProtocol | undefined,
  routes: Readonly<Record<RouteKind, readonly AttachedRoute[]>> = NO_ROUTES,
  resilience: Resilience,
  context: BackendContext,
): ProtocolInit {
  const accrual = resilience.failureAccrual && { failureAccrual: resilience.failureAccrual };
  if (routes.GRPCRoute.length > 0 && (known === undefined || known === "http2")) {
    const value = {
      routes: routes.GRPCRoute.map((route) => encodeGrpcRoute(route, resilience, context)),
      ...accrual,
    };
    return { kind: { case: "grpc", value } };
  }
  const http = { routes: httpRoutes(routes.HTTPRoute, resilience, context), ...accrual };
  if (known === "http1" || known === "http2") return { kind: { case: known, value: http } };
  // At most one, the oldest.
  const [tcp] = routes.TCPRoute;
  if (known === undefined && routes.HTTPRoute.length === 0) {
    if (routes.TLSRoute.length > 0) {
      const value = { routes: routes.TLSRoute.map((route) => encodeTlsRoute(route, context)) };
      return { kind: { case: "tls", value } };
    }
    if (tcp) return { kind: { case: "opaque", value: { routes: [encodeTcpRoute(tcp, context)] } } };
  }
  if (known === "opaque") {
    const route = tcp ? encodeTcpRoute(tcp, context) : defaultOpaqueRoute(context.parentBackend);
    return { kind: { case: "opaque", value: { routes: [route] } } };
  }
  const value = {
    timeout: encodeDuration(DETECT_TIMEOUT_MS),
    opaque: { routes: [defaultOpaqueRoute(context.parentBackend)] },
    http1: http,
    http2: http,
  };
  return { kind: { case: "detect", value } };
}

function httpRoutes(
  routes: readonly AttachedRoute[],
  resilience: Resilience,
  context: BackendContext,
): MessageInitShape<typeof HttpRouteSchema>[] {
  if (routes.length > 0) return routes.map((route) => encodeHttpRoute(route, resilience, context));
  const timeouts = encodeTimeouts(resilience.timeouts);
  const retry = encodeHttpRetry(resilience.retry);
  const rule = {
    matches: [{ path: { kind: { case: "prefix" as const, value: "/" } } }],
    backends: toParent(context.parentBackend),
    ...(timeouts && { timeouts }),
    ...(retry && { retry }),
  };
  return [{ metadata: defaultMetadata("http"), rules: [rule] }];
}

function defaultOpaqueRoute(backend: BackendInit): MessageInitShape<typeof OpaqueRouteSchema> {
  return { metadata: defaultMetadata("opaq"), rules: [{ backends: toParent(backend) }] };
}

function toParent(backend: BackendInit) {
  return { kind: { case: "firstAvailable" as const, value: { backends: [{ backend }] } } };
}
