import type { KubeObject } from "../../base/kube-object.ts";
import { groupOf } from "./custom-objects.ts";

export const GATEWAY_GROUP = "gateway.networking.k8s.io";
export const POLICY_GROUP = "policy.meshctl.io";

export const ROUTE_KINDS = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"] as const;
export type RouteKind = (typeof ROUTE_KINDS)[number];

/** What a route can belong to in a mesh; everything else (a Gateway) is somebody else's. */
export type ParentKind = "Service" | "Server" | "EgressNetwork";

export interface ParentRef {
  readonly kind: ParentKind;
  readonly namespace: string;
  readonly name: string;
  /** Undefined: all ports. */
  readonly port: number | undefined;
  /** Place in `spec.parentRefs`. */
  readonly at: number;
}

/** The parents of a route that are ours, in their order. */
export function parentRefsOf(route: KubeObject): ParentRef[] {
  const refs: unknown = route.spec?.parentRefs;
  if (!Array.isArray(refs)) return [];
  return refs.flatMap((ref: RawRef, at) => {
    const kind = parentKindOf(route, ref);
    if (!kind || typeof ref.name !== "string") return [];
    const namespace = ref.namespace || route.metadata.namespace || "";
    return [{ kind, namespace, name: ref.name, port: ref.port, at }];
  });
}

export interface BackendRef {
  /** Undefined: a kind that no traffic can be sent to. */
  readonly kind: "Service" | "EgressNetwork" | undefined;
  /** `group/kind`, for messages. */
  readonly type: string;
  readonly namespace: string;
  readonly name: string;
  readonly port: number | undefined;
  readonly weight: number;
  // biome-ignore lint/suspicious/noExplicitAny: filters of the route's own kind, read by its converter
  readonly filters: readonly any[];
}

/** One entry of `backendRefs`. Without a namespace it is the route's own, as the Gateway API says. */
// biome-ignore lint/suspicious/noExplicitAny: as it stands in the object
export function readBackendRef(route: KubeObject, ref: any): BackendRef {
  const group: string = ref.group ?? "";
  const kind: string = ref.kind ?? "Service";
  const isService = kind === "Service" && isCore(group);
  return {
    kind: isService
      ? "Service"
      : kind === "EgressNetwork" && group === POLICY_GROUP
        ? "EgressNetwork"
        : undefined,
    type: group === "" ? kind : `${group}/${kind}`,
    namespace: ref.namespace || route.metadata.namespace || "",
    name: String(ref.name ?? ""),
    port: ref.port,
    weight: ref.weight ?? 1,
    filters: ref.filters ?? [],
  };
}

export function isRoute(object: KubeObject): boolean {
  const group = groupOf(object.apiVersion);
  if (group === POLICY_GROUP) return object.kind === "HTTPRoute";
  return group === GATEWAY_GROUP && (ROUTE_KINDS as readonly string[]).includes(object.kind);
}

interface RawRef {
  readonly group?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly port?: number;
}

function parentKindOf(route: KubeObject, ref: RawRef): ParentKind | undefined {
  const group = ref.group ?? groupOf(route.apiVersion);
  const kind = ref.kind ?? "Gateway";
  if (kind === "Service" && isCore(group)) return "Service";
  if (group !== POLICY_GROUP) return undefined;
  return kind === "Server" || kind === "EgressNetwork" ? kind : undefined;
}

function isCore(group: string): boolean {
  return group === "" || group === "core";
}
