import type { LiveExchange } from "./live-exchange.ts";
import { isHttp } from "./outcome.ts";
import type { Observer } from "./recorder.ts";

export interface AccessLogOptions {
  readonly format: "apache" | "json";
  /** Writes one line, newline included. */
  readonly write: (line: string) => void;
}

/**
 * One line for each inbound HTTP request, once its response head is out, or when it ended without one (then without a
 * status). Field names and formats are linkerd2-proxy's. Needs the recorder to want headers.
 */
export function createAccessLog(options: AccessLogOptions): Observer {
  const log = (exchange: LiveExchange, until: number): void => {
    if (exchange.direction !== "inbound" || !isHttp(exchange.protocol)) return;
    const line = options.format === "json" ? jsonLine(exchange, until) : apacheLine(exchange);
    options.write(`${line}\n`);
  };
  return {
    responded: (exchange) => log(exchange, exchange.responded),
    closed: (exchange) => {
      if (exchange.responded < 0) log(exchange, exchange.closed);
    },
  };
}

function apacheLine(exchange: LiveExchange): string {
  const request = `${exchange.method} ${uri(exchange)} ${version(exchange)}`;
  const status = exchange.status === 0 ? "" : exchange.status;
  return `${exchange.client} ${exchange.peerIdentity || "-"} - [${timestamp(exchange)}] ${JSON.stringify(request)} ${status}`;
}

function jsonLine(exchange: LiveExchange, until: number): string {
  const request = exchange.requestHeaders ?? [];
  const response = exchange.responseHeaders ?? [];
  const traceId =
    header(request, "x-b3-traceid") || header(request, "x-request-id") || header(request, "x-amzn-trace-id");
  const totalNs = Math.round((until - exchange.opened) * 1e6);
  // What the application took: from the moment the request could go to it.
  const handedOver = Math.max(exchange.queued, exchange.dialled, exchange.secured, exchange.opened);
  const processingNs = Math.round((until - handedOver) * 1e6);
  return JSON.stringify({
    "client.addr": exchange.client,
    "client.id": exchange.peerIdentity || "-",
    timestamp: timestamp(exchange),
    method: exchange.method,
    uri: uri(exchange),
    version: version(exchange),
    trace_id: traceId,
    request_bytes: header(request, "content-length"),
    ...(exchange.status === 0 ? {} : { status: exchange.status }),
    response_bytes: header(response, "content-length"),
    total_ns: String(totalNs),
    processing_ns: String(processingNs),
    user_agent: header(request, "user-agent"),
    host: exchange.authority,
  });
}

/** Origin form as upstream prints it for HTTP/1: the absolute URI of the request. */
function uri(exchange: LiveExchange): string {
  return exchange.authority === "" ? exchange.path : `http://${exchange.authority}${exchange.path}`;
}

function version(exchange: LiveExchange): string {
  return exchange.protocol === "http/1" ? "HTTP/1.1" : "HTTP/2.0";
}

/** RFC 3339 with nanoseconds, as far as the clock knows them. */
function timestamp(exchange: LiveExchange): string {
  const whole = Math.floor(exchange.openedAtMs);
  const nanos = Math.round((exchange.openedAtMs - whole) * 1e6);
  const text = new Date(whole).toISOString();
  return `${text.slice(0, -1)}${String(nanos).padStart(6, "0")}Z`;
}

function header(headers: readonly (readonly [string, string])[], name: string): string {
  for (const [candidate, value] of headers) if (candidate.toLowerCase() === name) return value;
  return "";
}
