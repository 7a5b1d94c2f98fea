import type { Clock } from "../../base/clock.ts";
import { LiveExchange, type Recorder } from "../../observe/live-exchange.ts";
import type { RequestHead } from "../../wire/http1-head.ts";
import {
  authorityOf,
  type ExchangeConnection,
  originTarget,
  type Rescue,
  ServerExchange,
} from "./server-exchange.ts";

/** What connections of either version need to turn a request into an exchange. */
export interface ExchangeOptions {
  readonly direction: "inbound" | "outbound";
  readonly rescue: Rescue;
  readonly recorder: Recorder;
  readonly clock: Clock;
  /** Fills in what the connection knows of each exchange: client, server, TLS, target. */
  readonly describe: (live: LiveExchange) => void;
}

/** Begins the record of a request, and the exchange that the layers get. */
export function openExchange(
  request: RequestHead,
  connection: ExchangeConnection,
  { direction, rescue, recorder, clock, describe }: ExchangeOptions,
): ServerExchange {
  const live = new LiveExchange(direction, protocolOf(request));
  live.openedAtMs = clock.now();
  live.opened = clock.monotonic();
  live.method = request.method;
  live.authority = authorityOf(request);
  live.path = originTarget(request);
  live.attempts = 1;
  describe(live);
  return new ServerExchange({ request, live, recorder, connection, rescue });
}

function protocolOf(request: RequestHead): LiveExchange["protocol"] {
  if (!request.isHttp2) return "http/1";
  return isGrpc(request) ? "grpc" : "http/2";
}

/** gRPC is a content type over HTTP/2: `application/grpc`, perhaps with a suffix. */
export function isGrpc(request: RequestHead): boolean {
  if (!request.isHttp2) return false;
  return /^application\/grpc($|[+;])/i.test(request.fields.get("content-type") ?? "");
}
