import { tryParseGoDuration } from "../../base/duration.ts";
import { tryCompileRegex } from "../../policy/route-regex.ts";
import { createParser, type Report } from "../policy/inbound/parse-spec.ts";

const MATCH_FIELDS = {
  condition: ["pathRegex", "method"],
  response: ["status"],
} as const;

interface Match {
  readonly all?: readonly Match[];
  readonly any?: readonly Match[];
  readonly not?: Match;
  readonly pathRegex?: string;
  readonly method?: string;
  readonly status?: { readonly min?: number; readonly max?: number };
}

/**
 * Checks a ServiceProfile. Its schema checks types; here is what a schema cannot say.
 *
 * @see reference: control-plane 2
 */
export const parseServiceProfile = createParser<true>((spec, report, { metadata }) => {
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
    if (!(budget.retryRatio >= 0))
      report("retryBudget.retryRatio", `${budget.retryRatio} is negative: write a share such as 0.2`);
    if (budget.ttl === undefined) report("retryBudget.ttl", "is missing: write a duration such as 10s");
    else checkDuration(budget.ttl, "retryBudget.ttl", report);
  }
  return true;
});

function checkMatch(match: Match, at: string, side: keyof typeof MATCH_FIELDS, report: Report): void {
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
