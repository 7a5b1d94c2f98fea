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

/** Label sets that are remembered with their series; the memory of labels is emptied when it is full. */
const HANDLES_MAX = 4096;

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

  const requestHandles = new HandleCache((labels) => requestTotal.with(labels));
  const latencyHandles = new HandleCache((labels) => latency.with(labels));
  const responseHandles = new HandleCache((labels) => responseTotal.with(labels));
  const open = new Map<LiveTransport, OpenTransport>();
  /** Connections that are open, by encoded labels: a gauge is a sum over transports that share them. */
  const openCounts = new Map<string, { labels: Labels; count: number }>();

  const countRequest = (exchange: LiveExchange): void => {
    const shape = shapeOf(exchange);
    requestHandles.get(shape, () => exchangeLabels(exchange)).add(1);
    if (exchange.responded < 0) return;
    latencyHandles
      .get(`${shape}\n${exchange.status}`, () => ({
        ...exchangeLabels(exchange),
        status_code: exchange.status,
      }))
      .observe(exchange.responded - exchange.opened);
  };

  const countVerdict = (exchange: LiveExchange): void => {
    if (exchange.direction !== "inbound" || exchange.verdict === "") return;
    const labels = exchangeLabels(exchange, "authority");
    const http = isHttp(exchange.protocol);
    if (exchange.verdict === "limited") limited.add(1, labels);
    else if (exchange.verdict === "denied") (http ? httpDeny : tcpDeny).add(1, labels);
    else (http ? httpAllow : tcpAllow).add(1, labels);
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
      if (isHttp(exchange.protocol)) countRequest(exchange);
    },
    closed(exchange) {
      countVerdict(exchange);
      countError(exchange);
      if (!isHttp(exchange.protocol)) return;
      if (exchange.responded < 0) countRequest(exchange);
      const classification = outcomeOf(exchange) === "success" ? "success" : "failure";
      const error = exchange.timedOut ? "timeout" : exchange.status === 0 ? "unclassified" : "";
      const shape = `${shapeOf(exchange)}\n${exchange.status}\n${exchange.grpcStatus}\n${classification}\n${error}`;
      responseHandles
        .get(shape, () => ({
          ...exchangeLabels(exchange),
          status_code: exchange.status === 0 ? "" : exchange.status,
          classification,
          grpc_status: exchange.grpcStatus < 0 ? "" : exchange.grpcStatus,
          error,
        }))
        .add(1);
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

/** Series by the text of what their labels are made from: one string and one look-up a request, no label encoding. */
class HandleCache<H> {
  readonly #handles = new Map<string, H>();
  readonly #make: (labels: Labels) => H;

  constructor(make: (labels: Labels) => H) {
    this.#make = make;
  }

  get(shape: string, labels: () => Labels): H {
    const known = this.#handles.get(shape);
    if (known) return known;
    if (this.#handles.size >= HANDLES_MAX) this.#handles.clear();
    const made = this.#make(labels());
    this.#handles.set(shape, made);
    return made;
  }
}

function shapeOf(exchange: LiveExchange): string {
  // Endpoint labels are not part of it: they follow from the endpoint's address and the target.
  return `${exchange.direction}\n${exchange.server}\n${exchange.authority}\n${exchange.tls}\n${exchange.peerIdentity}\n${
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
