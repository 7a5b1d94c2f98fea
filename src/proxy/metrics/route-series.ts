import type { Counter, CounterSeries, HistogramSeries, Labels, Registry } from "../../metrics/registry.ts";
import { grpcStatusLabel } from "../../observe/grpc-status.ts";
import type { FailedAttempt, LiveExchange } from "../../observe/live-exchange.ts";
import { routeError } from "./error-words.ts";
import { inboundRouteLabels, LABELS, objectLabels, parentRouteLabels } from "./metric-labels.ts";

const REQUEST_SECONDS = [0.05, 0.5, 1, 10];
const RESPONSE_SECONDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 10];
/** These are the sizes by which records sort the parts of bodies. */
const FRAME_BYTES = [128, 1024, 10_240];

type RouteKind = "http" | "grpc";

/** What one exchange counts in, once it is over. */
export interface RouteSeries {
  closed(exchange: LiveExchange): void;
  /** An attempt is over that is not the last: it counts for its backend alone. */
  retried?(attempt: FailedAttempt): void;
}

/** `inbound_{http,grpc}_*` by route. */
export class InboundRoutes {
  readonly #families: Record<RouteKind, ReturnType<typeof declareInbound>>;

  constructor(registry: Registry) {
    this.#families = { http: declareInbound(registry, "http"), grpc: declareInbound(registry, "grpc") };
  }

  /** The series of exchanges with the same server and route. */
  series(exchange: LiveExchange): RouteSeries {
    const kind: RouteKind = exchange.isGrpcRoute ? "grpc" : "http";
    const family = this.#families[kind];
    const labels = inboundRouteLabels(exchange);
    const requests = family.requests.with(labels);
    const requestSeconds = family.requestSeconds.with(labels);
    const responseSeconds = family.responseSeconds.with(labels);
    const requestFrames = family.requestFrames.with(labels);
    const responseFrames = family.responseFrames.with(labels);
    const statuses = new Map<number, CounterSeries>();
    return {
      closed(live) {
        requests.add(1);
        requestSeconds.observe((live.closed - live.opened) / 1000);
        responseSeconds.observe((live.closed - Math.max(live.requestEnded, live.opened)) / 1000);
        addRequestFrames(requestFrames, live);
        addResponseFrames(responseFrames, live);
        const status = kind === "grpc" ? live.grpcStatus : live.status;
        let counter = statuses.get(status);
        if (!counter) {
          counter = family.statuses.with({ ...labels, status: status > 0 || kind === "grpc" ? status : "" });
          statuses.set(status, counter);
        }
        counter.add(1);
      },
    };
  }
}

function declareInbound(registry: Registry, kind: RouteKind) {
  const labels = ["parent_group", "parent_kind", "parent_name", "parent_port", ...LABELS.route];
  const name = (rest: string) => `inbound_${kind}_${rest}`;
  return {
    requests: registry.counter(name("requests_total"), "Requests by route", labels),
    statuses: registry.counter(name("statuses_total"), "Requests by status of the response", [
      ...labels,
      "status",
    ]),
    requestSeconds: registry.histogram(
      name("request_duration_seconds"),
      "From the request's head to the end of its response",
      RESPONSE_SECONDS,
      labels,
    ),
    responseSeconds: registry.histogram(
      name("response_duration_seconds"),
      "From the end of the request to the end of its response",
      REQUEST_SECONDS,
      labels,
    ),
    requestFrames: registry.histogram(
      name("request_frame_size_bytes"),
      "Sizes of the parts of request bodies",
      FRAME_BYTES,
      labels,
    ),
    responseFrames: registry.histogram(
      name("response_frame_size_bytes"),
      "Sizes of the parts of response bodies",
      FRAME_BYTES,
      labels,
    ),
  };
}

/** `outbound_{http,grpc}_route_*`: by parent and route, and by backend. */
export class OutboundRoutes {
  readonly #families: Record<RouteKind, ReturnType<typeof declareOutbound>>;
  readonly #hasHostname: boolean;

  /** @param hasHostname whether what clients write into Host makes series of its own (`hostname`; else it is empty) */
  constructor(registry: Registry, hasHostname: boolean) {
    this.#families = { http: declareOutbound(registry, "http"), grpc: declareOutbound(registry, "grpc") };
    this.#hasHostname = hasHostname;
  }

  /** The series of exchanges with the same parent, route and backend. */
  series(exchange: LiveExchange): RouteSeries {
    const { parentRef, routeRef, backendRef } = exchange;
    const kind: RouteKind = exchange.isGrpcRoute ? "grpc" : "http";
    const family = this.#families[kind];
    const parentAndRoute = { ...objectLabels("parent", parentRef), ...parentRouteLabels(routeRef) };
    const hostname = this.#hasHostname ? exchange.authority.replace(/:\d+$/, "") : "";
    const labels: Labels = { ...parentAndRoute, hostname };
    const seconds = family.requestSeconds.with(labels);
    const frames = family.requestFrames.with(labels);
    const statuses = new StatusSeries(family.statuses, labels, kind);
    const backend =
      backendRef && family.backendSeries({ ...parentAndRoute, ...objectLabels("backend", backendRef) });
    return {
      closed(live) {
        seconds.observe((live.closed - live.opened) / 1000);
        addRequestFrames(frames, live);
        statuses.of(live).add(1);
        if (live.attempts > 1 || live.retryOutcome !== "") countRetries(family, labels, live);
        backend?.closed(live);
      },
      retried: (attempt) => backend?.retried?.(attempt),
    };
  }
}

type OutboundFamily = ReturnType<typeof declareOutbound>;

function countRetries(family: OutboundFamily, labels: Labels, live: LiveExchange): void {
  const { retries } = family;
  if (live.attempts > 1) retries.requests.add(live.attempts - 1, labels);
  if (live.retryOutcome === "success") retries.successes.add(1, labels);
  else if (live.retryOutcome === "limit") retries.limitExceeded.add(1, labels);
  else if (live.retryOutcome !== "") retries.overflow.add(1, labels);
}

function declareOutbound(registry: Registry, kind: RouteKind) {
  const base = [...LABELS.parent, ...LABELS.parentRoute];
  const withHost = [...base, "hostname"];
  const withBackend = [...base, ...LABELS.backend];
  const status = [kind === "grpc" ? "grpc_status" : "http_status", "error"];
  const name = (rest: string) => `outbound_${kind}_route_${rest}`;
  const backendRequests = registry.counter(
    name("backend_requests_total"),
    "Requests by backend",
    withBackend,
  );
  const backendSeconds = registry.histogram(
    name("backend_response_duration_seconds"),
    "From the end of the request, or its being sent, to the end of the backend's response",
    RESPONSE_SECONDS,
    withBackend,
  );
  const backendStatuses = registry.counter(
    name("backend_response_statuses_total"),
    "Responses of backends by status",
    [...withBackend, ...status],
  );
  const backendFrames = registry.histogram(
    name("backend_response_frame_size_bytes"),
    "Sizes of the parts of response bodies",
    FRAME_BYTES,
    withBackend,
  );
  return {
    requestSeconds: registry.histogram(
      name("request_duration_seconds"),
      "From the request's head to the end of its response",
      REQUEST_SECONDS,
      withHost,
    ),
    statuses: registry.counter(name("request_statuses_total"), "Requests by status of the response", [
      ...withHost,
      ...status,
    ]),
    requestFrames: registry.histogram(
      name("request_frame_size_bytes"),
      "Sizes of the parts of request bodies",
      FRAME_BYTES,
      withHost,
    ),
    retries: {
      requests: registry.counter(name("retry_requests_total"), "Attempts beyond the first", withHost),
      successes: registry.counter(
        name("retry_successes_total"),
        "Requests that were answered after a retry",
        withHost,
      ),
      limitExceeded: registry.counter(
        name("retry_limit_exceeded_total"),
        "Requests that were to be retried and had no attempt left",
        withHost,
      ),
      overflow: registry.counter(
        name("retry_overflow_total"),
        "Requests that were to be retried where the backend or the budget had no room",
        withHost,
      ),
    },
    backendSeries(labels: Labels): RouteSeries {
      const requests = backendRequests.with(labels);
      const seconds = backendSeconds.with(labels);
      const frames = backendFrames.with(labels);
      const statuses = new StatusSeries(backendStatuses, labels, kind);
      return {
        closed(live) {
          requests.add(1);
          seconds.observe((live.closed - Math.max(live.requestEnded, live.queued, live.opened)) / 1000);
          addResponseFrames(frames, live);
          statuses.of(live).add(1);
        },
        retried(attempt) {
          requests.add(1);
          statuses.ofAttempt(attempt).add(1);
        },
      };
    },
  };
}

/** The counters of one label set by status and error, each made when it is first needed. */
class StatusSeries {
  readonly #counter: Counter;
  readonly #labels: Labels;
  readonly #kind: RouteKind;
  /** Without error, by status. */
  readonly #plain = new Map<number, CounterSeries>();

  constructor(counter: Counter, labels: Labels, kind: RouteKind) {
    this.#counter = counter;
    this.#labels = labels;
    this.#kind = kind;
  }

  of(live: LiveExchange): CounterSeries {
    const status = this.#kind === "grpc" ? live.grpcStatus : live.status;
    if (live.errorCode !== "") {
      // An answer that the proxy made itself has no status of its own: the error says why.
      return this.#make(live.status > 0 && !live.isLocalAnswer, live, routeError(live.errorCode));
    }
    let series = this.#plain.get(status);
    if (!series) {
      series = this.#make(live.status > 0, live, "");
      this.#plain.set(status, series);
    }
    return series;
  }

  ofAttempt(attempt: FailedAttempt): CounterSeries {
    return this.#make(attempt.status > 0, attempt, routeError(attempt.errorCode));
  }

  #make(
    hasStatus: boolean,
    { status, grpcStatus }: Pick<FailedAttempt, "status" | "grpcStatus">,
    error: string,
  ): CounterSeries {
    const isGrpc = this.#kind === "grpc";
    const text = !hasStatus ? "" : isGrpc ? grpcStatusLabel(grpcStatus) : status;
    return this.#counter.with({ ...this.#labels, [isGrpc ? "grpc_status" : "http_status"]: text, error });
  }
}

function addRequestFrames(to: HistogramSeries, live: LiveExchange): void {
  if (live.requestBytes === 0) return;
  if (live.requestFrames128 > 0) to.observeSorted(0, live.requestFrames128, 0);
  if (live.requestFrames1024 > 0) to.observeSorted(1, live.requestFrames1024, 0);
  if (live.requestFrames10240 > 0) to.observeSorted(2, live.requestFrames10240, 0);
  to.observeSorted(3, live.requestFramesLarger, live.requestBytes);
}

function addResponseFrames(to: HistogramSeries, live: LiveExchange): void {
  if (live.responseBytes === 0) return;
  if (live.responseFrames128 > 0) to.observeSorted(0, live.responseFrames128, 0);
  if (live.responseFrames1024 > 0) to.observeSorted(1, live.responseFrames1024, 0);
  if (live.responseFrames10240 > 0) to.observeSorted(2, live.responseFrames10240, 0);
  to.observeSorted(3, live.responseFramesLarger, live.responseBytes);
}
