import { MeshError } from "../../base/error.ts";
import { authorizeConnection } from "../../policy/authorize.ts";
import { metaKey } from "../../policy/meta.ts";
import type { OutboundPolicy } from "../../policy/outbound.ts";
import type { Accepted } from "../accept/accepted.ts";
import type { Gateway, OutboundTarget, ProxyDependencies, Watched } from "../dependencies.ts";
import type { HttpVersion } from "../http/client-channel.ts";
import type { ServerExchange } from "../http/server-exchange.ts";
import { renameOrigProto } from "../layers/orig-proto.ts";
import type { InboundContext, InboundHandler } from "./http-layers.ts";

/*
 * Gateway mode: connections of other proxies that name a workload elsewhere, and are passed on as if this pod had sent them.
 *
 *     mesh TLS, transport header with a name -> is the name one of ours to serve? -> what is known of it
 *       -> HTTP:   policy of the proxy port -> no loop? -> Forwarded, Host -> the outbound side's layers
 *       -> opaque: policy of the proxy port -> the outbound side's copying
 */

/** What a connection through the gateway is for. */
export interface GatewayRoute {
  readonly target: Extract<OutboundTarget, { kind: "authority" }>;
  readonly policy: Watched<OutboundPolicy>;
  readonly version: HttpVersion;
}

/** Whether this proxy passes on what is meant for a name. `.` among the suffixes: for every name. */
export function isGatewayName(name: string, suffixes: readonly string[]): boolean {
  return suffixes.some((suffix) => suffix === "." || name === suffix || name.endsWith(`.${suffix}`));
}

/** @throws MeshError `GATEWAY_DOMAIN_INVALID` for names that are not served, or that nobody knows; as `Gateway.discover` */
export async function findGatewayTarget(
  name: string,
  port: number,
  { gateway, config }: ProxyDependencies,
): Promise<{ target: GatewayRoute["target"]; policy: Watched<OutboundPolicy>; gateway: Gateway }> {
  const lower = name.toLowerCase().replace(/\.$/, "");
  if (!gateway || !isGatewayName(lower, config.inbound.gatewaySuffixes)) {
    throw domainInvalid(`client asks for ${name} through this proxy, which is no gateway for it`);
  }
  const target = { kind: "authority", name: lower, port } as const;
  const policy = await gateway.discover(target);
  if (gateway.isUnknown(policy.current)) {
    policy.release();
    throw domainInvalid(`client asks for ${name} through this gateway, and no service is known by that name`);
  }
  return { target, policy, gateway };
}

/** Passes requests on that the port's policy has let in. */
export function forwardToGateway(gateway: Gateway, { credentials }: ProxyDependencies): InboundHandler {
  return {
    handle(exchange, context) {
      const { target, policy, version } = context.gateway!;
      const { identity } = context.peer;
      if (isLoop(exchange, identity, credentials.localName)) {
        exchange.fail(loop(identity));
        return;
      }
      const { request, live } = exchange;
      const authority = live.authority;
      appendForwarded(exchange, `by=${credentials.localName};for=${identity};host=${authority};proto=https`);
      const host = target.port === 80 ? target.name : `${target.name}:${target.port}`;
      if (!request.isHttp2) request.fields.set("Host", host);
      live.target = `${target.name}:${target.port}`;
      gateway.request(exchange, policy.current);
      // After the outbound side, which takes the word of the proxy that it calls away.
      if (version === "http/2" && !request.isHttp2) renameOrigProto(exchange);
    },
  };
}

/** Passes a connection on whose bytes are not read, while the port's policy lets its client in. */
export function forwardOpaqueToGateway(
  accepted: Accepted,
  context: InboundContext,
  { config, credentials, log }: ProxyDependencies,
  gateway: Gateway,
): void {
  const route = context.gateway!;
  const { policy, peer } = context;
  const isAllowed = () => authorizeConnection(policy.current, peer, config.ownNetworks).allowed;
  const isOwn = peer.identity === credentials.localName;
  let unsubscribe = () => {};
  const close = (errno: string) => {
    unsubscribe();
    policy.release();
    route.policy.release();
    accepted.released(errno);
  };
  if (isOwn || !isAllowed()) {
    log.warn("gateway connection refused", {
      client: context.client,
      identity: peer.identity,
      error: isOwn ? "gateway loop" : `not authorized by ${metaKey(policy.current.meta)}`,
    });
    accepted.socket.destroy();
    close("");
    return;
  }
  const forwarded = gateway.connection({ ...accepted, released: close }, route.policy.current, route.target);
  unsubscribe = policy.onChange(() => {
    if (!isAllowed()) forwarded.cut("authorization was withdrawn", "AUTHORIZATION_WITHDRAWN");
  });
}

/** Whether a request has been here before: it comes from this identity, or says that this identity passed it on. */
function isLoop({ request }: ServerExchange, clientId: string, ownId: string): boolean {
  if (clientId === ownId) return true;
  return request.fields
    .all("forwarded")
    .some((value) => value.split(/[,;]/).some((part) => /^by="?(.*?)"?$/i.exec(part.trim())?.[1] === ownId));
}

function appendForwarded({ request: { fields } }: ServerExchange, entry: string): void {
  const known = fields.all("forwarded");
  fields.set("Forwarded", [...known, entry].join(", "));
}

function loop(identity: string): MeshError {
  return new MeshError({
    kind: "user",
    code: "GATEWAY_LOOP",
    message: `request of ${identity} has been passed on by this gateway already`,
    hint: "the service that it is for leads back to the gateway itself",
  });
}

function domainInvalid(message: string): MeshError {
  return new MeshError({
    kind: "environment",
    code: "GATEWAY_DOMAIN_INVALID",
    message,
    hint: "a gateway has the annotation config.meshctl.io/enable-gateway; names that it serves are in MESHCTL_PROXY_INBOUND_GATEWAY_SUFFIXES",
  });
}
