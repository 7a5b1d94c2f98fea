import { tryParseGoDuration } from "../../base/duration.ts";
import { tryCompileRegex } from "../../policy/route-regex.ts";
import { parsePortRanges } from "../../values/port-ranges.ts";
import { tryParseQuantity } from "../../values/quantity.ts";
import { createParser, type Report } from "../policy/inbound/parse-spec.ts";

const MATCH_FIELDS = {
  condition: ["pathRegex", "method"],
  response: ["status"],
} as const;

/** Outside of these a proxy takes the budget for none, and repeats nothing (reference proxy-api 6.3). */
const RETRY_RATIO_MAX = 1000;
const RETRY_TTL_MS = { min: 1000, max: 60_000 };

/** A condition of a route (path, method) or of a response class (status). Fields that are given must all hold. */
export interface ProfileMatch {
  readonly all?: readonly ProfileMatch[];
  readonly any?: readonly ProfileMatch[];
  readonly not?: ProfileMatch;
  readonly pathRegex?: string;
  readonly method?: string;
  readonly status?: { readonly min?: number; readonly max?: number };
}

/** A ServiceProfile's meaning. Durations in ms. */
export interface ServiceProfileSpec {
  readonly routes: readonly {
    readonly name: string;
    readonly condition: ProfileMatch;
    readonly isRetryable: boolean;
    readonly timeoutMs: number | undefined;
    readonly responseClasses: readonly { readonly condition: ProfileMatch; readonly isFailure: boolean }[];
  }[];
  readonly retryBudget:
    | { readonly retryRatio: number; readonly minRetriesPerSecond: number; readonly ttlMs: number }
    | undefined;
  /** Weights as written: 1, 0.5. */
  readonly overrides: readonly { readonly authority: string; readonly weight: number }[];
  readonly opaquePorts: string;
}

/**
 * Reads a ServiceProfile. Its schema checks types; here is what a schema cannot say.
 *
 * @see reference: control-plane 2
 */
export const parseServiceProfile = createParser<ServiceProfileSpec>((spec, report, { metadata }) => {
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?){2,}$/.test(metadata.name ?? "")) {
    report("metadata.name", `"${metadata.name}" is no Service's full name, like web.demo.svc.cluster.local`);
  }
  for (const [index, route] of (spec.routes ?? []).entries()) {
    const at = `routes[${index}]`;
    if (!route.name) report(`${at}.name`, "is missing: it names the route in metrics");
    if (route.condition) checkMatch(route.condition, `${at}.condition`, "condition", report);
    else report(`${at}.condition`, "is missing: say which requests are meant");
    checkDuration(route.timeout, `${at}.timeout`, report);
    for (const [place, responseClass] of (route.responseClasses ?? []).entries()) {
      const where = `${at}.responseClasses[${place}].condition`;
      if (responseClass.condition) checkMatch(responseClass.condition, where, "response", report);
      else report(where, "is missing: say which responses are meant");
    }
  }
  const budget = spec.retryBudget;
  if (budget) {
    if (!(budget.retryRatio >= 0 && budget.retryRatio <= RETRY_RATIO_MAX))
      report(
        "retryBudget.retryRatio",
        `${budget.retryRatio} is no share from 0 to ${RETRY_RATIO_MAX}, such as 0.2`,
      );
    const ttlMs = tryParseGoDuration(String(budget.ttl));
    if (budget.ttl === undefined) report("retryBudget.ttl", "is missing: write a duration such as 10s");
    else if (ttlMs === undefined || ttlMs < RETRY_TTL_MS.min || ttlMs > RETRY_TTL_MS.max)
      report("retryBudget.ttl", `"${budget.ttl}" is no duration from 1s to 60s`);
  }
  for (const [index, { authority, weight }] of (spec.dstOverrides ?? []).entries()) {
    const at = `dstOverrides[${index}]`;
    if (!/^[^\s:/]+(:\d{1,5})?$/.test(authority ?? ""))
      report(`${at}.authority`, `"${authority}" is no name:port, like web-v2.demo.svc.cluster.local:80`);
    if (!((tryParseQuantity(String(weight)) ?? -1) >= 0))
      report(`${at}.weight`, `"${weight}" is no weight: write a number such as 1 or 900m`);
  }
  const opaquePorts = (spec.opaquePorts ?? []).join(",");
  for (const text of parsePortRanges(opaquePorts).invalid)
    report("opaquePorts", `"${text}" is no port and no range`);
  return {
    routes: (spec.routes ?? []).map(readRoute),
    retryBudget: budget && {
      retryRatio: budget.retryRatio,
      minRetriesPerSecond: budget.minRetriesPerSecond ?? 0,
      ttlMs: tryParseGoDuration(budget.ttl) ?? 0,
    },
    overrides: (spec.dstOverrides ?? []).map(
      ({ authority, weight }: { authority: string; weight: number | string }) => ({
        authority,
        weight: tryParseQuantity(String(weight)) ?? 0,
      }),
    ),
    opaquePorts,
  };
});

// biome-ignore lint/suspicious/noExplicitAny: as it stands in the object; what is wrong with it has been reported
function readRoute({ name, condition, isRetryable, timeout, responseClasses = [] }: any) {
  return {
    name,
    condition,
    isRetryable: isRetryable === true,
    timeoutMs: timeout === undefined ? undefined : tryParseGoDuration(timeout),
    responseClasses: responseClasses.map((each: { condition: ProfileMatch; isFailure?: boolean }) => ({
      condition: each.condition,
      isFailure: each.isFailure === true,
    })),
  };
}

function checkMatch(match: ProfileMatch, at: string, side: keyof typeof MATCH_FIELDS, report: Report): void {
  const own = MATCH_FIELDS[side].filter((field) => match[field] !== undefined);
  if (own.length === 0 && !match.all && !match.any && !match.not) {
    report(at, `matches nothing: give ${[...MATCH_FIELDS[side], "all", "any", "not"].join(", ")}`);
  }
  for (const field of Object.keys(match)) {
    if (!([...MATCH_FIELDS[side], "all", "any", "not"] as string[]).includes(field)) {
      report(`${at}.${field}`, "is no field of a match: remove it");
    }
  }
  if (match.pathRegex !== undefined && !isRegex(match.pathRegex)) {
    report(`${at}.pathRegex`, `"${match.pathRegex}" is no regular expression`);
  }
  const { min, max } = match.status ?? {};
  for (const [name, value] of Object.entries({ min, max })) {
    if (value !== undefined && (value < 100 || value > 599)) {
      report(`${at}.status.${name}`, `${value} is no HTTP status: write one from 100 to 599`);
    }
  }
  if (min !== undefined && max !== undefined && min > max)
    report(`${at}.status`, `min ${min} is more than max ${max}`);
  for (const [index, part] of (match.all ?? []).entries())
    checkMatch(part, `${at}.all[${index}]`, side, report);
  for (const [index, part] of (match.any ?? []).entries())
    checkMatch(part, `${at}.any[${index}]`, side, report);
  if (match.not) checkMatch(match.not, `${at}.not`, side, report);
}

function checkDuration(text: string | undefined, field: string, report: Report): void {
  if (text === undefined) return;
  const ms = tryParseGoDuration(text);
  if (ms === undefined || ms < 0) report(field, `"${text}" is no duration: write one like 500ms or 10s`);
}

function isRegex(source: string): boolean {
  return tryCompileRegex(source) instanceof RegExp;
}
