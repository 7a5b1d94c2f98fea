import { type Network, tryParseNetwork } from "../base/ip.ts";
import type { Authorization, ServerPolicy } from "./inbound.ts";
import { defaultMeta } from "./meta.ts";

export const DEFAULT_POLICIES = [
  "deny",
  "all-authenticated",
  "all-unauthenticated",
  "cluster-authenticated",
  "cluster-unauthenticated",
  "audit",
] as const;
export type DefaultPolicy = (typeof DEFAULT_POLICIES)[number];

/** Defaults that say nothing without cluster networks. */
export const DEFAULT_POLICIES_OF_CLUSTER: ReadonlySet<string> = new Set([
  "cluster-authenticated",
  "cluster-unauthenticated",
  "audit",
]);

export interface DefaultPolicyOptions {
  readonly clusterNetworks: readonly Network[];
  /** The port's protocol is not detected: bytes are forwarded. */
  readonly opaque: boolean;
  readonly detectTimeoutMs: number;
}

export const ALL_NETWORKS: readonly Network[] = [tryParseNetwork("0.0.0.0/0")!, tryParseNetwork("::/0")!];

/**
 * The policy of a port that the control plane has not spoken about (yet).
 *
 * @see reference: proxy section 11 (Defaults): `deny` is opaque without authorizations, `audit` lets everything pass and records it
 */
export function defaultServerPolicy(name: DefaultPolicy, options: DefaultPolicyOptions): ServerPolicy {
  const isOpaque = options.opaque || name === "deny";
  return {
    meta: defaultMeta(name),
    protocol: isOpaque ? { kind: "opaque" } : { kind: "detect", timeoutMs: options.detectTimeoutMs },
    authorizations: defaultAuthorizations(name, options.clusterNetworks),
    routes: [],
    rateLimit: undefined,
    audit: name === "audit",
  };
}

function defaultAuthorizations(name: DefaultPolicy, clusterNetworks: readonly Network[]): Authorization[] {
  if (name === "deny" || name === "audit") return [];
  const networks = name.startsWith("cluster-") ? clusterNetworks : ALL_NETWORKS;
  return [
    {
      meta: defaultMeta(name),
      networks: networks.map((network) => ({ network, except: [] })),
      authentication: name.endsWith("-unauthenticated")
        ? { kind: "unauthenticated" }
        : { kind: "identities", identities: new Set(), suffixes: [""] },
    },
  ];
}
