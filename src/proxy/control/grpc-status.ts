import { MeshError } from "../../base/error.ts";
import { GRPC_CODES, type GrpcCodeName } from "../../base/grpc-codes.ts";

export type GrpcStatusName = GrpcCodeName;

/** The control plane's answer as an error: its code is `CONTROL_` and the status' name, so that callers decide on that. */
export function grpcError(status: GrpcStatusName, message: string, cause?: unknown): MeshError {
  return new MeshError({ kind: "environment", code: `CONTROL_${status}`, message, cause });
}

/** A status out of trailers: number and percent-encoded message. Numbers that nobody knows are UNKNOWN. */
export function grpcErrorOf(code: number, encodedMessage: string, call: string): MeshError {
  return grpcError(
    GRPC_CODES[code] ?? "UNKNOWN",
    `${call}: ${decodeMessage(encodedMessage) || `status ${code}`}`,
  );
}

/** The meaning of an HTTP status that came without a gRPC one. */
export function grpcErrorOfHttp(status: number, call: string): MeshError {
  const names: Readonly<Record<number, GrpcStatusName>> = {
    400: "INTERNAL",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "UNIMPLEMENTED",
    429: "UNAVAILABLE",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "UNAVAILABLE",
  };
  return grpcError(names[status] ?? "UNKNOWN", `${call}: HTTP status ${status} without a gRPC status`);
}

/** The status that an error stands for; -1: none, it was not the server's answer. */
export function grpcStatusOfError(error: unknown): number {
  if (!(error instanceof MeshError)) return -1;
  return GRPC_CODES.findIndex((name) => error.code === `CONTROL_${name}`);
}

/** Whether an error is one of these statuses. */
export function hasGrpcStatus(error: unknown, ...statuses: readonly GrpcStatusName[]): boolean {
  return error instanceof MeshError && statuses.some((status) => error.code === `CONTROL_${status}`);
}

/** Malformed escapes stay as they are: a message is only for people. */
function decodeMessage(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
