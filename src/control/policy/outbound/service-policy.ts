import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type OutboundPolicy,
  OutboundPolicySchema,
  type ProxyProtocolSchema,
} from "../../../api/gen/io/linkerd/proxy/outbound_pb.js";
import type { KubeObject } from "../../../base/kube-object.ts";
import { isOpaqueServicePort } from "../../index/pod-facts.ts";
import { defaultMetadata, serviceMetadata } from "../../serve/encode-values.ts";
import { type Resilience, readResilience } from "../resilience.ts";
import type { RouteContext } from "../routes/accept-route.ts";
import { attachedRoutes, type ParentView } from "../routes/attached-routes.ts";
import { type BackendContext, serviceBackend } from "./backends.ts";
import { parentRoutes } from "./default-routes.ts";
import { encodeProtocol, type KnownProtocol, type ProtocolInput } from "./encode-protocol.ts";

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
  { index, settings, track }: RouteContext,
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
  const routes = attachedRoutes(parent, { index, settings, track });
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
  const protocol = encodeProtocol({
    known,
    routes,
    defaults: parentRoutes(context.parentBackend, resilience),
    resilience,
    context,
  });
  return {
    policy: create(OutboundPolicySchema, { metadata, protocol }),
    problems: problemsOf(service, resilience, routes),
  };
}

/** Annotations that were ignored, of a parent and of its routes. */
export function problemsOf(
  parent: KubeObject,
  resilience: Resilience,
  routes: ProtocolInput["routes"],
): { readonly object: string; readonly annotation: string }[] {
  const all = [
    { object: parent, resilience },
    ...Object.values(routes)
      .flat()
      .map(({ object, route }) => ({ object, resilience: route.resilience })),
  ];
  return all.flatMap(({ object: { kind, metadata }, resilience: { problems } }) =>
    problems.map((annotation) => ({ object: `${kind} ${metadata.namespace}/${metadata.name}`, annotation })),
  );
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
