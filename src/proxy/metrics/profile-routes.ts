import type { Counter, CounterSeries, HistogramSeries, Labels, Registry } from "../../metrics/registry.ts";
import type { FailedAttempt, LiveExchange } from "../../observe/live-exchange.ts";
import { outcomeOf } from "../../observe/outcome.ts";

/** `route_*`: outbound requests by the route of a ServiceProfile. */
export class ProfileRoutes {
  readonly #requests: Counter;
  readonly #responses: Counter;
  readonly #latencies;
  readonly #actualRequests: Counter;
  readonly #actualResponses: Counter;
  readonly #skippedRetries: Counter;

  /** @param latencyBucketsMs those of `response_latency_ms` */
  constructor(registry: Registry, latencyBucketsMs: readonly number[]) {
    const labels = ["direction", "dst", "rt_route"];
    const ofResponse = [...labels, "status_code", "classification", "grpc_status", "error"];
    this.#requests = registry.counter(
      "route_request_total",
      "HTTP requests by route of a ServiceProfile",
      labels,
    );
    this.#latencies = registry.histogram(
      "route_response_latency_ms",
      "From a request's head to the start of its response, retries included",
      latencyBucketsMs,
      [...labels, "status_code"],
    );
    this.#responses = registry.counter(
      "route_response_total",
      "HTTP responses by route of a ServiceProfile",
      ofResponse,
    );
    this.#actualRequests = registry.counter(
      "route_actual_request_total",
      "Attempts by route of a ServiceProfile",
      labels,
    );
    this.#actualResponses = registry.counter(
      "route_actual_response_total",
      "What attempts came to, by route of a ServiceProfile",
      ofResponse,
    );
    this.#skippedRetries = registry.counter(
      "route_retryable_total",
      "Requests that were to be retried and were not",
      [...labels, "skipped"],
    );
  }

  /** The series of exchanges of the same route. Undefined where no ServiceProfile routes. What none of its routes takes has no `rt_route`. */
  series(exchange: LiveExchange): ProfileSeries | undefined {
    const { canonicalName, routeRef } = exchange;
    if (canonicalName === "") return undefined;
    const labels: Labels = {
      direction: "outbound",
      dst: canonicalName,
      ...(routeRef?.kind === "ServiceProfile" ? { rt_route: routeRef.name } : {}),
    };
    return new ProfileSeries(labels, {
      request: this.#requests.with(labels),
      actualRequest: this.#actualRequests.with(labels),
      latency: (status) => this.#latencies.with({ ...labels, status_code: status }),
      responses: this.#responses,
      actualResponses: this.#actualResponses,
      skippedRetries: this.#skippedRetries,
    });
  }
}

interface ProfileParts {
  readonly request: CounterSeries;
  readonly actualRequest: CounterSeries;
  readonly latency: (status: number) => HistogramSeries;
  readonly responses: Counter;
  readonly actualResponses: Counter;
  readonly skippedRetries: Counter;
}

/** Services with ServiceProfiles are few and old: these series are looked up by their labels each time but for the first two. */
export class ProfileSeries {
  readonly #labels: Labels;
  readonly #parts: ProfileParts;

  constructor(labels: Labels, parts: ProfileParts) {
    this.#labels = labels;
    this.#parts = parts;
  }

  started(exchange: LiveExchange): void {
    this.#parts.request.add(1);
    if (exchange.responded < 0) return;
    this.#parts.latency(exchange.status).observe(exchange.responded - exchange.opened);
  }

  closed(exchange: LiveExchange, error: string): void {
    const labels = this.#responseLabels(exchange, outcomeOf(exchange) === "success", error);
    this.#parts.responses.add(1, labels);
    this.#parts.actualRequest.add(1);
    this.#parts.actualResponses.add(1, labels);
    const { retryOutcome } = exchange;
    if (retryOutcome === "limit" || retryOutcome === "overflow" || retryOutcome === "budget") {
      this.#parts.skippedRetries.add(1, { ...this.#labels, skipped: SKIPPED[retryOutcome] });
    }
  }

  retried(exchange: LiveExchange, { status, grpcStatus }: FailedAttempt): void {
    const attempt = { ...exchange, verdict: "", status, grpcStatus } as const;
    const succeeded = outcomeOf(attempt) === "success";
    this.#parts.actualRequest.add(1);
    this.#parts.actualResponses.add(
      1,
      this.#responseLabels(attempt, succeeded, attempt.status === 0 ? "unclassified" : ""),
    );
  }

  #responseLabels(
    { status, grpcStatus }: Pick<FailedAttempt, "status" | "grpcStatus">,
    succeeded: boolean,
    error: string,
  ): Labels {
    return {
      ...this.#labels,
      status_code: status === 0 ? "" : status,
      classification: succeeded ? "success" : "failure",
      grpc_status: grpcStatus < 0 ? "" : grpcStatus,
      error,
    };
  }
}

/** Upstream knows the first; the others are ours. */
const SKIPPED = { budget: "no_budget", limit: "no_attempts", overflow: "not_ready" } as const;
