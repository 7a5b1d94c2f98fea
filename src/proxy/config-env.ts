import { isIP } from "node:net";
import { tryParseProxyDuration } from "../base/duration.ts";
import { type Network, normaliseIp, tryParseNetwork, trySplitHostPort } from "../base/ip.ts";
import type { ListenAddress } from "./config.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIXES = ["MESHCTL_PROXY_", "LINKERD2_PROXY_"] as const;

/**
 * Reads variables by their suffix: `MESHCTL_PROXY_X`, else `LINKERD2_PROXY_X`. An empty value counts as unset.
 *
 * Nothing throws: each malformed value becomes a line in `problems` and its default is returned, so that one start names all of them.
 */
export class ConfigReader {
  readonly problems: string[] = [];
  /** Suffixes that somebody asked for: what is set beyond them is unknown. */
  readonly asked = new Set<string>();
  /** What each of them is when it is not set; a page of the documentation is compared with this. */
  readonly fallbacks = new Map<string, unknown>();
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** The value with outer whitespace removed, and the full name under which it was found. */
  raw(suffix: string): { name: string; value: string } | undefined {
    this.asked.add(suffix);
    for (const prefix of PREFIXES) {
      const value = this.#env[prefix + suffix]?.trim();
      if (value !== undefined && value !== "") return { name: prefix + suffix, value };
    }
    return undefined;
  }

  /** Reads by a parser that returns undefined for malformed text. */
  parse<T>(suffix: string, fallback: T, expected: string, parser: (text: string) => T | undefined): T {
    this.fallbacks.set(suffix, fallback);
    const found = this.raw(suffix);
    if (!found) return fallback;
    const parsed = parser(found.value);
    if (parsed !== undefined) return parsed;
    this.problem(found.name, found.value, expected);
    return fallback;
  }

  problem(name: string, value: string, expected: string): void {
    const shown = value.length > 80 ? `${value.slice(0, 80)}...` : value;
    this.problems.push(`${name}=${JSON.stringify(shown)}: expected ${expected}`);
  }

  /** Notes that a required variable is not set, by the name we would write it. */
  missing(suffix: string, why = "is required"): void {
    this.problems.push(`${PREFIXES[0]}${suffix} ${why}`);
  }

  /** A variable that belongs to others too, by its whole name; "" when unset. */
  unprefixed(name: string): string {
    return this.#env[name]?.trim() ?? "";
  }

  text(suffix: string, fallback: string): string {
    this.fallbacks.set(suffix, fallback);
    return this.raw(suffix)?.value ?? fallback;
  }

  required(suffix: string): string {
    const found = this.raw(suffix);
    if (!found) this.missing(suffix);
    return found?.value ?? "";
  }

  durationMs(suffix: string, fallback: number): number;
  durationMs(suffix: string, fallback: undefined): number | undefined;
  durationMs(suffix: string, fallback: number | undefined): number | undefined {
    return this.parse<number | undefined>(
      suffix,
      fallback,
      "a duration such as 300ms, 10s or 5m",
      tryParseProxyDuration,
    );
  }

  boolean(suffix: string, fallback: boolean): boolean {
    return this.parse(suffix, fallback, "true or false", (text) =>
      text === "true" ? true : text === "false" ? false : undefined,
    );
  }

  count(suffix: string, fallback: number): number {
    return this.parse(suffix, fallback, "a whole number", (text) =>
      tryParseCount(text, Number.MAX_SAFE_INTEGER),
    );
  }

  optionalCount(suffix: string): number | undefined {
    return this.parse<number | undefined>(suffix, undefined, "a whole number", (text) =>
      tryParseCount(text, Number.MAX_SAFE_INTEGER),
    );
  }

  ratio(suffix: string, fallback: number): number {
    return this.parse(suffix, fallback, "a number from 0 to 1", (text) => {
      const value = Number(text);
      return value >= 0 && value <= 1 ? value : undefined;
    });
  }

  choice<T extends string>(suffix: string, fallback: T, choices: readonly T[]): T {
    return this.parse(suffix, fallback, `one of ${choices.join(", ")}`, (text) =>
      choices.find((choice) => choice === text),
    );
  }

  listen(suffix: string, fallback: ListenAddress): ListenAddress {
    return this.parse(suffix, fallback, "ip:port", tryParseListen);
  }

  ports(suffix: string): ReadonlySet<number> {
    return this.parse(
      suffix,
      new Set(),
      "a comma list of ports and ranges, such as 25,587,4000-4010",
      tryParsePorts,
    );
  }

  networks(suffix: string, fallback: readonly Network[]): readonly Network[] {
    return this.parse(suffix, fallback, "a comma list of networks, such as 10.0.0.0/8,fd00::/8", (text) =>
      parseList(text, tryParseNetwork),
    );
  }

  ips(suffix: string): ReadonlySet<string> | undefined {
    const list = this.parse<readonly string[] | undefined>(
      suffix,
      undefined,
      "a comma list of IP addresses",
      (text) => parseList(text, tryParseIp),
    );
    return list && new Set(list);
  }

  /** Every variable with one of the prefixes that nobody asked for. */
  unasked(): string[] {
    const names: string[] = [];
    for (const [name, value] of Object.entries(this.#env)) {
      const prefix = PREFIXES.find((candidate) => name.startsWith(candidate));
      if (prefix && value?.trim() && !this.asked.has(name.slice(prefix.length))) names.push(name);
    }
    return names.sort();
  }
}

/** Splits at commas, ignores blanks; undefined when one entry is malformed. */
export function parseList<T>(text: string, parser: (entry: string) => T | undefined): T[] | undefined {
  const values: T[] = [];
  for (const entry of text.split(",")) {
    if (entry.trim() === "") continue;
    const value = parser(entry.trim());
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

export function tryParseIp(text: string): string | undefined {
  const ip = normaliseIp(text);
  return isIP(ip) ? ip : undefined;
}

/** `ip:port`; the host must be a literal address. */
export function tryParseListen(text: string): ListenAddress | undefined {
  const parts = trySplitHostPort(text);
  if (!parts || parts.port === undefined || !isIP(parts.host)) return undefined;
  return { host: parts.host, port: parts.port };
}

export function tryParseCount(text: string, max: number): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

function tryParsePorts(text: string): ReadonlySet<number> | undefined {
  const ranges = parseList(text, (entry) => {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(entry);
    if (!match) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    return first >= 1 && first <= last && last <= 65535 ? ([first, last] as const) : undefined;
  });
  if (!ranges) return undefined;
  const ports = new Set<number>();
  for (const [first, last] of ranges) for (let port = first; port <= last; port++) ports.add(port);
  return ports;
}

/** A name as DNS has them, with or without the last dot. */
export function isDnsName(text: string): boolean {
  return (
    text.length <= 253 &&
    /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i.test(text)
  );
}

/** The proxy's own variables, as `/env.json` shows them. */
export function ownVariables(env: Environment): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => /^(MESHCTL|LINKERD2)_PROXY_/.test(name)));
}
