import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type OutboundPolicy,
  OutboundPolicySchema,
  type ProxyProtocolSchema,
} from "../../../api/gen/io/linkerd/proxy/outbound_pb.js";
import type { KubeObject } from "../../../base/kube-object.ts";
import type { ControlSettings } from "../../control-settings.ts";
import type { ClusterIndex } from "../../index/cluster-index.ts";
import { isOpaqueServicePort } from "../../index/pod-facts.ts";
import type { Track } from "../../index/view.ts";
import { defaultMetadata, serviceMetadata } from "../../serve/encode-values.ts";
import { type Resilience, readResilience } from "../resilience.ts";
import { attachedRoutes, type ParentView } from "../routes/attached-routes.ts";
import { type BackendContext, forwardBackend, serviceBackend } from "./backends.ts";
import { encodeProtocol, type KnownProtocol } from "./encode-protocol.ts";

type ProtocolInit = MessageInitShape<typeof ProxyProtocolSchema>;

/** How a Service port's `appProtocol` reads. `undefined`: the routes decide, else the proxy detects. */
function protocolOf(appProtocol: string | undefined): KnownProtocol | undefined {
  switch (appProtocol?.toLowerCase()) {
    case undefined:
    case "":
      return undefined;
    case "http":
      return "http1";
    case "kubernetes.io/h2c":
      return "http2";
    default:
      // Upstream too: a protocol that nobody here knows is bytes.
      return "opaque";
  }
}

export interface PolicyContext {
  readonly index: ClusterIndex;
  readonly settings: ControlSettings;
  readonly track: Track;
}

/** A policy, and what was ignored on the way. */
export interface ComputedPolicy {
  readonly policy: OutboundPolicy;
  /** Annotations with malformed values, each with its object. */
  readonly problems: readonly { readonly object: string; readonly annotation: string }[];
}

/**
 * Where traffic to a port of a Service goes, for the clients of a namespace (reference control-plane 6.2, proxy-api 9.6).
 */
export function servicePolicy(
  service: KubeObject,
  port: number,
  clientNamespace: string,
  { index, settings, track }: PolicyContext,
): ComputedPolicy {
  const { namespace = "", name = "" } = service.metadata;
  const metadata = serviceMetadata(namespace, name, port);
  const ports = (service.spec?.ports ?? []) as { port: number; appProtocol?: string }[];
  const servicePort = ports.find((candidate) => candidate.port === port);
  if (!servicePort) {
    return { policy: create(OutboundPolicySchema, { metadata, protocol: undefinedPort() }), problems: [] };
  }
  const resilience = readResilience(service.metadata.annotations ?? {});
  const parent: ParentView = { kind: "Service", namespace, name, port, clientNamespace };
  const routes = attachedRoutes(parent, index, track);
  const known =
    protocolOf(servicePort.appProtocol) ??
    (isOpaqueServicePort(service, port, settings) ? "opaque" : undefined);
  const context: BackendContext = {
    parent,
    parentBackend: serviceBackend(namespace, name, port, settings, resilience.penalty),
    index,
    settings,
    track,
    penalty: resilience.penalty,
  };
  const protocol = encodeProtocol(known, routes, resilience, context);
  const problems = resilience.problems.map((annotation) => ({
    object: `Service ${namespace}/${name}`,
    annotation,
  }));
  for (const { object, route } of Object.values(routes).flat()) {
    const which = `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`;
    for (const annotation of route.resilience.problems) problems.push({ object: which, annotation });
  }
  return { policy: create(OutboundPolicySchema, { metadata, protocol }), problems };
}

/** Nothing is said about retries and the like. */
const NOTHING: Resilience = {
  timeouts: undefined,
  retry: undefined,
  failureAccrual: undefined,
  penalty: undefined,
  problems: [],
};

/** Outside the cluster: to where the client wanted. */
export function externalPolicy(
  ip: string,
  port: number,
  { index, settings, track }: PolicyContext,
): OutboundPolicy {
  const metadata = defaultMetadata("egress-fallback");
  const parent: ParentView = { kind: "EgressNetwork", namespace: "", name: "", port, clientNamespace: "" };
  const parentBackend = forwardBackend(metadata, ip, port);
  const context: BackendContext = { parent, parentBackend, index, settings, track, penalty: undefined };
  const protocol = encodeProtocol(undefined, undefined, NOTHING, context);
  return create(OutboundPolicySchema, { metadata, protocol });
}

/** A port that the Service does not have: refused, rather than sent to whoever answers there. */
function undefinedPort(): ProtocolInit {
  const rule = {
    backends: { kind: { case: "empty" as const, value: {} } },
    filters: [{ kind: { case: "forbidden" as const, value: {} } }],
  };
  return {
    kind: {
      case: "opaque",
      value: { routes: [{ metadata: defaultMetadata("undefined-port"), rules: [rule] }] },
    },
  };
}
