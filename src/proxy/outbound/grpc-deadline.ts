import type { Clock } from "../../base/clock.ts";
import { formatGrpcTimeout, parseGrpcTimeoutMs } from "../../policy/grpc-timeout.ts";
import type { OutboundRule } from "../../policy/outbound.ts";
import type { ServerExchange } from "../http/server-exchange.ts";

/**
 * Notes until when a gRPC call's client waits: as it says by `grpc-timeout`, or as the route says if that is less.
 *
 * Nothing ends here at that time: the client ends its own waiting, the route's timers do theirs.
 */
export function noteDeadline(
  exchange: ServerExchange,
  { requestMs }: OutboundRule["timeouts"],
  clock: Clock,
): void {
  const clientMs = parseGrpcTimeoutMs(exchange.request.fields.get("grpc-timeout"));
  if (clientMs === undefined && requestMs === undefined) return;
  const leftMs = Math.min(clientMs ?? Number.POSITIVE_INFINITY, requestMs ?? Number.POSITIVE_INFINITY);
  exchange.deadlineAt = clock.monotonic() + leftMs;
}

/** Passes on what is left of the deadline, so that no server works for a client that has gone. */
export function passDeadlineOn({ request, deadlineAt }: ServerExchange, clock: Clock): void {
  request.fields.set("grpc-timeout", formatGrpcTimeout(deadlineAt - clock.monotonic()));
}
