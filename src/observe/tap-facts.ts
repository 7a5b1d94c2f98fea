import type { TapMatch, TapSubject } from "./tap-filter.ts";

/** Filters on what a record holds beside the request itself and its peer. Every field that is set must match. */
export interface FactFilter {
  readonly protocol?: string;
  /** As records have it: `true`, or why there is none. */
  readonly tls?: string;
  /** `ip:port`, or the address alone. */
  readonly client?: string;
  readonly server?: string;
  /** `group/kind/name`, or only the name. */
  readonly parent?: string;
  readonly route?: string;
  readonly authorization?: string;
  readonly verdict?: string;
  /** A part of the proxy's reason; `*`: there is one, `-`: there is none. */
  readonly error?: string;
  /** Inclusive range. */
  readonly grpcStatus?: readonly [from: number, to: number];
  /** A part of why the endpoint was chosen. */
  readonly endpointReason?: string;
  readonly minAttempts?: number;
  readonly minRequestBytes?: number;
  readonly minResponseBytes?: number;
}

type Fact = keyof FactFilter;

/** When a fact can be judged: as soon as it has a value, when a response has begun, or when all is over. */
const KNOWN: Readonly<Record<Fact, "set" | "responded" | "closed">> = {
  protocol: "set",
  tls: "set",
  client: "set",
  server: "set",
  parent: "set",
  route: "set",
  authorization: "set",
  verdict: "set",
  endpointReason: "set",
  minAttempts: "responded",
  error: "closed",
  grpcStatus: "closed",
  minRequestBytes: "closed",
  minResponseBytes: "closed",
};

export const FACTS = Object.keys(KNOWN) as readonly Fact[];

/** Whether an exchange has the facts that are asked for, as far as they are known. */
export function matchFacts(filter: FactFilter, exchange: TapSubject, settled: boolean): TapMatch {
  let match: TapMatch = "yes";
  for (const fact of FACTS) {
    if (filter[fact] === undefined) continue;
    if (!isKnown(fact, exchange, settled)) match = "undecided";
    else if (!holds(fact, filter, exchange)) return "no";
  }
  return match;
}

function isKnown(fact: Fact, exchange: TapSubject, settled: boolean): boolean {
  if (exchange.closed >= 0) return true;
  const when = KNOWN[fact];
  if (when === "closed") return false;
  return settled || (when === "set" && exchange[fact as "server"] !== "");
}

function holds(fact: Fact, filter: FactFilter, exchange: TapSubject): boolean {
  switch (fact) {
    case "protocol":
    case "tls":
    case "verdict":
      return exchange[fact] === filter[fact];
    case "client":
    case "server":
      return isAddress(filter[fact]!, exchange[fact]);
    case "parent":
    case "route":
    case "authorization":
      return isNamed(filter[fact]!, exchange[fact]);
    case "endpointReason":
      return exchange.endpointReason.includes(filter.endpointReason!);
    case "error":
      return isError(filter.error!, exchange.error);
    case "grpcStatus": {
      const [from, to] = filter.grpcStatus!;
      return exchange.grpcStatus >= from && exchange.grpcStatus <= to;
    }
    case "minAttempts":
      return exchange.attempts >= filter.minAttempts!;
    case "minRequestBytes":
      return exchange.requestBytes >= filter.minRequestBytes!;
    case "minResponseBytes":
      return exchange.responseBytes >= filter.minResponseBytes!;
  }
}

function isAddress(wanted: string, address: string): boolean {
  return address === wanted || address.startsWith(`${wanted}:`) || address.startsWith(`[${wanted}]:`);
}

function isNamed(wanted: string, key: string): boolean {
  return key === wanted || key.split("/").slice(2).join("/") === wanted;
}

function isError(wanted: string, error: string): boolean {
  if (wanted === "*") return error !== "";
  return wanted === "-" ? error === "" : error.includes(wanted);
}
