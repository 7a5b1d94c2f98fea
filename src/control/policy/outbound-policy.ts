import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type BackendSchema,
  type HttpRouteSchema,
  type OpaqueRouteSchema,
  type OutboundPolicy,
  OutboundPolicySchema,
  type ProxyProtocolSchema,
} from "../../api/gen/io/linkerd/proxy/outbound_pb.js";
import type { KubeObject } from "../../base/kube-object.ts";
import type { ControlSettings } from "../control-settings.ts";
import { isOpaqueServicePort } from "../index/pod-facts.ts";
import { defaultMetadata, encodeAddress, encodeDuration, serviceMetadata } from "../serve/encode-values.ts";
import { readServiceResilience, type ServiceResilience } from "./service-annotations.ts";

const DETECT_TIMEOUT_MS = 10_000;
/** A proxy uses its own queue settings, but demands these. */
const QUEUE = { capacity: 100, failfastTimeout: encodeDuration(3000) };

type BackendInit = MessageInitShape<typeof BackendSchema>;
type ProtocolInit = MessageInitShape<typeof ProxyProtocolSchema>;

/** How a Service port's `appProtocol` reads. `undefined`: the proxy detects. */
function protocolOf(appProtocol: string | undefined): "http1" | "http2" | "opaque" | undefined {
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

/** Where traffic to a port of a Service goes, without route objects (reference proxy-api 9.6). */
export function servicePolicy(
  service: KubeObject,
  port: number,
  settings: ControlSettings,
): { readonly policy: OutboundPolicy; readonly problems: readonly string[] } {
  const { namespace = "", name = "" } = service.metadata;
  const metadata = serviceMetadata(namespace, name, port);
  const ports = (service.spec?.ports ?? []) as { port: number; appProtocol?: string }[];
  const servicePort = ports.find((candidate) => candidate.port === port);
  if (!servicePort) {
    return { policy: create(OutboundPolicySchema, { metadata, protocol: undefinedPort() }), problems: [] };
  }
  const backend: BackendInit = {
    metadata,
    kind: {
      case: "balancer",
      value: {
        discovery: {
          kind: {
            case: "dst",
            value: { path: `${name}.${namespace}.svc.${settings.clusterDomain}:${port}` },
          },
        },
        load: {
          case: "peakEwma",
          value: { defaultRtt: encodeDuration(30), decay: encodeDuration(10_000) },
        },
      },
    },
    queue: QUEUE,
  };
  const resilience = readServiceResilience(service.metadata.annotations ?? {});
  const kind =
    protocolOf(servicePort.appProtocol) ??
    (isOpaqueServicePort(service, port, settings) ? "opaque" : undefined);
  const protocol = protocolTo(backend, kind, resilience);
  return { policy: create(OutboundPolicySchema, { metadata, protocol }), problems: resilience.problems };
}

/** Outside the cluster: to where the client wanted. */
export function egressPolicy(ip: string, port: number): OutboundPolicy {
  const metadata = defaultMetadata("egress-fallback");
  const backend: BackendInit = {
    metadata,
    kind: { case: "forward", value: { addr: encodeAddress(ip, port), weight: 1 } },
    queue: QUEUE,
  };
  const nothing: ServiceResilience = {
    timeouts: undefined,
    retry: undefined,
    failureAccrual: undefined,
    problems: [],
  };
  return create(OutboundPolicySchema, { metadata, protocol: protocolTo(backend, undefined, nothing) });
}

function protocolTo(
  backend: BackendInit,
  kind: "http1" | "http2" | "opaque" | undefined,
  { timeouts, retry, failureAccrual }: ServiceResilience,
): ProtocolInit {
  const httpRoute: MessageInitShape<typeof HttpRouteSchema> = {
    metadata: defaultMetadata("http"),
    rules: [
      {
        matches: [{ path: { kind: { case: "prefix", value: "/" } } }],
        backends: { kind: { case: "firstAvailable", value: { backends: [{ backend }] } } },
        ...(timeouts && { timeouts }),
        ...(retry && { retry }),
      },
    ],
  };
  const http = { routes: [httpRoute], ...(failureAccrual && { failureAccrual }) };
  const opaqueRoute: MessageInitShape<typeof OpaqueRouteSchema> = {
    metadata: defaultMetadata("opaq"),
    rules: [{ backends: { kind: { case: "firstAvailable", value: { backends: [{ backend }] } } } }],
  };
  const opaque = { routes: [opaqueRoute] };
  switch (kind) {
    case "http1":
      return { kind: { case: "http1", value: http } };
    case "http2":
      return { kind: { case: "http2", value: http } };
    case "opaque":
      return { kind: { case: "opaque", value: opaque } };
    case undefined:
      return {
        kind: {
          case: "detect",
          value: { timeout: encodeDuration(DETECT_TIMEOUT_MS), opaque, http1: http, http2: http },
        },
      };
  }
}

/** A port that the Service does not have: refused, rather than sent to whoever answers there. */
function undefinedPort(): ProtocolInit {
  return {
    kind: {
      case: "opaque",
      value: {
        routes: [
          {
            metadata: defaultMetadata("undefined-port"),
            rules: [
              {
                backends: { kind: { case: "empty", value: {} } },
                filters: [{ kind: { case: "forbidden", value: {} } }],
              },
            ],
          },
        ],
      },
    },
  };
}
