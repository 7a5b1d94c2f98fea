/** gRPC status codes by number, as Go names them. */
const NAMES = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

/** The name that gRPC itself writes, as metrics carry it: `UNAVAILABLE`. A call without a status is `UNKNOWN`. */
export function grpcStatusLabel(code: number): string {
  if (code === 1) return "CANCELLED";
  return (NAMES[code] ?? "Unknown").replaceAll(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();
}

/** `Unavailable` for 14; `Code(666)` for what nobody defined. */
export function grpcStatusName(code: number): string {
  return NAMES[code] ?? `Code(${code})`;
}
