import {
  compareRank,
  IMPLICIT_MATCH,
  type MatchRank,
  matchHosts,
  matchRequest,
  type RequestView,
} from "./match-request.ts";
import type { HostMatch, HttpMatch } from "./route.ts";

/** What routes of both directions share. */
export interface Routable {
  readonly hosts: readonly HostMatch[];
  readonly rules: readonly { readonly matches: readonly HttpMatch[] }[];
}

export interface SelectedRoute<R extends Routable> {
  readonly route: R;
  readonly rule: R["rules"][number];
  readonly rank: MatchRank;
}

/**
 * Chooses the route and rule for a request.
 *
 * The best is the greatest of, in this order: host specificity, path match length, number of header matches, number of
 * query matches, method present. Ties keep the earlier route and the earlier rule. A rule without matches takes everything.
 *
 * @returns undefined when nothing matches: answer 404
 * @see reference: proxy section 10 (Route choice); Gateway API, HTTPRouteRule precedence
 */
export function selectRoute<R extends Routable>(
  routes: readonly R[],
  request: RequestView,
): SelectedRoute<R> | undefined {
  let best: SelectedRoute<R> | undefined;
  let bestHost = -1;
  for (const route of routes) {
    const host = matchHosts(route.hosts, request.authority);
    if (host < 0 || host < bestHost) continue;
    for (const rule of route.rules) {
      const rank = bestRank(rule.matches, request);
      if (!rank) continue;
      if (!best || host > bestHost || compareRank(rank, best.rank) > 0) {
        best = { route, rule, rank };
        bestHost = host;
      }
    }
  }
  return best;
}

function bestRank(matches: readonly HttpMatch[], request: RequestView): MatchRank | undefined {
  if (matches.length === 0) return IMPLICIT_MATCH;
  let best: MatchRank | undefined;
  for (const match of matches) {
    const rank = matchRequest(match, request);
    if (rank && (!best || compareRank(rank, best) > 0)) best = rank;
  }
  return best;
}
