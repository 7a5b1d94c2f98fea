import type { KubeObject } from "../../../base/kube-object.ts";
import type { ControlSettings } from "../../control-settings.ts";
import type { ClusterIndex } from "../../index/cluster-index.ts";
import { CUSTOM_KINDS } from "../../index/custom-kinds.ts";
import { groupOf } from "../../index/custom-objects.ts";
import { routesTopic } from "../../index/route-index.ts";
import {
  type BackendRef,
  type ParentRef,
  parentRefsOf,
  type RouteKind,
  readBackendRef,
} from "../../index/route-refs.ts";
import type { Track } from "../../index/view.ts";
import { egressVerdict } from "../outbound/egress-network.ts";

/** What routes are looked up with. */
export interface RouteContext {
  readonly index: ClusterIndex;
  readonly settings: ControlSettings;
  readonly track: Track;
}

/** A condition of a route's status, without times. */
export interface Verdict {
  readonly isTrue: boolean;
  readonly reason: string;
  readonly message: string;
}

/** A Service without a cluster address has nothing that a client could dial, and so nothing that a route could apply to. */
function isRoutable(service: KubeObject): boolean {
  const { type, clusterIP } = service.spec ?? {};
  return type !== "ExternalName" && clusterIP !== "None";
}

/** The kinds of routes that win over another on the same parent. */
const PRECEDENCE: readonly RouteKind[] = ["GRPCRoute", "HTTPRoute", "TLSRoute", "TCPRoute"];

/**
 * Whether a route applies to a parent. Both the policies that are served and the status that is written come from here, so they
 * cannot disagree, and a policy does not wait for a status.
 *
 * | reason | when |
 * |---|---|
 * | `Accepted` | |
 * | `NoMatchingParent` | there is no such parent, or it is a Service without cluster address |
 * | `RouteReasonConflicted` | a route of a kind that wins has the same parent, for the same ports and clients |
 *
 * @see reference: control-plane 6.3
 */
export function acceptRoute(route: KubeObject, parent: ParentRef, context: RouteContext): Verdict {
  const { index, settings, track } = context;
  const { kind, namespace, name } = parent;
  const missing = (message: string): Verdict => ({ isTrue: false, reason: "NoMatchingParent", message });
  switch (kind) {
    case "Service": {
      track(`service/${namespace}/${name}`);
      const service = index.service(namespace, name);
      if (!service) return missing(`Service ${namespace}/${name} does not exist`);
      if (!isRoutable(service)) return missing(`Service ${namespace}/${name} has no cluster address`);
      break;
    }
    case "Server":
      if (namespace !== route.metadata.namespace) return missing("a Server must be in the route's namespace");
      if (!index.custom.get(CUSTOM_KINDS.server, namespace, name, track))
        return missing(`Server ${namespace}/${name} does not exist`);
      if (parent.port !== undefined || route.spec.parentRefs[parent.at].sectionName !== undefined)
        return missing("a Server has neither ports nor sections that a route could name");
      break;
    case "EgressNetwork": {
      const network = index.custom.get(CUSTOM_KINDS.egressNetwork, namespace, name, track);
      if (!network) return missing(`EgressNetwork ${namespace}/${name} does not exist`);
      if (!egressVerdict(network, settings).isTrue)
        return missing(`EgressNetwork ${namespace}/${name} is not accepted`);
      if (parent.port === undefined) return missing("an EgressNetwork as parent needs a port");
      break;
    }
  }
  const winner = kind === "Server" ? undefined : conflictOf(route, parent, index, track);
  if (winner) {
    const which = `${winner.kind} ${winner.metadata.namespace}/${winner.metadata.name}`;
    return {
      isTrue: false,
      reason: "RouteReasonConflicted",
      message: `${which} has the same parent, and its kind wins`,
    };
  }
  return { isTrue: true, reason: "Accepted", message: "" };
}

/** The route that keeps this one from applying at all. One that wins on some ports or for some clients only does not. */
function conflictOf(
  route: KubeObject,
  parent: ParentRef,
  index: ClusterIndex,
  track: Track,
): KubeObject | undefined {
  track(routesTopic(parent.kind, parent.namespace, parent.name));
  const rank = PRECEDENCE.indexOf(route.kind as RouteKind);
  return index.routes.attached(parent.kind, parent.namespace, parent.name).find((other) => {
    if (PRECEDENCE.indexOf(other.kind as RouteKind) >= rank) return false;
    const { namespace } = other.metadata;
    if (namespace !== parent.namespace && namespace !== route.metadata.namespace) return false;
    return parentRefsOf(other).some(
      (ref) =>
        ref.kind === parent.kind &&
        ref.namespace === parent.namespace &&
        ref.name === parent.name &&
        (ref.port === undefined || ref.port === parent.port),
    );
  });
}

/** Why a backend cannot take traffic; undefined when it can. */
export function backendProblem(
  backend: BackendRef,
  parent: Pick<ParentRef, "kind" | "namespace" | "name">,
  index: ClusterIndex,
  track: Track,
): { readonly reason: "BackendNotFound" | "InvalidKind"; readonly message: string } | undefined {
  const { kind, namespace, name, port, type } = backend;
  if (kind === undefined) return { reason: "InvalidKind", message: `unsupported backend type ${type}` };
  if (kind === "EgressNetwork") {
    if (parent.kind === kind && parent.namespace === namespace && parent.name === name) return undefined;
    return {
      reason: "BackendNotFound",
      message: `EgressNetwork ${namespace}/${name} is not the route's parent`,
    };
  }
  track(`service/${namespace}/${name}`);
  const service = index.service(namespace, name);
  if (!service) return { reason: "BackendNotFound", message: `Service not found ${namespace}/${name}` };
  if (port === undefined)
    return { reason: "BackendNotFound", message: `missing port for backend Service ${namespace}/${name}` };
  return undefined;
}

/** Whether all backends of a route can take traffic. The first that cannot is named. */
export function resolveBackends(
  route: KubeObject,
  parent: ParentRef,
  index: ClusterIndex,
  track: Track,
): Verdict {
  for (const rule of route.spec?.rules ?? []) {
    const backends = rule.backendRefs ?? [];
    const mirrors = [rule, ...backends].flatMap(({ filters }) =>
      (filters ?? []).flatMap((filter: { requestMirror?: { backendRef?: object } }) =>
        filter.requestMirror?.backendRef ? [filter.requestMirror.backendRef] : [],
      ),
    );
    for (const ref of [...backends, ...mirrors]) {
      const problem = backendProblem(readBackendRef(route, ref), parent, index, track);
      if (problem) return { isTrue: false, ...problem };
    }
  }
  return { isTrue: true, reason: "ResolvedRefs", message: "" };
}

/** For logs: `gateway.networking.k8s.io/HTTPRoute demo/canary`. */
export function routeName(route: KubeObject): string {
  return `${groupOf(route.apiVersion)}/${route.kind} ${route.metadata.namespace}/${route.metadata.name}`;
}
