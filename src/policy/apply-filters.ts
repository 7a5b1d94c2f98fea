import type { MatchRank, RequestView } from "./match-request.ts";
import type { HeaderModifier, HttpFilter, Redirect, Rewrite } from "./route.ts";

/** A header list that filters change. Names compare case-insensitively. */
export interface MutableHeaders {
  append(name: string, value: string): void;
  /** Replaces every occurrence by one. */
  set(name: string, value: string): void;
  remove(name: string): void;
}

/** Why a request ends here instead of going on. */
export type FilterAnswer =
  | {
      readonly kind: "failure";
      readonly status: number;
      readonly message: string;
      readonly grpcCode: number | undefined;
    }
  | { readonly kind: "redirect"; readonly status: number; readonly location: string }
  /** The filter does not fit the rule that it stands in: answer 500. */
  | { readonly kind: "invalid"; readonly message: string };

export interface FilterContext {
  readonly request: RequestView;
  readonly headers: MutableHeaders;
  /** Sends the request to another target (origin form); what matching and records see stays. */
  readonly retarget?: (target: string) => void;
  /** Scheme that the client used: a redirect keeps it unless it names another. */
  readonly scheme: "http" | "https";
  readonly rank: MatchRank;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Runs the request side of filters in their order. Stops at the first that answers.
 *
 * @returns undefined when the request goes on, with its headers changed in place
 * @see reference: proxy section 10 (Filters), proxy-api section 4
 */
export function applyRequestFilters(
  filters: readonly HttpFilter[],
  context: FilterContext,
): FilterAnswer | undefined {
  for (const filter of filters) {
    switch (filter.kind) {
      case "request-headers":
        modifyHeaders(filter.modifier, context.headers);
        break;
      case "response-headers":
        break;
      case "failure":
        if (filter.ratio >= 1 || context.random() < filter.ratio) {
          const { status, message, grpcCode } = filter;
          return { kind: "failure", status, message, grpcCode };
        }
        break;
      case "redirect": {
        const answer = redirectAnswer(filter.redirect, context);
        if (answer) return answer;
        break;
      }
      case "rewrite": {
        const answer = rewriteRequest(filter.rewrite, context);
        if (answer) return answer;
        break;
      }
    }
  }
  return undefined;
}

/** Runs the response side of filters in their order. */
export function applyResponseFilters(filters: readonly HttpFilter[], headers: MutableHeaders): void {
  for (const filter of filters) {
    if (filter.kind === "response-headers") modifyHeaders(filter.modifier, headers);
  }
}

function modifyHeaders(modifier: HeaderModifier, headers: MutableHeaders): void {
  for (const [name, value] of modifier.add) headers.append(name, value);
  for (const [name, value] of modifier.set) headers.set(name, value);
  for (const name of modifier.remove) headers.remove(name);
}

const DEFAULT_PORT: Readonly<Record<string, number>> = { http: 80, https: 443 };

/**
 * Undefined when the location is where the request already went: redirecting would loop. One that names no part of the location asks
 * for just that, and gets it.
 */
function redirectAnswer(redirect: Redirect, context: FilterContext): FilterAnswer | undefined {
  const { request } = context;
  const scheme = redirect.scheme ?? context.scheme;
  const { host: requestHost, port: requestPort } = splitAuthority(request.authority);
  const host = redirect.host ?? requestHost;
  if (host === "") return { kind: "invalid", message: "redirect without a host, for a request without one" };
  const target =
    redirect.path?.kind === "full" ? redirect.path.value : replacePrefix(redirect.path?.value, context);
  if (target === undefined) {
    return { kind: "invalid", message: "redirect replaces a prefix, but the rule matched without one" };
  }
  // The request's own default port is not worth keeping: it names the old scheme's.
  const kept = requestPort === DEFAULT_PORT[context.scheme] ? undefined : requestPort;
  const port = redirect.port ?? kept;
  const authority = port === undefined || port === DEFAULT_PORT[scheme] ? host : `${host}:${port}`;
  const location = `${scheme}://${authority}${target}`;
  const namesParts = [redirect.scheme, redirect.host, redirect.port, redirect.path].some(
    (part) => part !== undefined,
  );
  if (namesParts && location === `${context.scheme}://${request.authority}${request.target}`) {
    return undefined;
  }
  return { kind: "redirect", status: redirect.status, location };
}

/** The query stays: only the path is rewritten. */
function rewriteRequest({ host, path }: Rewrite, context: FilterContext): FilterAnswer | undefined {
  if (path) {
    const target = path.kind === "full" ? path.value + queryOf(context) : replacePrefix(path.value, context);
    if (target === undefined) {
      return { kind: "invalid", message: "rewrite replaces a prefix, but the rule matched without one" };
    }
    context.retarget?.(target);
  }
  if (host !== undefined) context.headers.set("Host", host);
  return undefined;
}

function queryOf({ request: { target } }: FilterContext): string {
  const question = target.indexOf("?");
  return question < 0 ? "" : target.slice(question);
}

/** The request's target with another prefix; as it is for undefined. Undefined: the rule matched without a prefix. */
function replacePrefix(by: string | undefined, { request, rank }: FilterContext): string | undefined {
  const { target } = request;
  if (by === undefined) return target;
  const { prefix } = rank;
  if (prefix === undefined) return undefined;
  const rest = prefix === "/" ? target : target.slice(prefix.length);
  const joined = `${by.replace(/\/+$/, "")}${rest}`;
  return joined.startsWith("/") ? joined : `/${joined}`;
}

function splitAuthority(authority: string): { host: string; port: number | undefined } {
  const match = /^(.*?)(?::(\d+))?$/.exec(authority)!;
  return { host: match[1]!, port: match[2] === undefined ? undefined : Number(match[2]) };
}
