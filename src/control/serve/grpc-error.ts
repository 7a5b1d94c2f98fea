/** gRPC's status codes. */
export const GrpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;
export type GrpcCode = (typeof GrpcCode)[keyof typeof GrpcCode];

/** What a call ends with: an answer to a proxy, not a fault of ours. */
export class GrpcError extends Error {
  readonly code: GrpcCode;

  constructor(message: string, code: GrpcCode) {
    super(message);
    this.name = "GrpcError";
    this.code = code;
  }
}

/** Metrics call it `NotFound`. */
export function grpcCodeName(code: GrpcCode): string {
  return NAMES.get(code) ?? "Unknown";
}

const NAMES: ReadonlyMap<GrpcCode, string> = new Map(
  Object.entries(GrpcCode).map(([name, code]) => [
    code,
    name === "ok" ? "OK" : name.charAt(0).toUpperCase() + name.slice(1),
  ]),
);
