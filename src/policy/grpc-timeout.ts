/** Units of `grpc-timeout`, in ms. */
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
/** Digits that the field may have. */
const VALUE_MAX = 99_999_999;

/**
 * Reads a `grpc-timeout` field: how long the client still waits.
 *
 * @returns ms; undefined when it is absent or malformed, and then means nothing
 * @see gRPC over HTTP/2, "Timeout"
 */
export function parseGrpcTimeoutMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  return match ? Number(match[1]) * UNIT_MS[match[2]!]! : undefined;
}

/** Writes one, rounded down to a whole millisecond (or to what fits the field): a server must not believe that it has longer. */
export function formatGrpcTimeout(ms: number): string {
  const whole = Math.max(0, Math.floor(ms));
  return whole <= VALUE_MAX ? `${whole}m` : `${Math.min(VALUE_MAX, Math.floor(whole / 1000))}S`;
}
