import type { DestinationProfile } from "../../api/gen/io/linkerd/proxy/destination_pb.js";
import type { Endpoint } from "../../policy/endpoint.ts";
import { defaultMeta, type PolicyMeta } from "../../policy/meta.ts";
import type { RetryBudgetSettings } from "../../policy/outbound.ts";
import { tryDecodeEndpoint } from "./decode-endpoint.ts";
import { type DecodedProfileRoute, tryDecodeProfileRoute } from "./decode-profile-route.ts";
import { tryDecodeBudget } from "./decode-retry.ts";
import { decodeMeta } from "./decode-values.ts";

/** What discovery says about a target beside its policy. */
export interface Profile {
  /** Service name without port; "" when the target has none. */
  readonly name: string;
  readonly isOpaque: boolean;
  /** The target is this one endpoint. */
  readonly endpoint: Endpoint | undefined;
  /** A weighted split over other `name:port`; empty: none. */
  readonly overrides: readonly {
    readonly path: string;
    readonly weight: number;
    readonly meta: PolicyMeta;
  }[];
  /** Of a ServiceProfile; empty: none. */
  readonly routes: readonly DecodedProfileRoute[];
  /** What all retryable routes share; undefined: nothing is retried. */
  readonly retryBudget: RetryBudgetSettings | undefined;
  /** The Service that was asked for. */
  readonly meta: PolicyMeta;
}

/** Nothing in a profile is fatal: what cannot be decoded is left out (reference proxy-api section 6.3). */
export function decodeProfile(message: DestinationProfile): Profile {
  const meta = (reference: DestinationProfile["parentRef"]): PolicyMeta =>
    reference?.kind.case === undefined
      ? defaultMeta("profile")
      : decodeMeta(reference, "a profile's reference", "inbound");
  return {
    name: message.fullyQualifiedName.replace(/\.$/, ""),
    isOpaque: message.opaqueProtocol,
    endpoint: message.endpoint && tryDecodeEndpoint(message.endpoint, {}),
    overrides: message.dstOverrides
      .filter(({ authority, weight }) => weight > 0 && /^[^\s:]+:\d+$/.test(authority))
      .map(({ authority, weight, backendRef }) => ({ path: authority, weight, meta: meta(backendRef) })),
    routes: message.routes.flatMap((route) => tryDecodeProfileRoute(route) ?? []),
    retryBudget: budgetOf(message),
    meta: meta(message.parentRef ?? message.profileRef),
  };
}

function budgetOf({ retryBudget }: DestinationProfile): RetryBudgetSettings | undefined {
  if (!retryBudget) return undefined;
  const { retryRatio, minRetriesPerSecond, ttl } = retryBudget;
  return tryDecodeBudget({ ratio: retryRatio, minRetriesPerSecond, ttl });
}
