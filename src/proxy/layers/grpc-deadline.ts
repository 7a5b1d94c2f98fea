import type { Clock } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import { formatGrpcTimeout, parseGrpcTimeoutMs } from "../../policy/grpc-timeout.ts";
import type { ServerExchange } from "../http/server-exchange.ts";

/**
 * Notes until when a gRPC call's client waits: as it says by `grpc-timeout`, or as the route says if that is less. Both count from
 * the call's arrival.
 *
 * Nothing ends here at that time: the client ends its own waiting, the route's timers do theirs.
 *
 * @param requestMs of the route
 */
export function noteDeadline(exchange: ServerExchange, requestMs: number | undefined): void {
  const clientMs = parseGrpcTimeoutMs(exchange.request.fields.get("grpc-timeout"));
  if (clientMs === undefined && requestMs === undefined) return;
  const leftMs = Math.min(clientMs ?? Number.POSITIVE_INFINITY, requestMs ?? Number.POSITIVE_INFINITY);
  exchange.deadlineAt = exchange.live.opened + leftMs;
}

/** Passes on what is left of the deadline, so that no server works for a client that has gone. */
export function passDeadlineOn({ request, deadlineAt }: ServerExchange, clock: Clock): void {
  request.fields.set("grpc-timeout", formatGrpcTimeout(deadlineAt - clock.monotonic()));
}

/** Ends the call when its client has given up: one that was lost without a word does not take the call back itself. */
export function endAtDeadline(exchange: ServerExchange, clock: Clock): void {
  const leftMs = exchange.deadlineAt - clock.monotonic();
  if (leftMs > TIMER_MS_MAX) return;
  const timer = clock.schedule(leftMs, () =>
    exchange.fail(
      new MeshError({
        kind: "environment",
        code: "REQUEST_TIMEOUT",
        message: "call is not over by the deadline that its client gave it",
      }),
    ),
  );
  exchange.onDone.push(() => timer.cancel());
}

/** Node's timers cannot wait for longer, and no call lasts so long, ms. */
const TIMER_MS_MAX = 2 ** 31 - 1;
