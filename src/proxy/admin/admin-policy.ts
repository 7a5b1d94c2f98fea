import type { IncomingMessage } from "node:http";
import type { Network } from "../../base/ip.ts";
import {
  authorizationCovers,
  authorizeConnection,
  authorizeRequest,
  type Peer,
} from "../../policy/authorize.ts";
import type { Authorization, ServerPolicy } from "../../policy/inbound.ts";
import { selectRoute } from "../../policy/select-route.ts";

export type AdminVerdict = "allowed" | "denied" | "no route";

/**
 * Whether a policy lets a request to the admin port through.
 *
 * Only a Server that selects the port is asked: a pod's default policy, even `deny`, is about its applications, and must not blind
 * who watches the mesh.
 */
export function judgeAdminRequest(
  policy: ServerPolicy,
  request: IncomingMessage,
  peer: Peer,
  ownNetworks: readonly Network[],
): AdminVerdict {
  if (policy.meta.kind === "default") return "allowed";
  const { kind } = policy.protocol;
  if (kind === "opaque" || kind === "tls") {
    return authorizeConnection(policy, peer, ownNetworks).allowed ? "allowed" : "denied";
  }
  const selected = selectAdminRoute(policy, request);
  if (policy.routes.length > 0 && !selected) return "no route";
  return authorizeRequest(policy, selected?.route, peer, ownNetworks).allowed ? "allowed" : "denied";
}

/**
 * Whether a client from elsewhere may do what is the own host's otherwise: a Server selects the admin port, and one of its
 * authorizations (or of the request's route) asks for identities and has this one. That the whole network may scrape metrics does
 * not let it read requests.
 */
export function isAdministrator(policy: ServerPolicy, request: IncomingMessage, peer: Peer): boolean {
  if (policy.meta.kind === "default" || !peer.meshTls || peer.identity === "") return false;
  const names = (authorization: Authorization): boolean =>
    authorization.authentication.kind === "identities" && authorizationCovers(authorization, peer);
  const route = selectAdminRoute(policy, request)?.route;
  return policy.authorizations.some(names) || (route?.authorizations.some(names) ?? false);
}

function selectAdminRoute(policy: ServerPolicy, request: IncomingMessage) {
  return policy.routes.length === 0 ? undefined : selectRoute(policy.routes, viewOf(request));
}

function viewOf(request: IncomingMessage) {
  return {
    method: request.method ?? "GET",
    target: request.url ?? "/",
    // HTTP/2 has the authority where HTTP/1 has the host.
    authority: String(request.headers.host ?? request.headers[":authority"] ?? ""),
    headerValues(name: string): readonly string[] {
      const value = request.headers[name];
      return value === undefined ? [] : [value].flat();
    },
  };
}
