import type { Clock } from "../../base/clock.ts";
import type { MeshError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { BackoffConfig } from "../config.ts";
import type { GrpcClient } from "../control/grpc-client.ts";
import { hasGrpcStatus } from "../control/grpc-status.ts";
import type { StreamLimits } from "../control/watch-stream.ts";

/** What every stream to one control-plane service is made with. */
export interface StreamSource {
  readonly client: Pick<GrpcClient, "stream">;
  readonly limits: StreamLimits;
  readonly backoff: BackoffConfig;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

/** The control plane refuses the question itself: asking again gives the same answer (reference proxy-api section 12). */
export function isRefusal(error: MeshError): boolean {
  return hasGrpcStatus(error, "INVALID_ARGUMENT", "FAILED_PRECONDITION");
}
