import type { IPAddress } from "../../api/gen/io/linkerd/proxy/net_pb.js";
import type {
  ObserveRequest_Match,
  ObserveRequest_Match_Http,
  ObserveRequest_Match_Http_StringMatch,
  ObserveRequest_Match_Tcp,
} from "../../api/gen/io/linkerd/proxy/tap_pb.js";
import { MeshError } from "../../base/error.ts";
import {
  bitsToIpv6,
  networkContains,
  numberToIpv4,
  tryParseNetwork,
  trySplitHostPort,
} from "../../base/ip.ts";
import type { LiveExchange } from "../../observe/live-exchange.ts";
import { methodName, schemeName } from "./tap-http.ts";
import { destinationLabels, routeLabels } from "./tap-labels.ts";

/** Whether an exchange that has opened is wanted. */
export type TapPredicate = (exchange: LiveExchange) => boolean;

/**
 * Compiles what an observer asks for.
 *
 * @throws MeshError `TAP_BAD_MATCH`
 * @see reference: proxy-api section 10
 */
export function compileMatch(match: ObserveRequest_Match | undefined): TapPredicate {
  const { match: chosen } = match ?? { match: { case: undefined } };
  switch (chosen.case) {
    case "all": {
      const each = members(chosen.value.matches);
      return (exchange) => each.every((one) => one(exchange));
    }
    case "any": {
      const each = members(chosen.value.matches);
      return (exchange) => each.some((one) => one(exchange));
    }
    case "not": {
      const inner = compileMatch(chosen.value);
      return (exchange) => !inner(exchange);
    }
    case "source": {
      const matches = compileTcp(chosen.value);
      return (exchange) => matches(exchange.client);
    }
    case "destination": {
      const matches = compileTcp(chosen.value);
      return (exchange) => matches(exchange.server);
    }
    case "http":
      return compileHttp(chosen.value);
    case "destinationLabel":
      return compileLabel(chosen.value, destinationLabels);
    case "routeLabel":
      return compileLabel(chosen.value, routeLabels);
    default:
      throw badMatch("match has no alternative");
  }
}

/** Members of a sequence that say nothing are skipped. */
function members(matches: readonly ObserveRequest_Match[]): TapPredicate[] {
  return matches.filter((each) => each.match.case !== undefined).map(compileMatch);
}

function compileTcp({ match }: ObserveRequest_Match_Tcp): (address: string) => boolean {
  if (match.case === "netmask") {
    const { ip, mask } = match.value;
    const text = ip && ipText(ip);
    const network = text !== undefined && mask > 0 ? tryParseNetwork(`${text}/${mask}`) : undefined;
    if (!network) throw badMatch("netmask is no address with a prefix of 1 to 32, or 128");
    return (address) => {
      const host = trySplitHostPort(address)?.host;
      return host !== undefined && networkContains(network, host);
    };
  }
  if (match.case === "ports") {
    const min = match.value.min || match.value.max;
    const max = match.value.max || match.value.min;
    if (min === 0 || min > max || max > 65_535) throw badMatch(`ports ${min} to ${max} are no range`);
    return (address) => {
      const port = trySplitHostPort(address)?.port ?? 0;
      return port >= min && port <= max;
    };
  }
  throw badMatch("an address is matched by nothing");
}

function compileHttp({ match }: ObserveRequest_Match_Http): TapPredicate {
  switch (match.case) {
    case "scheme": {
      // Requests without a scheme count as http, and others never reach a proxy in clear text.
      const wanted = schemeName(match.value);
      if (wanted === undefined) throw badMatch("a scheme has no name");
      return () => wanted === "http";
    }
    case "method": {
      const wanted = methodName(match.value);
      if (wanted === undefined) throw badMatch("a method has no name");
      return ({ method }) => method === wanted;
    }
    case "authority": {
      const matches = compileString(match.value);
      return ({ authority }) => matches(authority);
    }
    case "path": {
      const matches = compileString(match.value);
      return ({ path }) => matches(withoutQuery(path));
    }
    default:
      throw badMatch("a request is matched by nothing");
  }
}

function compileString({ match }: ObserveRequest_Match_Http_StringMatch): (text: string) => boolean {
  if (match.case === "exact") return (text) => text === match.value;
  if (match.case === "prefix") return (text) => text.startsWith(match.value);
  throw badMatch("a text is matched by nothing");
}

function compileLabel(
  { key, value }: { readonly key: string; readonly value: string },
  labelsOf: (exchange: LiveExchange) => Readonly<Record<string, string>>,
): TapPredicate {
  if (key === "" || value === "") throw badMatch("a label needs a name and a value");
  return (exchange) => labelsOf(exchange)[key] === value;
}

function ipText({ ip }: IPAddress): string | undefined {
  if (ip.case === "ipv4") return numberToIpv4(ip.value);
  return ip.case === "ipv6" ? bitsToIpv6((ip.value.first << 64n) | ip.value.last) : undefined;
}

function withoutQuery(path: string): string {
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}

function badMatch(message: string): MeshError {
  return new MeshError({ kind: "user", code: "TAP_BAD_MATCH", message });
}
