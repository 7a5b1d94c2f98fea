import type { Counter, CounterSeries, Labels, Registry } from "../../metrics/registry.ts";
import type { LiveExchange } from "../../observe/live-exchange.ts";
import { isHttp } from "../../observe/outcome.ts";
import { countedError } from "./error-words.ts";
import { LABELS, targetLabels, verdictLabels } from "./metric-labels.ts";

/** What was decided about inbound traffic: authorizations, limits, routes that nothing matched. */
export class VerdictFamilies {
  readonly #http: Readonly<Record<"allow" | "deny" | "limited" | "noRoute", Counter>>;
  readonly #tcp: Readonly<Record<"allow" | "deny" | "terminate", Counter>>;

  constructor(registry: Registry) {
    const tcp = [...LABELS.target, ...LABELS.server, ...LABELS.authorization, ...LABELS.tlsAccept];
    const http = [...tcp, ...LABELS.route];
    this.#http = {
      allow: registry.counter("inbound_http_authz_allow_total", "HTTP requests that were authorized", http),
      deny: registry.counter("inbound_http_authz_deny_total", "HTTP requests that were denied", http),
      noRoute: registry.counter(
        "inbound_http_route_not_found_total",
        "HTTP requests that no route of their server matched",
        [...LABELS.target, ...LABELS.server, ...LABELS.tlsAccept],
      ),
      limited: registry.counter("inbound_http_local_ratelimit_total", "HTTP requests over a rate limit", [
        ...LABELS.target,
        ...LABELS.server,
        ...LABELS.route,
        ...LABELS.tlsAccept,
        "ratelimit_group",
        "ratelimit_kind",
        "ratelimit_name",
        "ratelimit_scope",
      ]),
    };
    this.#tcp = {
      allow: registry.counter("inbound_tcp_authz_allow_total", "TCP connections that were authorized", tcp),
      deny: registry.counter("inbound_tcp_authz_deny_total", "TCP connections that were denied", tcp),
      terminate: registry.counter(
        "inbound_tcp_authz_terminate_total",
        "TCP connections that were cut because their authorization was withdrawn",
        tcp,
      ),
    };
  }

  /** The counter for what was decided about a request; undefined when nothing was. */
  http(exchange: LiveExchange, labels: Labels): CounterSeries | undefined {
    switch (exchange.verdict) {
      case "allowed":
      case "audited":
        return this.#http.allow.with(labels);
      case "denied":
        return this.#http.deny.with(labels);
      case "limited":
        return this.#http.limited.with(limitLabels(exchange, labels));
      default:
        return exchange.errorCode === "ROUTE_NOT_FOUND" ? this.#http.noRoute.with(labels) : undefined;
    }
  }

  /** Counts what was decided about a connection that is not HTTP. */
  countTcp(exchange: LiveExchange): void {
    const labels = verdictLabels(exchange);
    if (exchange.verdict === "denied") this.#tcp.deny.add(1, labels);
    else if (exchange.verdict !== "") this.#tcp.allow.add(1, labels);
    if (exchange.errorCode === "AUTHORIZATION_WITHDRAWN") this.#tcp.terminate.add(1, labels);
  }
}

/** A limited request names the limit where others name the authorization. */
function limitLabels(exchange: LiveExchange, labels: Labels): Labels {
  const { authz_group, authz_kind, authz_name, ...rest } = labels;
  return {
    ...rest,
    ratelimit_group: authz_group ?? "",
    ratelimit_kind: authz_kind ?? "",
    ratelimit_name: authz_name ?? "",
    ratelimit_scope: exchange.limitScope,
  };
}

/** `{in,out}bound_{http,tcp}_errors_total`: what the proxy failed. Denials and limits have families of their own. */
export class ErrorFamilies {
  readonly #counters: Readonly<Record<"inbound" | "outbound", Readonly<Record<"http" | "tcp", Counter>>>>;

  constructor(registry: Registry) {
    this.#counters = {
      inbound: {
        http: registry.counter("inbound_http_errors_total", "Inbound HTTP requests that the proxy failed", [
          "error",
          ...LABELS.target,
          ...LABELS.server,
        ]),
        tcp: registry.counter("inbound_tcp_errors_total", "Inbound connections that the proxy failed", [
          "error",
          ...LABELS.target,
        ]),
      },
      outbound: {
        http: registry.counter("outbound_http_errors_total", "Outbound HTTP requests that the proxy failed", [
          "error",
        ]),
        tcp: registry.counter("outbound_tcp_errors_total", "Outbound connections that the proxy failed", [
          ...LABELS.target,
          "error",
        ]),
      },
    };
  }

  count(exchange: LiveExchange): void {
    if (exchange.verdict === "denied" || exchange.verdict === "limited") return;
    const error = countedError(exchange.errorCode, exchange.error);
    if (error === "") return;
    const kind = isHttp(exchange.protocol) ? "http" : "tcp";
    const counter = this.#counters[exchange.direction][kind];
    if (exchange.direction === "inbound") {
      counter.add(1, { error, ...targetLabels(exchange, kind === "http") });
    } else {
      counter.add(1, kind === "http" ? { error } : { ...targetLabels(exchange, false), error });
    }
  }
}
