import type { IncomingMessage } from "node:http";
import { type Network, normaliseIp } from "../../base/ip.ts";
import { authorizeConnection, authorizeRequest, type Peer } from "../../policy/authorize.ts";
import type { ServerPolicy } from "../../policy/inbound.ts";
import { selectRoute } from "../../policy/select-route.ts";

export type AdminVerdict = "allowed" | "denied" | "no route";

/**
 * Whether a policy lets a request to the admin port through.
 *
 * Only a Server that selects the port is asked: a pod's default policy, even `deny`, is about its applications, and must not blind
 * who watches the mesh. The port speaks plain HTTP, so nobody has an identity here.
 */
export function judgeAdminRequest(
  policy: ServerPolicy,
  request: IncomingMessage,
  ownNetworks: readonly Network[],
): AdminVerdict {
  if (policy.meta.kind === "default") return "allowed";
  const peer: Peer = { ip: normaliseIp(request.socket.remoteAddress ?? ""), identity: "", meshTls: false };
  const { kind } = policy.protocol;
  if (kind === "opaque" || kind === "tls") {
    return authorizeConnection(policy, peer, ownNetworks).allowed ? "allowed" : "denied";
  }
  const selected = policy.routes.length === 0 ? undefined : selectRoute(policy.routes, viewOf(request));
  if (policy.routes.length > 0 && !selected) return "no route";
  return authorizeRequest(policy, selected?.route, peer, ownNetworks).allowed ? "allowed" : "denied";
}

function viewOf(request: IncomingMessage) {
  return {
    method: request.method ?? "GET",
    target: request.url ?? "/",
    authority: request.headers.host ?? "",
    headerValues: (name: string) => request.headersDistinct[name] ?? [],
  };
}
