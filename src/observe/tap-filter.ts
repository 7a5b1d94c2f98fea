import { MeshError } from "../base/error.ts";
import { trySplitHostPort } from "../base/ip.ts";
import type { Exchange } from "./exchange.ts";
import { FACTS, type FactFilter, matchFacts } from "./tap-facts.ts";

/** Which exchanges a tap wants. Every field that is set must match. */
export interface TapFilter extends FactFilter {
  readonly direction?: "inbound" | "outbound";
  /** Upper case. */
  readonly method?: string;
  /** Beginning of the path. */
  readonly path?: string;
  readonly authority?: string;
  /** Inclusive range: `5xx` is [500, 599]. */
  readonly status?: readonly [from: number, to: number];
  /** Identities of the peer, any of them. */
  readonly peerIdentities?: ReadonlySet<string>;
  /** Addresses of the peer, any of them. */
  readonly peerIps?: ReadonlySet<string>;
  /** Endpoint labels, all of them (outbound). */
  readonly peerLabels?: readonly (readonly [name: string, value: string])[];
  /** Outbound: what the client named, `name:port` or only the name. */
  readonly target?: string;
  /** Until the response starts (or the exchange ends without one). */
  readonly minLatencyMs?: number;
  /** Whether any of the fields of FactFilter is set: most taps have none. */
  readonly hasFacts?: boolean;
}

/** What filters look at; a LiveExchange has it, and `tapSubject` makes it of a record. Times in ms, -1 when not reached. */
export interface TapSubject {
  readonly direction: "inbound" | "outbound";
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly target: string;
  readonly server: string;
  readonly peerIdentity: string;
  readonly peerIp: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly status: number;
  readonly opened: number;
  readonly responded: number;
  readonly closed: number;
  readonly protocol: string;
  readonly tls: string;
  readonly client: string;
  readonly parent: string;
  readonly route: string;
  readonly authorization: string;
  readonly verdict: string;
  readonly error: string;
  readonly grpcStatus: number;
  readonly endpointReason: string;
  readonly attempts: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** A record as filters see it. */
export function tapSubject(exchange: Exchange): TapSubject {
  const peer = exchange.direction === "inbound" ? exchange.client : exchange.server;
  const instant = (us: number): number => (us < 0 ? -1 : us / 1000);
  return {
    ...exchange,
    peerIp: trySplitHostPort(peer)?.host ?? "",
    opened: 0,
    responded: instant(exchange.responseUs),
    closed: instant(exchange.closedUs),
  };
}

/** Whether a filter can say yes or no yet. */
export type TapMatch = "yes" | "no" | "undecided";

/**
 * Matches an exchange as far as it is known. What the request alone decides is decided at once; the peer of an outbound
 * request, its status and its latency only when it has responded or closed (`settled`).
 */
export function matchTap(filter: TapFilter, exchange: TapSubject, settled: boolean): TapMatch {
  if (filter.direction !== undefined && filter.direction !== exchange.direction) return "no";
  if (filter.method !== undefined && filter.method !== exchange.method) return "no";
  if (filter.path !== undefined && !exchange.path.startsWith(filter.path)) return "no";
  if (filter.authority !== undefined && filter.authority !== exchange.authority) return "no";
  if (filter.target !== undefined && !targetMatches(filter.target, exchange.target)) return "no";

  const peer = matchPeer(filter, exchange);
  if (peer === "no") {
    const peerIsKnown = settled || exchange.direction === "inbound" || exchange.server !== "";
    return peerIsKnown ? "no" : "undecided";
  }
  const facts = filter.hasFacts ? matchFacts(filter, exchange, settled) : "yes";
  if (facts === "no") return "no";
  if (filter.status === undefined && filter.minLatencyMs === undefined) return facts;
  if (!settled) return "undecided";
  if (filter.status && (exchange.status < filter.status[0] || exchange.status > filter.status[1]))
    return "no";
  if (filter.minLatencyMs !== undefined) {
    const until = exchange.responded >= 0 ? exchange.responded : exchange.closed;
    if (until - exchange.opened < filter.minLatencyMs) return "no";
  }
  return facts;
}

/** A peer matches by identity or by address: pods without a mesh identity have only the latter. */
function matchPeer(filter: TapFilter, exchange: TapSubject): "yes" | "no" {
  const { peerIdentities, peerIps, peerLabels } = filter;
  if (peerIdentities && !peerIdentities.has(exchange.peerIdentity)) return "no";
  if (peerIps && !peerIps.has(exchange.peerIp)) return "no";
  for (const [name, value] of peerLabels ?? []) if (exchange.labels[name] !== value) return "no";
  return "yes";
}

function targetMatches(wanted: string, target: string): boolean {
  return target === wanted || target.startsWith(`${wanted}:`);
}

/** What `GET /tap?...` asks for. */
export interface TapRequest {
  readonly filter: TapFilter;
  /** Exchanges a second that are sent; others are counted as lost. 0: no limit. */
  readonly maxRps: number;
  readonly headers: boolean;
}

/** Names of the parameters of `GET /tap`; an unknown one is refused, because a misspelt filter would show everything. */
const PARAMETERS = new Set([
  "direction",
  "method",
  "path",
  "authority",
  "status",
  "peerIdentity",
  "peerIp",
  "peerLabel",
  "target",
  "minLatencyMs",
  "maxRps",
  "headers",
  ...FACTS,
]);

/**
 * Reads the query of `GET /tap`: `direction=inbound&method=GET&path=/api&authority=web:80&status=5xx&peerIdentity=..&
 * peerIp=..&peerLabel=deployment=web&target=..&minLatencyMs=100&maxRps=50&headers=true`. `peerIdentity`, `peerIp`
 * and `peerLabel` may be repeated. The fields of FactFilter are parameters too.
 *
 * @throws MeshError `TAP_BAD_FILTER` with what was wrong
 */
export function parseTapQuery(query: URLSearchParams): TapRequest {
  for (const name of query.keys()) {
    if (!PARAMETERS.has(name)) throw badFilter(`tap has no parameter "${name}"`, [...PARAMETERS].join(", "));
  }
  const direction = query.get("direction");
  if (direction !== null && direction !== "inbound" && direction !== "outbound") {
    throw badFilter(`direction "${direction}" is neither inbound nor outbound`);
  }
  const text = (name: string): string | undefined => query.get(name) ?? undefined;
  const status = text("status");
  const identities = query.getAll("peerIdentity");
  const ips = query.getAll("peerIp");
  const labels = query.getAll("peerLabel").map(parseLabel);
  const filter: TapFilter = {
    ...(direction === null ? {} : { direction }),
    ...optional("method", text("method")?.toUpperCase()),
    ...optional("path", text("path")),
    ...optional("authority", text("authority")),
    ...optional("target", text("target")),
    ...optional("status", status === undefined ? undefined : parseStatusRange(status)),
    ...(identities.length > 0 ? { peerIdentities: new Set(identities) } : {}),
    ...(ips.length > 0 ? { peerIps: new Set(ips) } : {}),
    ...(labels.length > 0 ? { peerLabels: labels } : {}),
    ...optional("minLatencyMs", parseNumber("minLatencyMs", text("minLatencyMs"))),
    ...parseFacts(text),
  };
  const headers = text("headers") ?? "false";
  if (headers !== "true" && headers !== "false")
    throw badFilter(`headers "${headers}" is neither true nor false`);
  return { filter, maxRps: parseNumber("maxRps", text("maxRps")) ?? 0, headers: headers === "true" };
}

function parseFacts(
  text: (name: string) => string | undefined,
): FactFilter & { readonly hasFacts?: boolean } {
  const facts: Record<string, unknown> = {};
  for (const fact of FACTS) {
    const value = text(fact);
    if (value === undefined) continue;
    if (fact === "grpcStatus") facts[fact] = parseGrpcRange(value);
    else facts[fact] = fact.startsWith("min") ? parseNumber(fact, value) : value;
  }
  return Object.keys(facts).length === 0 ? {} : { ...facts, hasFacts: true };
}

/** `14`, or `1-16`. */
function parseGrpcRange(text: string): readonly [number, number] {
  const shape = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(text);
  const from = Number(shape?.[1]);
  const to = Number(shape?.[2] ?? shape?.[1]);
  if (!shape || to < from) throw badFilter(`grpcStatus "${text}" is not like 14 or 1-16`);
  return [from, to];
}

/**
 * `404`, `5xx` or `500-503` as an inclusive range.
 *
 * @throws MeshError `TAP_BAD_FILTER`
 */
export function parseStatusRange(text: string): readonly [number, number] {
  const shape = /^(?:([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?)$/i.exec(text);
  if (!shape) throw badFilter(`status "${text}" is not like 404, 5xx or 500-503`);
  if (shape[1]) return [Number(shape[1]) * 100, Number(shape[1]) * 100 + 99];
  const from = Number(shape[2]);
  const to = shape[3] === undefined ? from : Number(shape[3]);
  if (to < from) throw badFilter(`status "${text}" ends before it begins`);
  return [from, to];
}

function parseLabel(text: string): readonly [string, string] {
  const equals = text.indexOf("=");
  if (equals < 1) throw badFilter(`label "${text}" is not like name=value`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function parseNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(text)) throw badFilter(`${name} "${text}" is not a number`);
  return Number(text);
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}

function badFilter(message: string, known?: string): MeshError {
  return new MeshError({
    kind: "user",
    code: "TAP_BAD_FILTER",
    message,
    hint: known ? `use one of ${known}` : undefined,
  });
}
