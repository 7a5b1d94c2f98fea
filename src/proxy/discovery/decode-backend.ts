import type {
  Backend_BalanceP2c,
  Backend as BackendMessage,
  GrpcRoute_Distribution,
  HttpRoute_Distribution,
  OpaqueRoute_Distribution,
  TlsRoute_Distribution,
} from "../../api/gen/io/linkerd/proxy/outbound_pb.js";
import type { Backend, Distribution, WeightedBackend } from "../../policy/outbound.ts";
import { tryDecodeEndpoint } from "./decode-endpoint.ts";
import { decodeMeta, durationMs, present, tryDurationMs, undecodable } from "./decode-values.ts";

/** Defaults of the penalising balancer, whose fields may be absent (reference proxy-api section 9.5). */
const DEFAULT_RTT_MS = 30;
const DEFAULT_DECAY_MS = 10_000;
const DEFAULT_PENALTY_MS = 5000;
const DEFAULT_RETRY_AFTER_MS_MAX = 300_000;

type RouteBackend = {
  readonly backend?: BackendMessage | undefined;
  readonly filters: readonly { readonly kind: { readonly case: string | undefined } }[];
};
type AnyDistribution =
  | HttpRoute_Distribution
  | GrpcRoute_Distribution
  | OpaqueRoute_Distribution
  | TlsRoute_Distribution;

export function decodeHttpDistribution(
  message: HttpRoute_Distribution | GrpcRoute_Distribution | undefined,
  decodeExtras: (backend: RouteBackend) => Pick<WeightedBackend, "filters" | "mirrors">,
): Distribution {
  return decodeDistribution(message, (routeBackend, weight) => ({
    weight,
    backend: decodeBackend(routeBackend.backend),
    ...decodeExtras(routeBackend),
  }));
}

/** Filters of connections say only that a backend must not be used. */
export function decodeOpaqueDistribution(
  message: OpaqueRoute_Distribution | TlsRoute_Distribution | undefined,
): Distribution {
  return decodeDistribution(message, (routeBackend, weight) => {
    const backend = decodeBackend(routeBackend.backend);
    const usable: Backend =
      routeBackend.filters.length > 0 ? { meta: backend.meta, target: { kind: "none" } } : backend;
    return { weight, backend: usable, filters: [] };
  });
}

/** A single entry is first-available, whatever it was sent as. */
function decodeDistribution(
  message: AnyDistribution | undefined,
  decode: (backend: RouteBackend, weight: number) => WeightedBackend,
): Distribution {
  const kind = present(message, "a rule's backends").kind;
  switch (kind.case) {
    case "empty":
      return { kind: "empty", backends: [] };
    case "firstAvailable": {
      const backends = nonEmpty<RouteBackend>(kind.value.backends).map((backend) => decode(backend, 1));
      return { kind: "first-available", backends };
    }
    case "randomAvailable": {
      const backends = nonEmpty<{ backend?: RouteBackend | undefined; weight: number }>(
        kind.value.backends,
      ).map(({ backend, weight }) => decode(present(backend, "a weighted backend"), weight));
      if (backends.length > 1) return { kind: "random-available", backends };
      return { kind: "first-available", backends };
    }
    default:
      throw undecodable("a rule's backends", "their kind is absent");
  }
}

function nonEmpty<T>(list: readonly T[]): readonly T[] {
  if (list.length === 0) throw undecodable("a rule's backends", "the list is empty");
  return list;
}

export function decodeBackend(message: BackendMessage | undefined): Backend {
  const backend = present(message, "a backend");
  const meta = decodeMeta(backend.metadata, "a backend's metadata", "outbound");
  // The values are not used (the proxy has its own), but the fields must be there.
  present(
    present(backend.queue, `the queue of backend ${meta.name}`).failfastTimeout,
    "a queue's failfast timeout",
  );
  switch (backend.kind.case) {
    case "forward": {
      const endpoint = tryDecodeEndpoint(backend.kind.value, {});
      if (!endpoint) throw undecodable(`backend ${meta.name}`, "its address is missing");
      return { meta, target: { kind: "forward", endpoint } };
    }
    case "balancer":
      return { meta, target: decodeBalancer(backend.kind.value) };
    default:
      return { meta, target: { kind: "none" } };
  }
}

function decodeBalancer(message: Backend_BalanceP2c): Backend["target"] {
  const discovery = present(message.discovery, "a balancer's discovery").kind;
  if (discovery.case !== "dst") throw undecodable("a balancer's discovery", "its kind is absent");
  const { path } = discovery.value;
  switch (message.load.case) {
    case "peakEwma":
      return {
        kind: "balance",
        path,
        defaultRttMs: durationMs(present(message.load.value.defaultRtt, "a balancer's default RTT")),
        decayMs: durationMs(present(message.load.value.decay, "a balancer's decay")),
        penaltyMs: undefined,
      };
    case "penaltyPeakEwma":
      return {
        kind: "balance",
        path,
        defaultRttMs: tryDurationMs(message.load.value.defaultRtt) ?? DEFAULT_RTT_MS,
        decayMs: tryDurationMs(message.load.value.decay) ?? DEFAULT_DECAY_MS,
        penaltyMs: tryDurationMs(message.load.value.penalty) ?? DEFAULT_PENALTY_MS,
        maxRetryAfterMs: tryDurationMs(message.load.value.maxRetryAfter) ?? DEFAULT_RETRY_AFTER_MS_MAX,
      };
    default:
      throw undecodable("a balancer's load", "its kind is absent");
  }
}
