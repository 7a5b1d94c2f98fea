const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads a duration in the proxy's syntax: an integer and `ms`, `s`, `m`, `h` or `d`; bare `0` is legal.
 *
 * @returns milliseconds, or undefined when the text is not such a duration
 * @see reference: proxy environment, value syntax
 */
export function tryParseProxyDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === "0") return 0;
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(trimmed);
  if (!match) return undefined;
  return Number(match[1]) * UNIT_MS[match[2]!]!;
}

const GO_UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Reads a duration in Go's syntax, as flags and annotations use it: `1m30s`, `1.5h`, `0`.
 *
 * @returns milliseconds, or undefined when the text is not such a duration
 */
export function tryParseGoDuration(text: string): number | undefined {
  if (text === "0") return 0;
  let rest = text;
  let sign = 1;
  if (rest.startsWith("-")) {
    sign = -1;
    rest = rest.slice(1);
  }
  if (rest === "") return undefined;
  let totalMs = 0;
  while (rest !== "") {
    const match = /^(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/.exec(rest);
    if (!match) return undefined;
    totalMs += Number(match[1]) * GO_UNIT_MS[match[2]!]!;
    rest = rest.slice(match[0].length);
  }
  return sign * totalMs;
}

/** Go's way of printing whole milliseconds: `24h0m0s`, `1m30s`, `300ms`. */
export function formatGoDuration(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = (ms % 60_000) / 1000;
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  if (minutes > 0) return `${minutes}m${seconds}s`;
  return `${seconds}s`;
}
