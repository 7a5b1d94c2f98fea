import type { KubeObject } from "../../../base/kube-object.ts";
import { routesTopic } from "../../index/route-index.ts";
import { type ParentKind, parentRefsOf, type RouteKind } from "../../index/route-refs.ts";
import { acceptRoute, type RouteContext } from "./accept-route.ts";
import { type ReadRoute, readRoute } from "./read-route.ts";
import { RouteProblem } from "./route-problem.ts";

/** A parent as a client sees it. */
export interface ParentView {
  readonly kind: ParentKind;
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  /** Namespace of the client; "": unknown. */
  readonly clientNamespace: string;
}

export interface AttachedRoute {
  readonly object: KubeObject;
  readonly route: ReadRoute;
}

/**
 * The accepted routes of a parent's port, by kind, the oldest first: producers', which are in the parent's namespace and hold for
 * everybody, and those of the client's own namespace, which hold for its clients only.
 */
export function attachedRoutes(
  parent: ParentView,
  context: RouteContext,
): Readonly<Record<RouteKind, readonly AttachedRoute[]>> {
  const { kind, namespace, name, port, clientNamespace } = parent;
  const { index, track } = context;
  const routes = { HTTPRoute: [], GRPCRoute: [], TLSRoute: [], TCPRoute: [] } as Record<
    RouteKind,
    AttachedRoute[]
  >;
  track(routesTopic(kind, namespace, name));
  for (const object of index.routes.attached(kind, namespace, name)) {
    const owner = object.metadata.namespace;
    if (owner !== namespace && owner !== clientNamespace) continue;
    const isAttached = parentRefsOf(object).some(
      (ref) =>
        ref.kind === kind &&
        ref.namespace === namespace &&
        ref.name === name &&
        (ref.port === undefined || ref.port === port) &&
        acceptRoute(object, ref, context).isTrue,
    );
    if (!isAttached) continue;
    const route = readRoute(object);
    // Its status says why it is left out.
    if (route instanceof RouteProblem) continue;
    routes[object.kind as RouteKind].push({ object, route });
  }
  return routes;
}
