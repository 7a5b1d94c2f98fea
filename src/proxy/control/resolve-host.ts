import { promises as dns } from "node:dns";
import { isIP } from "node:net";
import { MeshError, systemErrorCode } from "../../base/error.ts";
import { joinHostPort, normaliseIp, trySplitHostPort } from "../../base/ip.ts";

/** Finds the addresses of a host name. A trailing dot means that the name is whole. */
export interface HostResolver {
  /**
   * @returns at least one address; a literal address resolves to itself
   * @throws MeshError `DNS_NOT_FOUND` when the name does not exist or has no address, `DNS_UNAVAILABLE` when nobody answered
   */
  resolve(host: string): Promise<readonly string[]>;
  /** How long the last answer about a name counts, or that there was none, ms. */
  ttlMs?(host: string): number;
}

/** Bounds of what DNS says about how long its answers count; undefined: none. */
export interface TtlBounds {
  readonly minMs: number | undefined;
  readonly maxMs: number | undefined;
}

const QUERY_TIMEOUT_MS = 2000;
const QUERY_TRIES = 2;
/** The system's resolver does not say how long an answer counts. */
const UNKNOWN_TTL_MS = 30_000;
/** Names whose time to live is remembered, count. */
const NAMES_MAX = 1000;
const NOT_FOUND: ReadonlySet<string | undefined> = new Set([
  "ENOTFOUND",
  "ENODATA",
  "EAI_NONAME",
  "EAI_NODATA",
]);

/**
 * A resolver over given servers (`ip:port` or `ip`), or over the system's when there is none: then /etc/hosts and search domains
 * count too.
 */
export function createHostResolver(
  servers: readonly string[],
  bounds: TtlBounds = { minMs: undefined, maxMs: undefined },
): HostResolver {
  const resolver = servers.length === 0 ? undefined : createResolver(servers);
  /** By name; a proxy asks for few names. */
  const ttls = new Map<string, number>();
  return {
    ttlMs: (host) => clampTtl(ttls.get(host) ?? 0, bounds),
    async resolve(host) {
      const literal = normaliseIp(host);
      if (isIP(literal)) return [literal];
      ttls.delete(host);
      try {
        const found = resolver ? await query(resolver, host.replace(/\.$/, "")) : await lookup(host);
        if (ttls.size >= NAMES_MAX) ttls.clear();
        ttls.set(host, found.ttlMs);
        if (found.addresses.length > 0) return found.addresses;
      } catch (cause) {
        if (!NOT_FOUND.has(systemErrorCode(cause))) throw unavailable(host, servers, cause);
      }
      throw new MeshError({
        kind: "environment",
        code: "DNS_NOT_FOUND",
        message: `no address for the name ${host}`,
        hint: "check the spelling, and that a ready pod is behind the Service",
      });
    },
  };
}

function createResolver(servers: readonly string[]): dns.Resolver {
  const resolver = new dns.Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
  resolver.setServers(
    servers.map((server) => {
      const parts = trySplitHostPort(server);
      return parts ? joinHostPort(parts.host, parts.port ?? 53) : server;
    }),
  );
  return resolver;
}

function clampTtl(ttlMs: number, { minMs, maxMs }: TtlBounds): number {
  return Math.min(Math.max(ttlMs, minMs ?? 0), maxMs ?? Number.POSITIVE_INFINITY);
}

interface Found {
  readonly addresses: string[];
  /** The shortest of all records'. */
  readonly ttlMs: number;
}

/** Both families at once; one family without an address is no failure when the other has some. */
async function query(resolver: dns.Resolver, name: string): Promise<Found> {
  const answers = await Promise.allSettled([
    resolver.resolve4(name, { ttl: true }),
    resolver.resolve6(name, { ttl: true }),
  ]);
  const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  if (found.length > 0) {
    return {
      addresses: found.map(({ address }) => address),
      ttlMs: Math.min(...found.map(({ ttl }) => ttl)) * 1000,
    };
  }
  const failures = answers.flatMap((answer) =>
    answer.status === "rejected" ? [answer.reason as unknown] : [],
  );
  const serious = failures.find((failure) => !NOT_FOUND.has(systemErrorCode(failure)));
  if (serious !== undefined) throw serious;
  return { addresses: [], ttlMs: 0 };
}

async function lookup(name: string): Promise<Found> {
  const found = await dns.lookup(name, { all: true });
  return { addresses: found.map(({ address }) => normaliseIp(address)), ttlMs: UNKNOWN_TTL_MS };
}

function unavailable(host: string, servers: readonly string[], cause: unknown): MeshError {
  const whom = servers.length === 0 ? "the system's resolver" : servers.join(", ");
  return new MeshError({
    kind: "environment",
    code: "DNS_UNAVAILABLE",
    message: `cannot resolve ${host}: ${whom} did not answer (${systemErrorCode(cause) ?? String(cause)})`,
    hint: "check that the cluster's DNS runs",
    cause,
  });
}
