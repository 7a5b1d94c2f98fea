import type { HostMatch, HttpMatch } from "./route.ts";

/** A request as routes see it. Part of the hot path: built once a request, header lists read only when a route asks. */
export interface RequestView {
  readonly method: string;
  /** Origin form: path with query. */
  readonly target: string;
  /** `host` or `host:port`; "" when the request names none. */
  readonly authority: string;
  /** All values of a header, by its name in lower case; empty when absent. */
  headerValues(name: string): readonly string[];
}

/** How a request met one HttpMatch: its rank among others, and what a redirect needs to know. */
export interface MatchRank {
  readonly pathLength: number;
  readonly headers: number;
  readonly queryParams: number;
  readonly method: boolean;
  /** The prefix that matched (without trailing slash, except "/" itself), or undefined when the path matched otherwise. */
  readonly prefix: string | undefined;
}

/** The rank of a rule that lists no match: it takes everything, and yields to anything more specific. */
export const IMPLICIT_MATCH: MatchRank = {
  pathLength: 0,
  headers: 0,
  queryParams: 0,
  method: false,
  prefix: undefined,
};

/**
 * Whether a request meets every condition of a match, and how specific that is.
 *
 * @returns undefined when it does not
 * @see reference: proxy section 10 (Route choice), proxy-api section 4
 */
export function matchRequest(match: HttpMatch, request: RequestView): MatchRank | undefined {
  if (match.method !== undefined && match.method !== request.method) return undefined;
  let pathLength = 0;
  let prefix: string | undefined;
  if (match.path) {
    pathLength = matchPath(match.path, pathOf(request.target));
    if (pathLength < 0) return undefined;
    if (match.path.kind === "prefix") prefix = trimSlashes(match.path.value);
  }
  for (const { name, value } of match.headers) {
    if (!anyMatches(request.headerValues(name), value)) return undefined;
  }
  if (match.queryParams.length > 0) {
    const params = queryOf(request.target);
    for (const { name, value } of match.queryParams) {
      if (!anyMatches(params.getAll(name), value)) return undefined;
    }
  }
  return {
    pathLength,
    headers: match.headers.length,
    queryParams: match.queryParams.length,
    method: match.method !== undefined,
    prefix,
  };
}

/** Negative, zero or positive as `left` is less, equally or more specific than `right`. The kind of path match does not rank. */
export function compareRank(left: MatchRank, right: MatchRank): number {
  return (
    left.pathLength - right.pathLength ||
    left.headers - right.headers ||
    left.queryParams - right.queryParams ||
    Number(left.method) - Number(right.method)
  );
}

/**
 * How specifically a host list covers an authority's host.
 *
 * @returns -1 when it does not; 0 for an empty list; exact matches beat suffixes, longer ones beat shorter ones
 */
export function matchHosts(hosts: readonly HostMatch[], authority: string): number {
  if (hosts.length === 0) return 0;
  const host = hostOf(authority);
  let best = -1;
  for (const pattern of hosts) best = Math.max(best, matchHost(pattern, host));
  return best;
}

/** Whether the leftmost match of a pattern spans the whole value: `a|ab` does not cover `ab`, because `a` is found first. */
export function regexCovers(pattern: RegExp, value: string): boolean {
  const found = pattern.exec(value);
  return found !== null && found.index === 0 && found[0].length === value.length;
}

/** The path of an origin-form target, without query. */
export function pathOf(target: string): string {
  const question = target.indexOf("?");
  return question < 0 ? target : target.slice(0, question);
}

function queryOf(target: string): URLSearchParams {
  const question = target.indexOf("?");
  return new URLSearchParams(question < 0 ? "" : target.slice(question + 1));
}

/** Exact hosts rank above every suffix: no host name reaches this length (RFC 1035: 255). */
const EXACT_RANK = 1024;

function matchHost(pattern: HostMatch, host: string): number {
  const wanted = pattern.kind === "exact" ? pattern.host : pattern.suffix;
  const actual = !wanted.endsWith(".") && host.endsWith(".") ? host.slice(0, -1) : host;
  if (pattern.kind === "exact") return actual === wanted ? EXACT_RANK + wanted.length : -1;
  return actual.length > wanted.length && actual.endsWith(wanted) ? wanted.length : -1;
}

function hostOf(authority: string): string {
  const bracket = authority.lastIndexOf("]");
  const colon = authority.lastIndexOf(":");
  const host = colon > bracket ? authority.slice(0, colon) : authority;
  return host.toLowerCase();
}

/** The length that ranks the match, or -1 when the path does not match. */
function matchPath(path: NonNullable<HttpMatch["path"]>, actual: string): number {
  switch (path.kind) {
    case "exact":
      return path.value === actual ? path.value.length : -1;
    case "prefix": {
      const prefix = trimSlashes(path.value);
      if (prefix === "/") return 1;
      if (!actual.startsWith(prefix)) return -1;
      return actual.length === prefix.length || actual[prefix.length] === "/" ? prefix.length : -1;
    }
    case "regex":
      if (!regexCovers(path.value, actual)) return -1;
      return path.length > 0 ? path.length : actual.length;
  }
}

function trimSlashes(prefix: string): string {
  let end = prefix.length;
  while (end > 1 && prefix[end - 1] === "/") end--;
  return end === 0 ? "/" : prefix.slice(0, end);
}

function anyMatches(values: readonly string[], wanted: string | RegExp): boolean {
  for (const value of values) {
    if (typeof wanted === "string" ? value === wanted : regexCovers(wanted, value)) return true;
  }
  return false;
}
