import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ProxyProtocolSchema } from "../../../api/gen/io/linkerd/proxy/outbound_pb.js";
import type { RouteKind } from "../../index/route-refs.ts";
import { encodeDuration } from "../../serve/encode-values.ts";
import type { Resilience } from "../resilience.ts";
import type { AttachedRoute } from "../routes/attached-routes.ts";
import type { BackendContext } from "./backends.ts";
import type { DefaultRoutes } from "./default-routes.ts";
import { encodeGrpcRoute, encodeHttpRoute, encodeTcpRoute, encodeTlsRoute } from "./encode-routes.ts";

/** What a port is known to carry. */
export type KnownProtocol = "http1" | "http2" | "opaque";

export interface ProtocolInput {
  /** Undefined: the routes decide, else the proxy detects. */
  readonly known: KnownProtocol | undefined;
  /** The accepted routes, by kind, the oldest first. */
  readonly routes: Readonly<Record<RouteKind, readonly AttachedRoute[]>>;
  readonly defaults: DefaultRoutes;
  /** The parent's. */
  readonly resilience: Resilience;
  readonly context: BackendContext;
}

const DETECT_TIMEOUT_MS = 10_000;
export const NO_ROUTES: ProtocolInput["routes"] = {
  HTTPRoute: [],
  GRPCRoute: [],
  TLSRoute: [],
  TCPRoute: [],
};

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
export function encodeProtocol({
  known,
  routes,
  defaults,
  resilience,
  context,
}: ProtocolInput): MessageInitShape<typeof ProxyProtocolSchema> {
  const { failureAccrual } = resilience;
  const accrual = failureAccrual && { failureAccrual };
  if (routes.GRPCRoute.length > 0 && (known === undefined || known === "http2")) {
    const grpc = routes.GRPCRoute.map((route) => encodeGrpcRoute(route, resilience, context));
    if (defaults.behind) grpc.push(defaults.behind.grpc);
    return { kind: { case: "grpc", value: { routes: grpc, ...accrual } } };
  }
  const httpRoutes = routes.HTTPRoute.map((route) => encodeHttpRoute(route, resilience, context));
  if (httpRoutes.length === 0 || defaults.behind) httpRoutes.push(defaults.http);
  const http = { routes: httpRoutes, ...accrual };
  if (known === "http1" || known === "http2") return { kind: { case: known, value: http } };
  // At most one, the oldest.
  const [tcp] = routes.TCPRoute;
  if (known === undefined && routes.HTTPRoute.length === 0) {
    if (routes.TLSRoute.length > 0) {
      const tls = routes.TLSRoute.map((route) => encodeTlsRoute(route, context));
      if (defaults.behind) tls.push(defaults.behind.tls);
      return { kind: { case: "tls", value: { routes: tls } } };
    }
    if (tcp) return { kind: { case: "opaque", value: { routes: [encodeTcpRoute(tcp, context)] } } };
  }
  if (known === "opaque") {
    const route = tcp ? encodeTcpRoute(tcp, context) : defaults.opaque;
    return { kind: { case: "opaque", value: { routes: [route] } } };
  }
  const value = {
    timeout: encodeDuration(DETECT_TIMEOUT_MS),
    opaque: { routes: [defaults.opaque] },
    http1: http,
    http2: http,
  };
  return { kind: { case: "detect", value } };
}
