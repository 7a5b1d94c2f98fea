import type { OpaqueRoute } from "./outbound.ts";
import type { HostMatch } from "./route.ts";

/** Exact names rank above every suffix: no host name reaches this length (RFC 1035: 255). */
const EXACT_RANK = 1024;

/**
 * Chooses the TLS route for a server name: an exact match, else the longest suffix, else a route that names none. Ties keep the earlier.
 * Names compare as they are.
 *
 * @param sni  undefined: the client named none, or is no TLS client
 * @returns undefined when nothing matches: refuse the connection
 * @see reference: proxy section 10 (Opaque / TLS), proxy-api section 5
 */
export function selectTlsRoute(
  routes: readonly OpaqueRoute[],
  sni: string | undefined,
): OpaqueRoute | undefined {
  let best: OpaqueRoute | undefined;
  let bestRank = -1;
  for (const route of routes) {
    const rank = rankOf(route.snis ?? [], sni);
    if (rank <= bestRank) continue;
    best = route;
    bestRank = rank;
  }
  return best;
}

function rankOf(snis: readonly HostMatch[], sni: string | undefined): number {
  if (snis.length === 0) return 0;
  if (sni === undefined) return -1;
  return Math.max(...snis.map((match) => rankOfMatch(match, sni)));
}

function rankOfMatch(match: HostMatch, sni: string): number {
  if (match.kind === "exact") return match.host === sni ? EXACT_RANK + sni.length : -1;
  return sni.length > match.suffix.length && sni.endsWith(match.suffix) ? match.suffix.length : -1;
}
