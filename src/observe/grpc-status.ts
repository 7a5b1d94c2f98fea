import { GRPC_CODES } from "../base/grpc-codes.ts";

/** As Go names them: `InvalidArgument`; one is spelled otherwise there. */
const GO_NAMES = GRPC_CODES.map((code) =>
  code === "OK"
    ? code
    : code === "CANCELLED"
      ? "Canceled"
      : code.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_match, letter: string) => letter.toUpperCase()),
);

/** The name that gRPC itself writes, as metrics carry it: `UNAVAILABLE`. A call without a status is `UNKNOWN`. */
export function grpcStatusLabel(code: number): string {
  return GRPC_CODES[code] ?? "UNKNOWN";
}

/** `Unavailable` for 14; `Code(666)` for what nobody defined. */
export function grpcStatusName(code: number): string {
  return GO_NAMES[code] ?? `Code(${code})`;
}
