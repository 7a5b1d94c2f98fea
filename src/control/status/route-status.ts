import type { KubeObject } from "../../base/kube-object.ts";
import { type ParentKind, parentRefsOf } from "../index/route-refs.ts";
import { parseInboundGrpcRoute, parseInboundHttpRoute } from "../policy/inbound/inbound-routes.ts";
import {
  acceptRoute,
  type RouteContext,
  resolveBackends,
  type Verdict,
} from "../policy/routes/accept-route.ts";
import { readRoute } from "../policy/routes/read-route.ts";
import { RouteProblem } from "../policy/routes/route-problem.ts";
import {
  areCurrent,
  type Condition,
  dateConditions,
  STATUS_CONTROLLER,
  type WantedCondition,
  wantedCondition,
} from "./conditions.ts";

/** What a route's status shall say about one of its parents. */
export interface WantedParent {
  /** As it stands in the spec. */
  readonly parentRef: unknown;
  readonly conditions: readonly WantedCondition[];
}

interface ParentStatus {
  readonly parentRef: unknown;
  readonly controllerName: string;
  readonly conditions: readonly Partial<Condition>[];
}

/**
 * The conditions of a route under each parent that is ours (reference control-plane 6.3).
 *
 * `Accepted` adds one reason to those of `acceptRoute`: `UnsupportedValue`, for a route that cannot be served as it is.
 */
export function routeStatus(route: KubeObject, context: RouteContext): WantedParent[] {
  const { generation } = route.metadata;
  return parentRefsOf(route).map((parent) => {
    let accepted: Verdict = acceptRoute(route, parent, context);
    const problem = accepted.isTrue ? problemOf(route, parent.kind) : undefined;
    if (problem !== undefined) accepted = { isTrue: false, reason: "UnsupportedValue", message: problem };
    const conditions = [wantedCondition("Accepted", accepted, generation)];
    if (parent.kind !== "Server") {
      const resolved = resolveBackends(route, parent, context.index, context.track);
      conditions.push(wantedCondition("ResolvedRefs", resolved, generation));
    }
    return { parentRef: route.spec.parentRefs[parent.at], conditions };
  });
}

/**
 * The `status` that a route needs, or undefined when it has it. What other controllers wrote about their parents stays, in its place.
 *
 * @param now  RFC 3339
 */
export function patchedRouteStatus(
  route: KubeObject,
  wanted: readonly WantedParent[],
  now: string,
): { readonly parents: readonly unknown[] } | undefined {
  const parents = (route.status?.parents ?? []) as readonly ParentStatus[];
  const foreign = parents.filter(({ controllerName }) => controllerName !== STATUS_CONTROLLER);
  const ours = parents.filter(({ controllerName }) => controllerName === STATUS_CONTROLLER);
  const isCurrent =
    ours.length === wanted.length &&
    wanted.every(
      ({ parentRef, conditions }, at) =>
        isSameRef(parentRef, ours[at]!.parentRef) && areCurrent(conditions, ours[at]!.conditions),
    );
  if (isCurrent) return undefined;
  const dated = wanted.map(({ parentRef, conditions }) => ({
    parentRef,
    controllerName: STATUS_CONTROLLER,
    conditions: dateConditions(
      conditions,
      ours.find((each) => isSameRef(each.parentRef, parentRef))?.conditions ?? [],
      now,
    ),
  }));
  return { parents: [...foreign, ...dated] };
}

/** Why the policies of this direction leave the route out: each reads routes in its own way. */
function problemOf(route: KubeObject, parent: ParentKind): string | undefined {
  if (parent !== "Server") {
    const read = readRoute(route);
    return read instanceof RouteProblem ? read.message : undefined;
  }
  const parse = route.kind === "GRPCRoute" ? parseInboundGrpcRoute : parseInboundHttpRoute;
  const [problem] = parse(route).problems;
  return problem && `${problem.field}: ${problem.message}`;
}

function isSameRef(left: unknown, right: unknown): boolean {
  return canonical(left) === canonical(right);
}

/** The order of keys means nothing. */
function canonical(ref: unknown): string {
  return JSON.stringify(Object.entries(ref as object).sort(([left], [right]) => (left < right ? -1 : 1)));
}
