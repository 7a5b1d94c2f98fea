import type { Labels, Registry } from "../../metrics/registry.ts";
import type { LiveExchange, LiveTransport } from "../../observe/live-exchange.ts";
import { isHttp, outcomeOf } from "../../observe/outcome.ts";
import type { Observer } from "../../observe/recorder.ts";
import { exchangeLabels, transportLabels } from "./metric-labels.ts";

/** Upper bounds of `response_latency_ms`, as linkerd2-proxy has them. */
const LATENCY_BUCKETS_MS = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000,
  30_000, 40_000, 50_000,
];

/** Label sets that are remembered with their series; the memory is emptied when it is full. */
const SHAPES_MAX = 4096;

/**
 * The observer behind `/metrics`: linkerd2-proxy's request, transport and authorization families, from the records.
 *
 * `request_total` counts when the response starts (or at the end without one), not at the first byte of the request:
 * only then is the endpoint known. Label sets are built once for each distinct exchange shape.
 */
export function createExchangeMetrics(registry: Registry): Observer {
  const requestTotal = registry.counter("request_total", "Total count of HTTP requests");
  const responseTotal = registry.counter("response_total", "Total count of HTTP responses");
  const latency = registry.histogram(
    "response_latency_ms",
    "Elapsed times between a request's headers being received and its response starting",
    LATENCY_BUCKETS_MS,
  );
  const openTotal = registry.counter("tcp_open_total", "Total count of opened connections");
  const openNow = registry.gauge("tcp_open_connections", "Number of currently-open connections");
  const readTotal = registry.counter("tcp_read_bytes_total", "Total count of bytes read from peers");
  const writeTotal = registry.counter("tcp_write_bytes_total", "Total count of bytes written to peers");
  const closeTotal = registry.counter("tcp_close_total", "Total count of closed connections");
  const httpAllow = registry.counter("inbound_http_authz_allow_total", "HTTP requests that were authorized");
  const httpDeny = registry.counter("inbound_http_authz_deny_total", "HTTP requests that were denied");
  const limited = registry.counter(
    "inbound_http_local_ratelimit_total",
    "HTTP requests that were rate limited",
  );
  const tcpAllow = registry.counter("inbound_tcp_authz_allow_total", "TCP connections that were authorized");
  const tcpDeny = registry.counter("inbound_tcp_authz_deny_total", "TCP connections that were denied");
  const verdictFamilies = {
    http: { allowed: httpAllow, audited: httpAllow, denied: httpDeny, limited },
    tcp: { allowed: tcpAllow, audited: tcpAllow, denied: tcpDeny, limited },
  };
  const errors = {
    inbound: {
      http: registry.counter("inbound_http_errors_total", "Inbound HTTP requests that the proxy failed"),
      tcp: registry.counter("inbound_tcp_errors_total", "Inbound connections that the proxy failed"),
    },
    outbound: {
      http: registry.counter("outbound_http_errors_total", "Outbound HTTP requests that the proxy failed"),
      tcp: registry.counter("outbound_tcp_errors_total", "Outbound connections that the proxy failed"),
    },
  };

  const shapes = new Map<string, ShapeSeries>();
  const open = new Map<LiveTransport, OpenTransport>();
  /** Connections that are open, by encoded labels: a gauge is a sum over transports that share them. */
  const openCounts = new Map<string, { labels: Labels; count: number }>();

  /** The series of an exchange, looked up once in its life: its labels are settled when the response starts. */
  const seriesOf = (exchange: LiveExchange): ShapeSeries => {
    if (exchange.series) return exchange.series as ShapeSeries;
    const shape = shapeOf(exchange);
    let series = shapes.get(shape);
    if (!series) {
      if (shapes.size >= SHAPES_MAX) shapes.clear();
      const labels = exchangeLabels(exchange);
      series = {
        labels,
        request: isHttp(exchange.protocol) ? requestTotal.with(labels) : undefined,
        latencies: new Map(),
        responses: new Map(),
        verdicts: new Map(),
      };
      shapes.set(shape, series);
    }
    exchange.series = series;
    return series;
  };

  const countRequest = (exchange: LiveExchange, series: ShapeSeries): void => {
    series.request?.add(1);
    if (exchange.responded < 0) return;
    let histogram = series.latencies.get(exchange.status);
    if (!histogram) {
      histogram = latency.with({ ...series.labels, status_code: exchange.status });
      series.latencies.set(exchange.status, histogram);
    }
    histogram.observe(exchange.responded - exchange.opened);
  };

  const countResponse = (exchange: LiveExchange, series: ShapeSeries): void => {
    const succeeded = outcomeOf(exchange) === "success";
    const error = exchange.timedOut ? "timeout" : exchange.status === 0 ? "unclassified" : "";
    // Status, gRPC status (-1 to 4094) and the two flags in one number.
    const key =
      ((exchange.status * 4096 + exchange.grpcStatus + 1) * 2 + (succeeded ? 1 : 0)) * 2 +
      (exchange.timedOut ? 1 : 0);
    let counter = series.responses.get(key);
    if (!counter) {
      counter = responseTotal.with({
        ...series.labels,
        status_code: exchange.status === 0 ? "" : exchange.status,
        classification: succeeded ? "success" : "failure",
        grpc_status: exchange.grpcStatus < 0 ? "" : exchange.grpcStatus,
        error,
      });
      series.responses.set(key, counter);
    }
    counter.add(1);
  };

  const countVerdict = (exchange: LiveExchange, series: ShapeSeries): void => {
    const { verdict } = exchange;
    if (exchange.direction !== "inbound" || verdict === "") return;
    let counter = series.verdicts.get(verdict);
    if (!counter) {
      const family = verdictFamilies[isHttp(exchange.protocol) ? "http" : "tcp"][verdict];
      counter = family.with(exchangeLabels(exchange, "authority"));
      series.verdicts.set(verdict, counter);
    }
    counter.add(1);
  };

  const countError = (exchange: LiveExchange): void => {
    if (exchange.error === "" || exchange.verdict === "denied" || exchange.verdict === "limited") return;
    const counter = errors[exchange.direction][isHttp(exchange.protocol) ? "http" : "tcp"];
    const { target_addr, target_ip, target_port, srv_group, srv_kind, srv_name } = exchangeLabels(exchange);
    const error = errorLabel(exchange.error);
    const target = { target_addr: target_addr!, target_ip: target_ip!, target_port: target_port! };
    if (exchange.direction === "outbound") {
      counter.add(1, isHttp(exchange.protocol) ? { error } : { ...target, error });
    } else if (isHttp(exchange.protocol)) {
      counter.add(1, { error, ...target, srv_group: srv_group!, srv_kind: srv_kind!, srv_name: srv_name! });
    } else counter.add(1, { error, ...target });
  };

  const sample = (transport: LiveTransport, state: OpenTransport): void => {
    state.read.add(transport.readBytes - state.readBytes);
    state.write.add(transport.writeBytes - state.writeBytes);
    state.readBytes = transport.readBytes;
    state.writeBytes = transport.writeBytes;
  };

  registry.onScrape(() => {
    for (const [transport, state] of open) sample(transport, state);
    for (const { labels, count } of openCounts.values()) openNow.set(count, labels);
  });

  return {
    responded(exchange) {
      if (isHttp(exchange.protocol)) countRequest(exchange, seriesOf(exchange));
    },
    closed(exchange) {
      const series = seriesOf(exchange);
      countVerdict(exchange, series);
      countError(exchange);
      if (!isHttp(exchange.protocol)) return;
      if (exchange.responded < 0) countRequest(exchange, series);
      countResponse(exchange, series);
    },
    transportOpened(transport) {
      const labels = transportLabels(transport);
      const key = JSON.stringify(labels);
      openTotal.add(1, labels);
      const sum = openCounts.get(key) ?? { labels, count: 0 };
      sum.count++;
      openCounts.set(key, sum);
      open.set(transport, {
        labels,
        key,
        read: readTotal.with(labels),
        write: writeTotal.with(labels),
        readBytes: 0,
        writeBytes: 0,
      });
    },
    transportClosed(transport) {
      const state = open.get(transport);
      if (!state) return;
      open.delete(transport);
      sample(transport, state);
      closeTotal.add(1, { ...state.labels, errno: transport.errno });
      const sum = openCounts.get(state.key)!;
      sum.count--;
      openNow.set(sum.count, state.labels);
      if (sum.count === 0) openCounts.delete(state.key);
    },
  };
}

interface OpenTransport {
  readonly labels: Labels;
  readonly key: string;
  readonly read: { add(amount: number): void };
  readonly write: { add(amount: number): void };
  readBytes: number;
  writeBytes: number;
}

/** The series of exchanges with the same labels, each made when it is first needed. */
interface ShapeSeries {
  readonly labels: Labels;
  readonly request: { add(amount: number): void } | undefined;
  readonly latencies: Map<number, { observe(value: number): void }>;
  readonly responses: Map<number, { add(amount: number): void }>;
  readonly verdicts: Map<string, { add(amount: number): void }>;
}

function shapeOf(exchange: LiveExchange): string {
  // Endpoint labels are not part of it: they follow from the endpoint's address and the target.
  return `${exchange.direction}\n${isHttp(exchange.protocol)}\n${exchange.server}\n${exchange.authority}\n${exchange.tls}\n${exchange.peerIdentity}\n${
    exchange.parent
  }\n${exchange.route}\n${exchange.authorization}\n${exchange.target}\n${exchange.labels.pod ?? ""}`;
}

/** The proxy's phrases are for people; these are the words of upstream's `error` label. */
function errorLabel(error: string): string {
  if (/fail ?fast/i.test(error)) return "failfast";
  if (/shed|overload/i.test(error)) return "loadshed";
  if (/timed? ?out|timeout/i.test(error)) return "response timeout";
  if (/identity/i.test(error)) return "identity required";
  if (/refused|reset|closed|broken|unreachable|i\/o/i.test(error)) return "i/o";
  return "unexpected";
}
