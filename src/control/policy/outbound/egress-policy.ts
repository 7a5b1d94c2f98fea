import { create } from "@bufbuild/protobuf";
import { type OutboundPolicy, OutboundPolicySchema } from "../../../api/gen/io/linkerd/proxy/outbound_pb.js";
import type { KubeObject } from "../../../base/kube-object.ts";
import { isOpaqueServicePort } from "../../index/pod-facts.ts";
import { POLICY_GROUP } from "../../index/route-refs.ts";
import { defaultMetadata } from "../../serve/encode-values.ts";
import { type Resilience, readResilience } from "../resilience.ts";
import type { RouteContext } from "../routes/accept-route.ts";
import { attachedRoutes, type ParentView } from "../routes/attached-routes.ts";
import { type BackendContext, forwardBackend } from "./backends.ts";
import { egressRoutes, parentRoutes } from "./default-routes.ts";
import { parseEgressNetwork } from "./egress-network.ts";
import { encodeProtocol, NO_ROUTES } from "./encode-protocol.ts";
import { type ComputedPolicy, problemsOf } from "./service-policy.ts";

/** Where traffic to an address goes that an EgressNetwork is responsible for: out, or nowhere, and what its routes say. */
export function egressNetworkPolicy(
  object: KubeObject,
  ip: string,
  port: number,
  clientNamespace: string,
  { index, settings, track }: RouteContext,
): ComputedPolicy {
  const { namespace = "", name = "" } = object.metadata;
  const value = { group: POLICY_GROUP, kind: "EgressNetwork", namespace, name, port };
  const metadata = { kind: { case: "resource" as const, value } };
  // Failures cannot be held against one of several endpoints where there is only one.
  const resilience: Resilience = { ...readResilience(object.metadata.annotations ?? {}), penalty: undefined };
  const parent: ParentView = { kind: "EgressNetwork", namespace, name, port, clientNamespace };
  const routes = attachedRoutes(parent, { index, settings, track });
  const parentBackend = forwardBackend(metadata, ip, port);
  const isAllowed = parseEgressNetwork(object).value?.isAllowed ?? false;
  const protocol = encodeProtocol({
    known: isOpaqueServicePort(object, port, settings) ? "opaque" : undefined,
    routes,
    defaults: egressRoutes(parentBackend, resilience, isAllowed),
    resilience,
    context: { parent, parentBackend, index, settings, track, penalty: undefined },
  });
  return {
    policy: create(OutboundPolicySchema, { metadata, protocol }),
    problems: problemsOf(object, resilience, routes),
  };
}

/** Nothing is said about retries and the like. */
const NOTHING: Resilience = {
  timeouts: undefined,
  retry: undefined,
  failureAccrual: undefined,
  penalty: undefined,
  allowsRequestHeaders: undefined,
  problems: [],
};

/** Outside the cluster, where nobody is responsible: to where the client wanted. */
export function externalPolicy(
  ip: string,
  port: number,
  { index, settings, track }: RouteContext,
): OutboundPolicy {
  const metadata = defaultMetadata("egress-fallback");
  const parent: ParentView = { kind: "EgressNetwork", namespace: "", name: "", port, clientNamespace: "" };
  const parentBackend = forwardBackend(metadata, ip, port);
  const context: BackendContext = { parent, parentBackend, index, settings, track, penalty: undefined };
  const protocol = encodeProtocol({
    known: undefined,
    routes: NO_ROUTES,
    defaults: parentRoutes(parentBackend, NOTHING),
    resilience: NOTHING,
    context,
  });
  return create(OutboundPolicySchema, { metadata, protocol });
}
