import type { LiveExchange } from "./live-exchange.ts";

/** What became of an exchange. A denial is neither a success nor a failure: the application never saw it. */
export type Outcome = "success" | "failure" | "denied";

/** gRPC codes that mean that the service failed: UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const FAILING_GRPC = new Set([2, 4, 13, 14, 15]);

/** Whether a gRPC status (-1: none) counts against the service. */
export function isFailingGrpcStatus(status: number): boolean {
  return FAILING_GRPC.has(status);
}

/**
 * Classifies an exchange that has closed: what its route calls a failure is one (`isFailure`); else HTTP below 500, with no failing gRPC status and no cut, is a success. Without
 * a status (the client left, or the connection broke before a response) it is a failure. An opaque stream fails only by error.
 */
export function outcomeOf(
  exchange: Pick<LiveExchange, "verdict" | "status" | "grpcStatus" | "error" | "protocol"> &
    Partial<Pick<LiveExchange, "isFailure">>,
): Outcome {
  if (exchange.verdict === "denied") return "denied";
  if (!isHttp(exchange.protocol)) return exchange.error === "" ? "success" : "failure";
  if (exchange.status === 0) return "failure";
  if (exchange.isFailure) {
    return exchange.isFailure(exchange.status, exchange.grpcStatus) ? "failure" : "success";
  }
  if (exchange.status >= 500) return "failure";
  return isFailingGrpcStatus(exchange.grpcStatus) ? "failure" : "success";
}

export function isHttp(protocol: LiveExchange["protocol"]): boolean {
  return protocol !== "opaque" && protocol !== "tls";
}
