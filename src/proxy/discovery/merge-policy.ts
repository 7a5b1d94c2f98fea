import { joinHostPort } from "../../base/ip.ts";
import type { Endpoint } from "../../policy/endpoint.ts";
import { defaultMeta, type PolicyMeta } from "../../policy/meta.ts";
import type { Backend, Distribution, OutboundPolicy, RetryPolicy } from "../../policy/outbound.ts";
import { isFailure, type ProfileRoute, type ProfileRouting } from "../../policy/profile.ts";
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

/** Whether a policy says no more than where a name or an address leads: the control plane knows nothing of it. */
export function isFallback({ meta }: OutboundPolicy): boolean {
  return meta === FALLBACK;
}

/**
 * One policy out of what profile and policy say.
 *
 * | profile | policy | HTTP | other bytes |
 * |---|---|---|---|
 * | splits (dst_overrides) | any | the profile's routes, to the split | the split |
 * | routes | any | the profile's routes, to the service | the policy's opaque routes |
 * | opaque | known | as bytes | the policy's opaque routes |
 * | else | known | the policy | the policy |
 * | endpoint | none | forward to that endpoint | the same |
 * | else | none | forward to the original address, or to what DNS says | the same |
 *
 * Routes and splits count only of a profile with a name; then the policy's routes, retries and breakers do not.
 *
 * @see reference: proxy section 10 (Discovery, Which routing)
 */
export function mergePolicy(input: MergeInput): OutboundPolicy {
  const { profile } = input;
  const merged = input.policy ?? fallbackPolicy(input);
  if (!profile) return merged;
  const splits = profile.name !== "" && profile.overrides.length > 0;
  const routes = profile.name !== "" && profile.routes.length > 0 && !profile.isOpaque;
  if (splits || routes) return profilePolicy(profile, input.target.port, merged, splits);
  if (!profile.isOpaque || merged.protocol === "opaque") return merged;
  const opaqueRoutes =
    merged.opaqueRoutes.length > 0
      ? merged.opaqueRoutes
      : uniformPolicy(profile.meta, serviceOf(profile, input.target.port)).opaqueRoutes;
  return { ...merged, protocol: "opaque", opaqueRoutes };
}

function profilePolicy(
  profile: Profile,
  port: number,
  merged: OutboundPolicy,
  splits: boolean,
): OutboundPolicy {
  const backends = splits ? splitOf(profile) : serviceOf(profile, port);
  const uniform = uniformPolicy(profile.meta, backends);
  return {
    ...uniform,
    protocol: asOpaque(profile, merged.protocol),
    opaqueRoutes: splits || merged.opaqueRoutes.length === 0 ? uniform.opaqueRoutes : merged.opaqueRoutes,
    profile: routingOf(profile, port, backends),
  };
}

function routingOf(profile: Profile, port: number, backends: Distribution): ProfileRouting {
  const plain = { matches: [], filters: [], backends, timeouts: NO_TIMEOUTS, retry: undefined };
  const { retryBudget: budget } = profile;
  const routes = profile.routes.map(
    ({ condition, responses, name, isRetryable, timeoutMs }): ProfileRoute => {
      const retry = isRetryable && budget ? { ...PROFILE_RETRY, failures: responses, budget } : undefined;
      const rule = { ...plain, timeouts: { ...NO_TIMEOUTS, headMs: timeoutMs }, retry };
      const route = { meta: { ...PROFILE_ROUTE, name }, condition, rule };
      if (responses.length === 0) return route;
      return { ...route, isFailure: (status, grpcStatus) => isFailure(responses, status, grpcStatus) };
    },
  );
  const fallback: ProfileRoute = { meta: defaultMeta("default"), condition: EVERYTHING, rule: plain };
  return { canonicalName: `${profile.name}:${port}`, routes, fallback };
}

/** Its routes are no objects: what they are part of stands for them in records. */
const PROFILE_ROUTE: PolicyMeta = { ...defaultMeta(""), group: "meshctl.io", kind: "ServiceProfile" };
const EVERYTHING = { kind: "all", conditions: [] } as const;

/** As often as the budget lets, at once. */
const PROFILE_RETRY: RetryPolicy = {
  maxRetries: Number.POSITIVE_INFINITY,
  maxRequestBytes: 64 * 1024,
  statuses: [],
  grpcCodes: new Set(),
  timeoutMs: undefined,
  backoff: { minMs: 0, maxMs: 0, jitterRatio: 0 },
};

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
