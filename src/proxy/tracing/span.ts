import type { LiveExchange } from "../../observe/live-exchange.ts";
import type { RequestHead } from "../../wire/http1-head.ts";

/** One span, from when the proxy had the request until the response's head. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** "" for the first of a trace. */
  readonly parentSpanId: string;
  readonly kind: "server" | "client";
  readonly name: string;
  /** Wall clock, ms since the epoch with fraction. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: readonly SpanAttribute[];
  readonly isError: boolean;
}

export type SpanAttribute = readonly [name: string, value: string | number];

/** Of the request, by the names of OpenTelemetry's conventions for HTTP. Taken when the span begins: headers change on the way. */
export function requestAttributes(live: LiveExchange, request: RequestHead): SpanAttribute[] {
  const { method, path, authority, direction } = live;
  const query = path.indexOf("?");
  const attributes: SpanAttribute[] = [
    ["direction", direction],
    ["http.request.method", method],
    ["url.scheme", "http"],
    ["url.path", query < 0 ? path : path.slice(0, query)],
    ["url.full", `http://${redacted(authority)}${path}`],
    ["network.transport", "tcp"],
  ];
  if (query >= 0) attributes.push(["url.query", path.slice(query + 1)]);
  const { host, port } = splitAuthority(authority);
  if (host !== "") attributes.push(["server.address", host]);
  if (port > 0) attributes.push(["server.port", port]);
  const { fields } = request;
  for (const [name, header] of HEADERS) {
    const value = fields.get(header);
    if (value !== undefined) attributes.push([name, value]);
  }
  return attributes;
}

const HEADERS = [
  ["user_agent.original", "user-agent"],
  ["http.request.header.content-length", "content-length"],
  ["http.request.header.content-type", "content-type"],
  ["http.request.header.l5d-orig-proto", "l5d-orig-proto"],
] as const;

/** A span's name: the path, without what may be anything. */
export function spanName({ path }: LiveExchange): string {
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}

/** User and password of an authority are nobody's business. */
function redacted(authority: string): string {
  const at = authority.lastIndexOf("@");
  return at < 0 ? authority : `REDACTED:REDACTED@${authority.slice(at + 1)}`;
}

function splitAuthority(authority: string): { host: string; port: number } {
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const port = /:(\d{1,5})$/.exec(host);
  return port ? { host: host.slice(0, port.index), port: Number(port[1]) } : { host, port: 0 };
}
