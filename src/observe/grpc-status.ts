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

/** `Unavailable` for 14; `Code(666)` for what nobody defined. */
export function grpcStatusName(code: number): string {
  return NAMES[code] ?? `Code(${code})`;
}
