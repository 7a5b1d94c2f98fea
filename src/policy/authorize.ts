import { type Network, networkContains } from "../base/ip.ts";
import type { Authorization, InboundRoute, ServerPolicy } from "./inbound.ts";
import { defaultMeta, type PolicyMeta } from "./meta.ts";

/** Who asks, as far as the connection proves it. */
export interface Peer {
  /** Source address of the connection. */
  readonly ip: string;
  /** Identity in a *verified* client certificate; "" when there is none. */
  readonly identity: string;
  /** Whether mesh TLS was terminated here (also without a client certificate). */
  readonly meshTls: boolean;
}

export interface Verdict {
  readonly allowed: boolean;
  /** `audited`: no authorization covers the peer, but the policy only records that. */
  readonly verdict: "allowed" | "denied" | "audited";
  /** What authorized; when nothing did, the policy that denied (or audited). */
  readonly by: PolicyMeta;
}

const LOCALHOST = defaultMeta("localhost");
const AUDIT = defaultMeta("audit");

/**
 * Decides whether an opaque connection may pass.
 *
 * HTTP-only policies (http1, http2, grpc) carry no authorization for bytes that are not HTTP: those are refused, whoever sends them.
 *
 * @param ownNetworks  addresses that are this host: always allowed, as the pod must be able to reach itself
 * @see reference: proxy section 6 (table) and 11 (Authorization)
 */
export function authorizeConnection(
  policy: ServerPolicy,
  peer: Peer,
  ownNetworks: readonly Network[],
): Verdict {
  const kind = policy.protocol.kind;
  if (kind === "http1" || kind === "http2" || kind === "grpc") return denied(policy.meta);
  return decide(policy, undefined, peer, ownNetworks);
}

/**
 * Decides whether a request may pass: the route's authorizations first, then the server's, then the own host.
 *
 * @param route  the selected route, or undefined for a policy without routes
 */
export function authorizeRequest(
  policy: ServerPolicy,
  route: InboundRoute | undefined,
  peer: Peer,
  ownNetworks: readonly Network[],
): Verdict {
  return decide(policy, route, peer, ownNetworks);
}

/** Whether one authorization covers the peer. */
export function authorizationCovers(authorization: Authorization, peer: Peer): boolean {
  return isInNetworks(authorization, peer.ip) && isAuthenticated(authorization, peer);
}

/** Whether an address belongs to this host. */
export function isOwnHost(ip: string, ownNetworks: readonly Network[]): boolean {
  for (const network of ownNetworks) if (networkContains(network, ip)) return true;
  return false;
}

function decide(
  policy: ServerPolicy,
  route: InboundRoute | undefined,
  peer: Peer,
  ownNetworks: readonly Network[],
): Verdict {
  const authorization =
    findCovering(route?.authorizations, peer) ?? findCovering(policy.authorizations, peer);
  if (authorization) return { allowed: true, verdict: "allowed", by: authorization.meta };
  if (isOwnHost(peer.ip, ownNetworks)) return { allowed: true, verdict: "allowed", by: LOCALHOST };
  if (policy.audit) return { allowed: true, verdict: "audited", by: AUDIT };
  return denied(policy.meta);
}

function denied(by: PolicyMeta): Verdict {
  return { allowed: false, verdict: "denied", by };
}

function findCovering(
  authorizations: readonly Authorization[] | undefined,
  peer: Peer,
): Authorization | undefined {
  if (!authorizations) return undefined;
  for (const authorization of authorizations) {
    if (authorizationCovers(authorization, peer)) return authorization;
  }
  return undefined;
}

function isInNetworks({ networks }: Authorization, ip: string): boolean {
  for (const { network, except } of networks) {
    if (networkContains(network, ip) && !except.some((hole) => networkContains(hole, ip))) return true;
  }
  return false;
}

function isAuthenticated({ authentication }: Authorization, peer: Peer): boolean {
  switch (authentication.kind) {
    case "unauthenticated":
      return true;
    case "tls-unauthenticated":
      return peer.meshTls;
    case "identities":
      if (!peer.meshTls || peer.identity === "") return false;
      if (authentication.identities.has(peer.identity)) return true;
      return authentication.suffixes.some((suffix) => matchesSuffix(peer.identity, suffix));
  }
}

/** "" covers any identity; other suffixes cover DNS-like names only (a URI has no labels to end with). */
function matchesSuffix(identity: string, suffix: string): boolean {
  if (suffix === "") return true;
  return !identity.includes("://") && identity.length > suffix.length && identity.endsWith(suffix);
}
