import type { DestinationProfile } from "../../api/gen/io/linkerd/proxy/destination_pb.js";
import type { Endpoint } from "../../policy/endpoint.ts";
import { defaultMeta, type PolicyMeta } from "../../policy/meta.ts";
import { tryDecodeEndpoint } from "./decode-endpoint.ts";
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
  /** How many ServiceProfile routes came. They are not honoured yet. */
  readonly routes: number;
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
    routes: message.routes.length,
    meta: meta(message.profileRef ?? message.parentRef),
  };
}
