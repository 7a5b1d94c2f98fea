import type { Counter, CounterSeries, HistogramSeries, Labels, Registry } from "../../metrics/registry.ts";
import type { FailedAttempt, LiveExchange } from "../../observe/live-exchange.ts";
import { outcomeOf } from "../../observe/outcome.ts";
import { exchangeLabels, LABELS, verdictLabels } from "./metric-labels.ts";
import { ProfileRoutes, type ProfileSeries } from "./profile-routes.ts";
import { InboundRoutes, OutboundRoutes, type RouteSeries } from "./route-series.ts";
import type { VerdictFamilies } from "./verdict-metrics.ts";

/** Upper bounds of `response_latency_ms`, as linkerd2-proxy has them. */
export const LATENCY_BUCKETS_MS = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000,
  30_000, 40_000, 50_000,
];

export interface HttpSeriesOptions {
  /** Whether inbound series have the authority that clients write. */
  readonly hasInboundAuthority: boolean;
  /** Whether series of outbound routes have the hostname that clients write. */
  readonly hasHostname: boolean;
}

/** The families of HTTP requests: upstream's first ones, verdicts, and those of routes. */
export class HttpFamilies {
  readonly #requests: Counter;
  readonly #responses: Counter;
  readonly #latencies;
  readonly #inbound: InboundRoutes;
  readonly #outbound: OutboundRoutes;
  readonly #profiles: ProfileRoutes;
  readonly #verdicts: VerdictFamilies;
  readonly #hasInboundAuthority: boolean;

  constructor(registry: Registry, verdicts: VerdictFamilies, options: HttpSeriesOptions) {
    const labels = [
      "direction",
      "authority",
      ...LABELS.target,
      ...LABELS.tlsAccept,
      "server_id",
      ...LABELS.server,
      ...LABELS.route,
      ...LABELS.authorization,
      ...LABELS.endpoint,
    ];
    this.#requests = registry.counter("request_total", "Total count of HTTP requests", labels);
    this.#latencies = registry.histogram(
      "response_latency_ms",
      "Elapsed times between a request's headers being received and its response starting",
      LATENCY_BUCKETS_MS,
      [...labels, "status_code"],
    );
    this.#responses = registry.counter("response_total", "Total count of HTTP responses", [
      ...labels,
      "status_code",
      "classification",
      "grpc_status",
      "error",
    ]);
    this.#inbound = new InboundRoutes(registry);
    this.#outbound = new OutboundRoutes(registry, options.hasHostname);
    this.#profiles = new ProfileRoutes(registry, LATENCY_BUCKETS_MS);
    this.#verdicts = verdicts;
    this.#hasInboundAuthority = options.hasInboundAuthority;
  }

  /** The series of an exchange, and of all that look the same. */
  series(exchange: LiveExchange): HttpSeries {
    const labels = exchangeLabels(exchange, this.#hasInboundAuthority);
    // What no route took has none to be counted for.
    const routes = exchange.direction === "inbound" ? this.#inbound : this.#outbound;
    return new HttpSeries(exchange, {
      labels,
      requests: this.#requests,
      responses: this.#responses,
      latency: (status) => this.#latencies.with({ ...labels, status_code: status }),
      verdicts: this.#verdicts,
      route: exchange.routeRef && routes.series(exchange),
      profile: this.#profiles.series(exchange),
    });
  }
}

interface HttpSeriesParts {
  readonly labels: Labels;
  readonly requests: Counter;
  readonly responses: Counter;
  readonly latency: (status: number) => HistogramSeries;
  readonly verdicts: VerdictFamilies;
  readonly route: RouteSeries | undefined;
  readonly profile: ProfileSeries | undefined;
}

/** The series of exchanges with the same labels; those by status are made when they are first needed. */
export class HttpSeries {
  readonly #parts: HttpSeriesParts;
  /** Made with the first request that gets past the policy. */
  #request: CounterSeries | undefined;
  readonly #latencies = new Map<number, HistogramSeries>();
  readonly #responses = new Map<number, CounterSeries>();
  readonly #verdicts = new Map<string, CounterSeries>();
  /** What exchanges must have in common with the first to count here. */
  readonly #authority: string;
  readonly #tls: string;
  readonly #peerIdentity: string;
  readonly #parent: LiveExchange["parentRef"];
  readonly #route: LiveExchange["routeRef"];
  readonly #backend: LiveExchange["backendRef"];
  readonly #authorization: string;
  readonly #target: string;
  readonly #labels: LiveExchange["labels"];
  readonly #isGrpcRoute: boolean;

  constructor(exchange: LiveExchange, parts: HttpSeriesParts) {
    this.#parts = parts;
    this.#authority = exchange.authority;
    this.#tls = exchange.tls;
    this.#peerIdentity = exchange.peerIdentity;
    this.#parent = exchange.parentRef;
    this.#route = exchange.routeRef;
    this.#backend = exchange.backendRef;
    this.#authorization = exchange.authorization;
    this.#target = exchange.target;
    this.#labels = exchange.labels;
    this.#isGrpcRoute = exchange.isGrpcRoute;
  }

  /** Whether an exchange of the same direction and server counts here. Objects are compared by identity: one that was renewed is another. */
  fits(exchange: LiveExchange): boolean {
    return (
      this.#parent === exchange.parentRef &&
      this.#route === exchange.routeRef &&
      this.#backend === exchange.backendRef &&
      this.#labels === exchange.labels &&
      this.#isGrpcRoute === exchange.isGrpcRoute &&
      this.#target === exchange.target &&
      this.#tls === exchange.tls &&
      this.#authorization === exchange.authorization &&
      this.#peerIdentity === exchange.peerIdentity &&
      this.#authority === exchange.authority
    );
  }

  /** The response starts, or the exchange ended without one. */
  started(exchange: LiveExchange): void {
    this.#request ??= this.#parts.requests.with(this.#parts.labels);
    this.#request.add(1);
    this.#parts.profile?.started(exchange);
    if (exchange.responded < 0) return;
    const { status } = exchange;
    let latency = this.#latencies.get(status);
    if (!latency) {
      latency = this.#parts.latency(status);
      this.#latencies.set(status, latency);
    }
    latency.observe(exchange.responded - exchange.opened);
  }

  retried(exchange: LiveExchange, attempt: FailedAttempt): void {
    this.#parts.route?.retried?.(attempt);
    this.#parts.profile?.retried(exchange, attempt);
  }

  /** It ended, and the application never saw it. */
  refused(exchange: LiveExchange): void {
    this.#countVerdict(exchange);
    this.#parts.route?.closed(exchange);
  }

  closed(exchange: LiveExchange): void {
    this.#countVerdict(exchange);
    this.#countResponse(exchange);
    this.#parts.route?.closed(exchange);
    this.#parts.profile?.closed(exchange, responseError(exchange));
  }

  #countResponse(exchange: LiveExchange): void {
    const { status, grpcStatus, errorCode } = exchange;
    const succeeded = outcomeOf(exchange) === "success";
    if (errorCode !== "") {
      this.#responseSeries(exchange, succeeded).add(1);
      return;
    }
    // Status and gRPC status (-1 to 4094) and the flag in one number.
    const key = (status * 4096 + grpcStatus + 1) * 2 + (succeeded ? 1 : 0);
    let counter = this.#responses.get(key);
    if (!counter) {
      counter = this.#responseSeries(exchange, succeeded);
      this.#responses.set(key, counter);
    }
    counter.add(1);
  }

  #responseSeries(exchange: LiveExchange, succeeded: boolean): CounterSeries {
    const { status, grpcStatus } = exchange;
    return this.#parts.responses.with({
      ...this.#parts.labels,
      status_code: status === 0 ? "" : status,
      classification: succeeded ? "success" : "failure",
      grpc_status: grpcStatus < 0 ? "" : grpcStatus,
      error: responseError(exchange),
    });
  }

  #countVerdict(exchange: LiveExchange): void {
    const { verdict } = exchange;
    if (exchange.direction !== "inbound") return;
    const key = verdict === "limited" ? exchange.limitScope : verdict;
    let counter = this.#verdicts.get(key);
    if (!counter) {
      const found = this.#parts.verdicts.http(exchange, verdictLabels(exchange));
      if (!found) return;
      counter = found;
      this.#verdicts.set(key, counter);
    }
    counter.add(1);
  }
}

/** The `error` label of `response_total`. */
function responseError({ errorCode, timedOut, status }: LiveExchange): string {
  if (timedOut) return "timeout";
  if (errorCode.startsWith("H2_")) return `h2(${errorCode.slice(3)})`;
  return status === 0 ? "unclassified" : "";
}
