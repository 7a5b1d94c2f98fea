import { joinHostPort } from "../../base/ip.ts";
import type { Endpoint } from "../../policy/endpoint.ts";
import { defaultMeta, type PolicyMeta } from "../../policy/meta.ts";
import type { Backend, Distribution, OutboundPolicy } from "../../policy/outbound.ts";
import { NO_TIMEOUTS } from "./decode-outbound.ts";
import type { Profile } from "./decode-profile.ts";
import type { NamedTarget } from "./target-name.ts";

export interface MergeInput {
  readonly target: NamedTarget;
  /** Undefined: there is none for this target. */
  readonly profile: Profile | undefined;
  /** Undefined: the control plane knows no policy for this target. */
  readonly policy: OutboundPolicy | undefined;
  /** Without a policy and an endpoint in the profile: where the name or address leads. Empty: nowhere. */
  readonly addresses: readonly string[];
}

const FALLBACK = defaultMeta("fallback");
const RTT_MS = 30;
const DECAY_MS = 10_000;

/**
 * One policy out of what profile and policy say.
 *
 * | profile | policy | result |
 * |---|---|---|
 * | splits (dst_overrides) | any | the split; the policy is ignored |
 * | opaque | known | the policy's opaque routes, bytes only |
 * | else | known | the policy |
 * | endpoint | none | detect, forward to that endpoint |
 * | else | none | detect, forward to the original address, or to what DNS says |
 *
 * @see reference: proxy section 10 (Discovery, Which routing). ServiceProfile routes are not honoured yet; see `Profile.routes`
 */
export function mergePolicy(input: MergeInput): OutboundPolicy {
  const { profile } = input;
  const merged = input.policy ?? fallbackPolicy(input);
  if (profile && profile.name !== "" && profile.overrides.length > 0) {
    return { ...uniformPolicy(profile.meta, splitOf(profile)), protocol: asOpaque(profile, merged.protocol) };
  }
  if (!profile?.isOpaque || merged.protocol === "opaque") return merged;
  const opaqueRoutes =
    merged.opaqueRoutes.length > 0
      ? merged.opaqueRoutes
      : uniformPolicy(profile.meta, serviceOf(profile, input.target.port)).opaqueRoutes;
  return { ...merged, protocol: "opaque", opaqueRoutes };
}

/** A detect policy that sends everything to the same backends. */
export function uniformPolicy(meta: PolicyMeta, backends: Distribution): OutboundPolicy {
  return {
    meta,
    protocol: "detect",
    httpRoutes: [
      {
        meta,
        hosts: [],
        rules: [{ matches: [], filters: [], backends, timeouts: NO_TIMEOUTS, retry: undefined }],
      },
    ],
    opaqueRoutes: [{ meta, backends, refused: undefined }],
    failureAccrual: undefined,
  };
}

/** An endpoint about which nothing is known but its address. */
export function plainEndpoint(ip: string, port: number): Endpoint {
  return {
    address: joinHostPort(ip, port),
    ip,
    port,
    weight: 1,
    labels: {},
    tls: undefined,
    protocolHint: undefined,
    opaqueTransportPort: undefined,
    authorityOverride: undefined,
  };
}

function asOpaque(profile: Profile, protocol: OutboundPolicy["protocol"]): OutboundPolicy["protocol"] {
  return profile.isOpaque || protocol === "opaque" ? "opaque" : "detect";
}

function fallbackPolicy({ target, profile, addresses }: MergeInput): OutboundPolicy {
  const targets: Backend["target"][] = profile?.endpoint
    ? [{ kind: "forward", endpoint: profile.endpoint }]
    : addresses.map((ip) => ({ kind: "forward", endpoint: plainEndpoint(ip, target.port) }));
  if (targets.length === 0) targets.push({ kind: "none" });
  return uniformPolicy(
    FALLBACK,
    distribute(targets.map((entry) => ({ weight: 1, meta: FALLBACK, target: entry }))),
  );
}

function splitOf(profile: Profile): Distribution {
  return distribute(
    profile.overrides.map(({ path, weight, meta }) => ({ weight, meta, target: balanceOn(path) })),
  );
}

function serviceOf(profile: Profile, port: number): Distribution {
  const target: Backend["target"] = profile.endpoint
    ? { kind: "forward", endpoint: profile.endpoint }
    : profile.name === ""
      ? { kind: "none" }
      : balanceOn(`${profile.name}:${port}`);
  return distribute([{ weight: 1, meta: profile.meta, target }]);
}

function balanceOn(path: string): Backend["target"] {
  return { kind: "balance", path, defaultRttMs: RTT_MS, decayMs: DECAY_MS, penaltyMs: undefined };
}

function distribute(
  entries: readonly {
    readonly weight: number;
    readonly meta: PolicyMeta;
    readonly target: Backend["target"];
  }[],
): Distribution {
  return {
    kind: entries.length === 1 ? "first-available" : "random-available",
    backends: entries.map(({ weight, meta, target }) => ({ weight, backend: { meta, target }, filters: [] })),
  };
}
