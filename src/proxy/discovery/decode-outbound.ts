import type {
  FailureAccrual as FailureAccrualMessage,
  GrpcRoute,
  GrpcRoute_Filter,
  HttpRoute,
  HttpRoute_Filter,
  HttpRoute_RouteBackend,
  OpaqueRoute as OpaqueRouteMessage,
  OutboundPolicy as OutboundPolicyMessage,
  TlsRoute,
} from "../../api/gen/io/linkerd/proxy/outbound_pb.js";
import type { SniMatch } from "../../api/gen/io/linkerd/proxy/tls_route_pb.js";
import { defaultMeta } from "../../policy/meta.ts";
import type {
  FailureAccrual,
  OpaqueRoute,
  OutboundPolicy,
  OutboundRoute,
  WeightedBackend,
} from "../../policy/outbound.ts";
import type { HostMatch, HttpFilter } from "../../policy/route.ts";
import { decodeBackend, decodeHttpDistribution, decodeOpaqueDistribution } from "./decode-backend.ts";
import { decodeGrpcRetry, decodeHttpRetry } from "./decode-retry.ts";
import {
  decodeGrpcFailure,
  decodeGrpcMatch,
  decodeHost,
  decodeHttpFailure,
  decodeHttpMatch,
  decodeRatio,
  decodeRedirect,
  decodeRequestHeaders,
  decodeResponseHeaders,
  decodeRewrite,
} from "./decode-route.ts";
import {
  decodeBackoff,
  decodeMeta,
  durationMs,
  present,
  tryDurationMs,
  undecodable,
} from "./decode-values.ts";

/**
 * Where traffic to a target goes, out of the control plane's message. A failure anywhere invalidates the whole: serve
 * `invalidOutboundPolicy` then.
 *
 * @throws MeshError `POLICY_UNDECODABLE`
 * @see reference: proxy-api sections 9.2 to 9.5
 */
export function decodeOutboundPolicy(message: OutboundPolicyMessage): OutboundPolicy {
  const meta = decodeMeta(message.metadata, "an outbound policy's metadata", "outbound");
  const kind = present(message.protocol, "an outbound policy's protocol").kind;
  const none = { meta, httpRoutes: [], opaqueRoutes: [], failureAccrual: undefined };
  switch (kind.case) {
    case "detect": {
      // Its timeout must be there and is not used: the proxy's own setting wins.
      present(kind.value.timeout, "the detection timeout");
      present(kind.value.http2, "the HTTP/2 part of a detect policy");
      const http1 = present(kind.value.http1, "the HTTP/1 part of a detect policy");
      const opaque = present(kind.value.opaque, "the opaque part of a detect policy");
      return {
        meta,
        protocol: "detect",
        httpRoutes: http1.routes.map(decodeHttpRoute),
        opaqueRoutes: decodeOpaqueRoutes(opaque.routes),
        failureAccrual: decodeAccrual(http1.failureAccrual),
      };
    }
    case "http1":
    case "http2":
      return {
        ...none,
        protocol: kind.case,
        httpRoutes: kind.value.routes.map(decodeHttpRoute),
        failureAccrual: decodeAccrual(kind.value.failureAccrual),
      };
    case "grpc":
      return {
        ...none,
        protocol: "grpc",
        httpRoutes: kind.value.routes.map(decodeGrpcRoute),
        failureAccrual: decodeAccrual(kind.value.failureAccrual),
      };
    case "opaque":
      return { ...none, protocol: "opaque", opaqueRoutes: decodeOpaqueRoutes(kind.value.routes) };
    case "tls":
      return { ...none, protocol: "tls", opaqueRoutes: kind.value.routes.map(decodeTlsRoute) };
    default:
      throw undecodable("an outbound policy's protocol", "its kind is absent");
  }
}

/** What stands in for a policy that cannot be decoded: HTTP answers 500, other connections are refused. */
export function invalidOutboundPolicy(): OutboundPolicy {
  const meta = defaultMeta("invalid");
  const refuse: HttpFilter = { kind: "failure", status: 500, message: "invalid client policy", ratio: 1 };
  return {
    meta,
    protocol: "detect",
    httpRoutes: [
      {
        meta,
        hosts: [],
        rules: [
          { matches: [], filters: [refuse], backends: NO_BACKENDS, timeouts: NO_TIMEOUTS, retry: undefined },
        ],
      },
    ],
    opaqueRoutes: [{ meta, backends: NO_BACKENDS, refused: "invalid" }],
    failureAccrual: undefined,
  };
}

export const NO_TIMEOUTS = { requestMs: undefined, responseMs: undefined, idleMs: undefined };
const NO_BACKENDS = { kind: "empty", backends: [] } as const;

function decodeHttpRoute(message: HttpRoute): OutboundRoute {
  return {
    meta: decodeMeta(message.metadata, "a route's metadata", "outbound"),
    hosts: message.hosts.map(decodeHost),
    rules: message.rules.map((rule) => ({
      matches: rule.matches.map(decodeHttpMatch),
      ...decodeHttpExtras(rule),
      backends: decodeHttpDistribution(rule.backends, (backend) =>
        decodeHttpExtras(backend as HttpRoute_RouteBackend),
      ),
      timeouts: decodeTimeouts(rule),
      retry: rule.retry && decodeHttpRetry(rule.retry),
      allowsOverrides: rule.allowL5dRequestHeaders,
    })),
  };
}

function decodeGrpcRoute(message: GrpcRoute): OutboundRoute {
  return {
    meta: decodeMeta(message.metadata, "a gRPC route's metadata", "outbound"),
    hosts: message.hosts.map(decodeHost),
    rules: message.rules.map((rule) => ({
      matches: rule.matches.map(decodeGrpcMatch),
      filters: rule.filters.map(decodeGrpcFilter),
      backends: decodeHttpDistribution(rule.backends, ({ filters }) => ({
        filters: (filters as GrpcRoute_Filter[]).map(decodeGrpcFilter),
      })),
      timeouts: decodeTimeouts(rule),
      retry: rule.retry && decodeGrpcRetry(rule.retry),
      allowsOverrides: rule.allowL5dRequestHeaders,
    })),
  };
}

/** At most one route, of exactly one rule. */
function decodeOpaqueRoutes(messages: readonly OpaqueRouteMessage[]): OpaqueRoute[] {
  if (messages.length > 1) throw undecodable("an opaque policy", `it has ${messages.length} routes`);
  return messages.map((message) => decodeConnectionRoute(message));
}

function decodeTlsRoute(message: TlsRoute): OpaqueRoute {
  return { ...decodeConnectionRoute(message), snis: message.snis.map(decodeSni) };
}

function decodeConnectionRoute(message: OpaqueRouteMessage | TlsRoute): OpaqueRoute {
  const meta = decodeMeta(message.metadata, "a route's metadata", "outbound");
  const [rule, ...others] = message.rules;
  if (!rule || others.length > 0)
    throw undecodable(`route ${meta.name}`, `it has ${message.rules.length} rules`);
  const filter = rule.filters[0]?.kind;
  if (filter && filter.case === undefined)
    throw undecodable(`a filter of route ${meta.name}`, "its kind is absent");
  return { meta, backends: decodeOpaqueDistribution(rule.backends), refused: filter?.case };
}

/** SNI compares case-sensitively, unlike a host. */
function decodeSni({ match }: SniMatch): HostMatch {
  switch (match.case) {
    case "exact":
      return { kind: "exact", host: match.value };
    case "suffix":
      return { kind: "suffix", suffix: `.${[...match.value.reverseLabels].reverse().join(".")}` };
    default:
      throw undecodable("an SNI match", "it is neither exact nor suffix");
  }
}

/**
 * Filters of a rule or backend. Rewriting has a field of its own; it comes last, so that a redirect beside it sees the request as it
 * was. Mirroring is no filter here: it neither changes nor answers a request.
 */
function decodeHttpExtras({
  filters,
  urlRewrite,
  mirrors,
}: Pick<HttpRoute_RouteBackend, "filters" | "urlRewrite" | "mirrors">): Pick<
  WeightedBackend,
  "filters" | "mirrors"
> {
  const decoded = filters.map(decodeHttpFilter);
  if (urlRewrite) decoded.push(decodeRewrite(urlRewrite));
  if (mirrors.length === 0) return { filters: decoded };
  return {
    filters: decoded,
    mirrors: mirrors.map(({ backend, ratio }) => ({
      backend: decodeBackend(backend),
      ratio: decodeRatio(ratio),
    })),
  };
}

function decodeHttpFilter({ kind }: HttpRoute_Filter): HttpFilter {
  switch (kind.case) {
    case "failureInjector":
      return decodeHttpFailure(kind.value);
    case "requestHeaderModifier":
      return decodeRequestHeaders(kind.value);
    case "responseHeaderModifier":
      return decodeResponseHeaders(kind.value);
    case "redirect":
      return decodeRedirect(kind.value);
    default:
      throw undecodable("a filter", "its kind is absent");
  }
}

function decodeGrpcFilter({ kind }: GrpcRoute_Filter): HttpFilter {
  switch (kind.case) {
    case "failureInjector":
      return decodeGrpcFailure(kind.value);
    case "requestHeaderModifier":
      return decodeRequestHeaders(kind.value);
    default:
      throw undecodable("a gRPC filter", "its kind is absent");
  }
}

/** The deprecated field stands in for `timeouts.request` when that is absent. */
function decodeTimeouts(rule: Pick<HttpRoute["rules"][number], "timeouts" | "requestTimeout">) {
  return {
    requestMs: tryDurationMs(rule.timeouts?.request ?? rule.requestTimeout),
    responseMs: tryDurationMs(rule.timeouts?.response),
    idleMs: tryDurationMs(rule.timeouts?.idle),
  };
}

function decodeAccrual(message: FailureAccrualMessage | undefined): FailureAccrual | undefined {
  if (!message) return undefined;
  const minReadyEndpoints = message.ejection?.minReadyEndpoints ?? 0;
  switch (message.kind.case) {
    case "consecutiveFailures":
      return {
        minReadyEndpoints,
        maxConsecutiveFailures: message.kind.value.maxFailures,
        successRateThreshold: 0,
        decayMs: 10_000,
        minRequests: 0,
        countsLimited: false,
        backoff: decodeBackoff(message.kind.value.backoff, "a breaker's backoff"),
      };
    case "unified": {
      const { successRateThreshold, decay, minRequests, maxConsecutiveFailures, backoff } =
        message.kind.value;
      if (!(successRateThreshold >= 0 && successRateThreshold <= 1)) {
        throw undecodable("a breaker", `success rate threshold ${successRateThreshold}`);
      }
      if (minRequests > 1_000_000) throw undecodable("a breaker", `min requests ${minRequests}`);
      const decayMs = decay ? durationMs(decay) : 10_000;
      const threshold = Math.round(successRateThreshold * 10_000) / 10_000;
      if (threshold > 0 && decayMs < 10) throw undecodable("a breaker", `decay ${decayMs} ms`);
      return {
        minReadyEndpoints,
        maxConsecutiveFailures,
        successRateThreshold: threshold,
        decayMs,
        minRequests,
        countsLimited: true,
        backoff: decodeBackoff(backoff, "a breaker's backoff"),
      };
    }
    default:
      throw undecodable("a breaker", "its kind is absent");
  }
}
