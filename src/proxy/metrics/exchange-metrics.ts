import type { Registry } from "../../metrics/registry.ts";
import type { LiveExchange } from "../../observe/live-exchange.ts";
import { isHttp } from "../../observe/outcome.ts";
import type { Observer } from "../../observe/recorder.ts";
import { HttpFamilies, type HttpSeries, type HttpSeriesOptions } from "./http-series.ts";
import { OpaqueRoutes } from "./opaque-routes.ts";
import { ErrorFamilies, VerdictFamilies } from "./verdict-metrics.ts";

/** Servers whose series are remembered, and series of one server. Beyond it they are looked up by their labels. */
const SERVERS_MAX = 1024;
const SHAPES_MAX = 32;

/**
 * The observer behind `/metrics`: families of requests, routes, verdicts and errors, all from the records.
 *
 * `request_total` counts when the response starts (or at the end without one), not at the first byte of the request:
 * only then is the endpoint known. Most requests look like one before: their series are found by the server's address and
 * a few comparisons, without making a label.
 */
export function createExchangeMetrics(
  registry: Registry,
  options: HttpSeriesOptions = { hasInboundAuthority: false, hasHostname: false },
): Observer {
  const verdicts = new VerdictFamilies(registry);
  const errors = new ErrorFamilies(registry);
  const http = new HttpFamilies(registry, verdicts, options);
  const opaque = new OpaqueRoutes(registry);
  const known = {
    inbound: new Map<string, HttpSeries[]>(),
    outbound: new Map<string, HttpSeries[]>(),
  };

  const seriesOf = (exchange: LiveExchange): HttpSeries => {
    const byServer = known[exchange.direction];
    let list = byServer.get(exchange.server);
    if (!list) {
      if (byServer.size >= SERVERS_MAX) byServer.clear();
      list = [];
      byServer.set(exchange.server, list);
    }
    for (const series of list) if (series.fits(exchange)) return series;
    const made = http.series(exchange);
    if (list.length >= SHAPES_MAX) list.length = SHAPES_MAX / 2;
    list.unshift(made);
    return made;
  };

  return {
    opened(exchange) {
      if (!isHttp(exchange.protocol)) opaque.opened(exchange);
    },
    retried(exchange, attempt) {
      seriesOf(exchange).retried(exchange, attempt);
    },
    responded(exchange) {
      if (!isHttp(exchange.protocol) || isRefused(exchange)) return;
      const series = seriesOf(exchange);
      exchange.series = series;
      series.started(exchange);
    },
    closed(exchange) {
      if (exchange.error !== "") errors.count(exchange);
      if (!isHttp(exchange.protocol)) {
        if (exchange.direction === "inbound") verdicts.countTcp(exchange);
        opaque.closed(exchange);
        return;
      }
      const started = exchange.series as HttpSeries | undefined;
      const series = started ?? seriesOf(exchange);
      if (isRefused(exchange)) {
        series.refused(exchange);
        return;
      }
      if (!started) series.started(exchange);
      series.closed(exchange);
    },
  };
}

/** What a port's policy refused never reached the application: it is in the families of verdicts and routes, and no request of its. */
function isRefused({ direction, verdict, errorCode }: LiveExchange): boolean {
  if (direction === "outbound") return false;
  return verdict === "denied" || verdict === "limited" || errorCode === "ROUTE_NOT_FOUND";
}
