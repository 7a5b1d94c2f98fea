import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  GrpcRouteSchema,
  HttpRouteSchema,
  OpaqueRouteSchema,
  TlsRouteSchema,
} from "../../../api/gen/io/linkerd/proxy/outbound_pb.js";
import { defaultMetadata } from "../../serve/encode-values.ts";
import { encodeHttpRetry, encodeTimeouts, type Resilience } from "../resilience.ts";
import type { BackendInit } from "./backends.ts";

/** The routes of a parent for what no route object is about. */
export interface DefaultRoutes {
  readonly http: MessageInitShape<typeof HttpRouteSchema>;
  readonly opaque: MessageInitShape<typeof OpaqueRouteSchema>;
  /** After the route objects, for what they do not match. Undefined: the http and opaque ones only stand where there are no objects. */
  readonly behind:
    | {
        readonly grpc: MessageInitShape<typeof GrpcRouteSchema>;
        readonly tls: MessageInitShape<typeof TlsRouteSchema>;
      }
    | undefined;
}

/** To the parent itself. Where there are route objects, what they do not match has no route. */
export function parentRoutes(backend: BackendInit, resilience: Resilience): DefaultRoutes {
  const timeouts = encodeTimeouts(resilience.timeouts);
  const retry = encodeHttpRetry(resilience.retry);
  const rule = {
    ...toBackend(backend),
    ...(timeouts && { timeouts }),
    ...(retry && { retry }),
    allowL5dRequestHeaders: resilience.allowsRequestHeaders ?? false,
  };
  return {
    http: { metadata: defaultMetadata("http"), rules: [{ matches: EVERYTHING, ...rule }] },
    opaque: { metadata: defaultMetadata("opaq"), rules: [toBackend(backend)] },
    behind: undefined,
  };
}

/** Out of the cluster, or refused, as the EgressNetwork says; what its route objects do not match follows the same rule. */
export function egressRoutes(
  backend: BackendInit,
  resilience: Resilience,
  isAllowed: boolean,
): DefaultRoutes {
  const name = (protocol: string) => ({
    metadata: defaultMetadata(`${protocol}-egress-${isAllowed ? "allow" : "deny"}`),
  });
  const timeouts = encodeTimeouts(resilience.timeouts);
  const retry = encodeHttpRetry(resilience.retry);
  const rule = toBackend(backend);
  const refused = { ...rule, filters: [{ kind: { case: "forbidden" as const, value: {} } }] };
  const connection = isAllowed ? rule : refused;
  const http = isAllowed
    ? { ...rule, ...(timeouts && { timeouts }), ...(retry && { retry }) }
    : {
        ...rule,
        filters: [
          {
            kind: { case: "failureInjector" as const, value: { status: 403, message: TRAFFIC_NOT_ALLOWED } },
          },
        ],
      };
  const grpc = isAllowed
    ? rule
    : {
        ...rule,
        filters: [
          {
            kind: {
              case: "failureInjector" as const,
              value: { code: PERMISSION_DENIED, message: TRAFFIC_NOT_ALLOWED },
            },
          },
        ],
      };
  return {
    http: { ...name("http"), rules: [{ matches: EVERYTHING, ...http }] },
    opaque: { ...name("tcp"), rules: [connection] },
    behind: {
      grpc: { ...name("grpc"), rules: [{ matches: [{ rpc: {} }], ...grpc }] },
      tls: { ...name("tls"), rules: [connection] },
    },
  };
}

const EVERYTHING = [{ path: { kind: { case: "prefix" as const, value: "/" } } }];
const TRAFFIC_NOT_ALLOWED = "traffic not allowed";
/** gRPC's code. */
const PERMISSION_DENIED = 7;

function toBackend(backend: BackendInit) {
  return {
    backends: { kind: { case: "firstAvailable" as const, value: { backends: [{ backend }] } } },
  };
}
