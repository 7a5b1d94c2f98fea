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
}

const QUERY_TIMEOUT_MS = 2000;
const QUERY_TRIES = 2;
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
export function createHostResolver(servers: readonly string[]): HostResolver {
  const resolver = servers.length === 0 ? undefined : createResolver(servers);
  return {
    async resolve(host) {
      const literal = normaliseIp(host);
      if (isIP(literal)) return [literal];
      try {
        const found = resolver ? await query(resolver, host.replace(/\.$/, "")) : await lookup(host);
        if (found.length > 0) return found;
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

/** Both families at once; one family without an address is no failure when the other has some. */
async function query(resolver: dns.Resolver, name: string): Promise<string[]> {
  const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  if (found.length > 0) return found;
  const failures = answers.flatMap((answer) =>
    answer.status === "rejected" ? [answer.reason as unknown] : [],
  );
  const serious = failures.find((failure) => !NOT_FOUND.has(systemErrorCode(failure)));
  if (serious !== undefined) throw serious;
  return [];
}

async function lookup(name: string): Promise<string[]> {
  return (await dns.lookup(name, { all: true })).map(({ address }) => normaliseIp(address));
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
