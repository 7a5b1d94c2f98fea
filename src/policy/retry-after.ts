/**
 * How long a response asks to be left alone.
 *
 * @param text  of `Retry-After`: seconds, or an HTTP date
 * @param nowMs wall clock, ms since the epoch
 * @returns ms; 0 when it asks for nothing that can be understood
 * @see RFC 9110 section 10.2.3
 */
export function parseRetryAfterMs(text: string | undefined, nowMs: number): number {
  if (text === undefined) return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : Math.max(0, at - nowMs);
}

/**
 * The same of a gRPC response: `grpc-retry-pushback-ms`.
 *
 * @returns ms; 0 when it is absent or malformed; -1 when the server asks not to be called again for this request
 * @see gRFC A6, "Pushback"
 */
export function parsePushbackMs(text: string | undefined): number {
  if (text === undefined) return 0;
  if (text.startsWith("-")) return -1;
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}
