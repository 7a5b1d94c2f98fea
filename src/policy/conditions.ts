/** Names of the gRPC codes that retries may be configured for. */
export const GRPC_CONDITION_CODES = {
  cancelled: 1,
  "deadline-exceeded": 4,
  "resource-exhausted": 8,
  internal: 13,
  unavailable: 14,
} as const;

/**
 * Reads which statuses are retried: `5xx`, `gateway-error` (502 to 504), a code, or `a-b`, comma separated.
 *
 * @returns inclusive ranges; undefined when any part is malformed
 */
export function parseStatusRanges(text: string): { start: number; end: number }[] | undefined {
  const ranges: { start: number; end: number }[] = [];
  for (const raw of text.split(",")) {
    const item = raw.trim().toLowerCase();
    const match = /^(\d{3})(?:-(\d{3}))?$/.exec(item);
    if (item === "5xx") ranges.push({ start: 500, end: 599 });
    else if (item === "gateway-error") ranges.push({ start: 502, end: 504 });
    else if (match) {
      const start = Number(match[1]);
      const end = Number(match[2] ?? match[1]);
      if (start < 100 || end > 599 || start > end) return undefined;
      ranges.push({ start, end });
    } else return undefined;
  }
  return ranges;
}
