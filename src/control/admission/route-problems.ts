import { tryParseGoDuration } from "../../base/duration.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import { groupOf } from "../index/custom-objects.ts";
import { GATEWAY_GROUP, parentRefsOf, readBackendRef } from "../index/route-refs.ts";
import { parseInboundGrpcRoute, parseInboundHttpRoute } from "../policy/inbound/inbound-routes.ts";
import type { Problem } from "../policy/inbound/parse-spec.ts";
import { readRoute } from "../policy/routes/read-route.ts";
import { RouteProblem } from "../policy/routes/route-problem.ts";

/**
 * What is wrong with a route that a mesh object is parent of. One that only Gateways are parents of is not our business.
 *
 * @see reference: control-plane 6.4
 */
export function routeProblems(route: KubeObject): Problem[] {
  const parents = parentRefsOf(route);
  const problems: Problem[] = [];
  for (const { kind, name, port, at } of parents) {
    if (kind === "EgressNetwork" && port === undefined) {
      problems.push({
        field: `spec.parentRefs[${at}].port`,
        message: `is missing: EgressNetwork ${name} has no ports of its own, name the one that is meant`,
      });
    }
  }
  // A Server's routes can do less than a Service's, so each direction reads them its own way.
  if (parents.some(({ kind }) => kind === "Server")) {
    if (route.kind === "HTTPRoute") problems.push(...parseInboundHttpRoute(route).problems);
    if (route.kind === "GRPCRoute") problems.push(...parseInboundGrpcRoute(route).problems);
  }
  if (parents.some(({ kind }) => kind !== "Server")) {
    const read = readRoute(route);
    if (read instanceof RouteProblem) {
      problems.push({ field: read.field, message: read.message.slice(read.field.length + 2) });
    }
    problems.push(...backendProblems(route));
  }
  if (parents.length > 0) problems.push(...timeoutProblems(route));
  return unique(problems).map((problem) =>
    // Other implementations can do more with the Gateway API's routes, and the route's status says that we cannot.
    groupOf(route.apiVersion) === GATEWAY_GROUP && problem.message.includes("is not supported")
      ? { ...problem, isUnsupported: true }
      : problem,
  );
}

/** The Gateway API asks for the port of a Service; in our own HTTPRoute it may be left out. */
function backendProblems(route: KubeObject): Problem[] {
  if (groupOf(route.apiVersion) !== GATEWAY_GROUP) return [];
  return rulesOf(route).flatMap(({ backendRefs = [] }, rule) =>
    backendRefs.flatMap((raw, at) => {
      const { kind, namespace, name, port } = readBackendRef(route, raw);
      if (kind !== "Service" || port !== undefined) return [];
      const field = `spec.rules[${rule}].backendRefs[${at}].port`;
      return [{ field, message: `is missing: write the port of Service ${namespace}/${name}` }];
    }),
  );
}

function timeoutProblems(route: KubeObject): Problem[] {
  return rulesOf(route).flatMap(({ timeouts }, rule) => {
    const at = `spec.rules[${rule}].timeouts`;
    const problems: Problem[] = [];
    const read = (name: "request" | "backendRequest"): number | undefined => {
      const text = timeouts?.[name];
      if (text === undefined) return undefined;
      const ms = tryParseGoDuration(text);
      if (ms !== undefined && ms >= 0) return ms;
      problems.push({
        field: `${at}.${name}`,
        message: `"${text}" is no duration: write one like 500ms or 10s`,
      });
      return undefined;
    };
    const request = read("request");
    const backendRequest = read("backendRequest");
    // Zero means that there is no limit.
    if (request && backendRequest && backendRequest > request) {
      problems.push({
        field: `${at}.backendRequest`,
        message: `"${timeouts!.backendRequest}" is longer than request ("${timeouts!.request}"), which includes it`,
      });
    }
    return problems;
  });
}

interface RawRule {
  readonly backendRefs?: readonly unknown[];
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
}

function rulesOf(route: KubeObject): readonly RawRule[] {
  return Array.isArray(route.spec?.rules) ? route.spec.rules : [];
}

/** Two readers that meet the same thing say so once. */
function unique(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [problem.field, problem])).values()];
}
