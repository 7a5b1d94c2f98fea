import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TcpAddressSchema } from "../../api/gen/io/linkerd/proxy/net_pb.js";
import {
  type TapEvent_Http_StreamIdSchema,
  TapEvent_ProxyDirection,
  type TapEventSchema,
} from "../../api/gen/io/linkerd/proxy/tap_pb.js";
import { tryIpBits, trySplitHostPort } from "../../base/ip.ts";
import type { LiveExchange } from "../../observe/live-exchange.ts";
import { H2Code, h2CodeOf } from "../../wire/h2-protocol.ts";
import { encodeHeaders, encodeMethod } from "./tap-http.ts";
import { destinationLabels, routeLabels, sourceLabels } from "./tap-labels.ts";

export type TapEventInit = MessageInitShape<typeof TapEventSchema>;
type StreamId = MessageInitShape<typeof TapEvent_Http_StreamIdSchema>;
type HttpEvent = NonNullable<Extract<NonNullable<TapEventInit["event"]>, { case: "http" }>["value"]>;

/** A request has come. */
export function requestInit(exchange: LiveExchange, id: StreamId, withHeaders: boolean): TapEventInit {
  const { method, authority, path, requestHeaders } = exchange;
  const headers = withHeaders && requestHeaders ? [...pseudoHeaders(exchange), ...requestHeaders] : undefined;
  return wrap(exchange, {
    event: {
      case: "requestInit",
      value: {
        id,
        method: encodeMethod(method),
        authority,
        path,
        ...(headers ? { headers: encodeHeaders(headers) } : {}),
      },
    },
  });
}

/** Its response has begun. */
export function responseInit(exchange: LiveExchange, id: StreamId, withHeaders: boolean): TapEventInit {
  const { opened, responded, status, responseHeaders } = exchange;
  return wrap(exchange, {
    event: {
      case: "responseInit",
      value: {
        id,
        sinceRequestInit: duration(responded - opened),
        httpStatus: status,
        ...(withHeaders && responseHeaders ? { headers: encodeHeaders(responseHeaders) } : {}),
      },
    },
  });
}

/** It is over. Upstream leaves `response_bytes` at 0, and so do we: readers would compare it with nothing. */
export function responseEnd(exchange: LiveExchange, id: StreamId, withHeaders: boolean): TapEventInit {
  const { opened, responded, closed, responseTrailers } = exchange;
  return wrap(exchange, {
    event: {
      case: "responseEnd",
      value: {
        id,
        sinceRequestInit: duration(closed - opened),
        ...(responded >= 0 ? { sinceResponseInit: duration(closed - responded) } : {}),
        eos: endOfStream(exchange),
        ...(withHeaders && responseTrailers ? { trailers: encodeHeaders(responseTrailers) } : {}),
      },
    },
  });
}

function wrap(exchange: LiveExchange, http: HttpEvent): TapEventInit {
  const source = address(exchange.client);
  const destination = address(exchange.server);
  const isInbound = exchange.direction === "inbound";
  return {
    ...(source ? { source } : {}),
    ...(destination ? { destination } : {}),
    sourceMeta: { labels: sourceLabels(exchange) },
    destinationMeta: { labels: destinationLabels(exchange) },
    routeMeta: { labels: routeLabels(exchange) },
    proxyDirection: isInbound ? TapEvent_ProxyDirection.INBOUND : TapEvent_ProxyDirection.OUTBOUND,
    event: { case: "http", value: http },
  };
}

/** HTTP/2 has them in front of the other headers. */
function pseudoHeaders({ protocol, method, authority, path }: LiveExchange): [string, string][] {
  if (protocol === "http/1") return [];
  return [
    [":method", method],
    [":scheme", "http"],
    [":authority", authority],
    [":path", path],
  ];
}

/** A gRPC status, or the code of the reset; neither when an HTTP response simply ended. */
function endOfStream(exchange: LiveExchange): NonNullable<ReturnType<typeof eos>> {
  const { grpcStatus, errorCode } = exchange;
  if (grpcStatus >= 0) return eos("grpcStatusCode", grpcStatus);
  if (errorCode === "CLIENT_GONE") return eos("resetErrorCode", H2Code.cancel);
  if (!errorCode.startsWith("H2_")) return {};
  return eos("resetErrorCode", h2CodeOf(errorCode.slice(3)) ?? H2Code.internalError);
}

function eos(name: "grpcStatusCode" | "resetErrorCode", value: number) {
  return { end: { case: name, value } } as { end?: { case: typeof name; value: number } };
}

function address(text: string): MessageInitShape<typeof TcpAddressSchema> | undefined {
  const split = trySplitHostPort(text);
  const bits = split && tryIpBits(split.host);
  if (!bits) return undefined;
  const port = split.port ?? 0;
  if (bits.family === 4) return { ip: { ip: { case: "ipv4", value: Number(bits.bits) } }, port };
  const first = bits.bits >> 64n;
  const last = bits.bits & 0xffff_ffff_ffff_ffffn;
  return { ip: { ip: { case: "ipv6", value: { first, last } } }, port };
}

function duration(ms: number): { seconds: bigint; nanos: number } {
  const nanos = Math.max(0, Math.round(ms * 1e6));
  return { seconds: BigInt(Math.floor(nanos / 1e9)), nanos: nanos % 1e9 };
}
