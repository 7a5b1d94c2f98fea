import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GrpcRouteMatchSchema } from "../../../api/gen/io/linkerd/proxy/grpc_route_pb.js";
import type {
  HostMatchSchema,
  HttpRouteMatchSchema,
} from "../../../api/gen/io/linkerd/proxy/http_route_pb.js";
import { tryParseGoDuration } from "../../../base/duration.ts";
import type { KubeObject } from "../../../base/kube-object.ts";
import { type BackendRef, readBackendRef } from "../../index/route-refs.ts";
import { type Resilience, readResilience } from "../resilience.ts";
import { type EncodedFilter, encodeFilter } from "./encode-filter.ts";
import { encodeGrpcMatch, encodeHosts, encodeHttpMatch } from "./encode-match.ts";
import { RouteProblem } from "./route-problem.ts";

// biome-ignore lint/suspicious/noExplicitAny: parts of objects, as they stand there
type Raw = any;

/** A route of any kind, read and checked: all of it that does not depend on other objects. */
export interface ReadRoute {
  readonly hosts: MessageInitShape<typeof HostMatchSchema>[];
  readonly rules: readonly ReadRule[];
  readonly resilience: Resilience;
}

export interface ReadRule {
  /** Of HTTPRoutes. */
  readonly httpMatches: MessageInitShape<typeof HttpRouteMatchSchema>[];
  /** Of GRPCRoutes. */
  readonly grpcMatches: MessageInitShape<typeof GrpcRouteMatchSchema>[];
  readonly filters: readonly EncodedFilter[];
  /** `timeouts.request`; zero: none, undefined: not said. */
  readonly requestMs: number | undefined;
  /** `timeouts.backendRequest`: of each attempt. */
  readonly backendRequestMs: number | undefined;
  readonly backends: readonly ReadBackend[];
}

export interface ReadBackend {
  readonly ref: BackendRef;
  readonly filters: readonly EncodedFilter[];
  /** A filter of it that we do not have: requests that go there fail. */
  readonly problem: string | undefined;
}

/** What a GRPCRoute's rules can do on the wire. */
const GRPC_FILTERS: ReadonlySet<EncodedFilter["case"]> = new Set(["requestHeaderModifier"]);

const read = new WeakMap<KubeObject, ReadRoute | RouteProblem>();

/**
 * Reads a route. Objects do not change, so each is read once.
 *
 * @returns the route, or what in it cannot be served
 */
export function readRoute(route: KubeObject): ReadRoute | RouteProblem {
  let result = read.get(route);
  if (result) return result;
  try {
    result = convert(route);
  } catch (error) {
    if (!(error instanceof RouteProblem)) throw error;
    result = error;
  }
  read.set(route, result);
  return result;
}

function convert(route: KubeObject): ReadRoute {
  const rules = list(route.spec?.rules);
  if ((route.kind === "TLSRoute" || route.kind === "TCPRoute") && rules.length !== 1) {
    throw new RouteProblem("spec.rules", `there are ${rules.length} rules, and exactly one is supported`);
  }
  return {
    hosts: encodeHosts(route.spec?.hostnames),
    rules: rules.map((rule, index) => convertRule(route, rule, `spec.rules[${index}]`)),
    resilience: readResilience(route.metadata.annotations ?? {}),
  };
}

function convertRule(route: KubeObject, rule: Raw, at: string): ReadRule {
  const matches = list(rule.matches);
  const isGrpc = route.kind === "GRPCRoute";
  const convertFilter = (filter: Raw, where: string): EncodedFilter => {
    const encoded = encodeFilter(filter, where);
    if (isGrpc && !GRPC_FILTERS.has(encoded.case)) {
      throw new RouteProblem(`${where}.type`, `${filter.type} is not supported in a GRPCRoute`);
    }
    return encoded;
  };
  return {
    httpMatches:
      route.kind === "HTTPRoute"
        ? matches.map((match, index) => encodeHttpMatch(match, `${at}.matches[${index}]`))
        : [],
    grpcMatches: isGrpc
      ? matches.map((match, index) => encodeGrpcMatch(match, `${at}.matches[${index}]`))
      : [],
    filters: list(rule.filters).map((filter, index) => convertFilter(filter, `${at}.filters[${index}]`)),
    requestMs: readTimeout(rule.timeouts?.request, `${at}.timeouts.request`),
    backendRequestMs: readTimeout(rule.timeouts?.backendRequest, `${at}.timeouts.backendRequest`),
    backends: list(rule.backendRefs).map((raw, index) =>
      convertBackend(readBackendRef(route, raw), `${at}.backendRefs[${index}]`, convertFilter),
    ),
  };
}

function convertBackend(
  ref: BackendRef,
  at: string,
  convertFilter: (filter: Raw, at: string) => EncodedFilter,
): ReadBackend {
  try {
    const filters = ref.filters.map((filter, index) => convertFilter(filter, `${at}.filters[${index}]`));
    return { ref, filters, problem: undefined };
  } catch (error) {
    if (!(error instanceof RouteProblem)) throw error;
    // The other backends are none the worse for it.
    return { ref, filters: [], problem: `unsupported backend filter: ${error.message}` };
  }
}

function readTimeout(text: unknown, at: string): number | undefined {
  if (text === undefined) return undefined;
  const ms = tryParseGoDuration(String(text));
  if (ms === undefined || ms < 0) throw new RouteProblem(at, `${JSON.stringify(text)} is no duration`);
  return ms;
}

function list(value: Raw): readonly Raw[] {
  return Array.isArray(value) ? value : [];
}
