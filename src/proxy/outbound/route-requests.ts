import { MeshError } from "../../base/error.ts";
import { IMPLICIT_MATCH } from "../../policy/match-request.ts";
import { metaKey } from "../../policy/meta.ts";
import type { OutboundPolicy, OutboundRule } from "../../policy/outbound.ts";
import { type ProfileRouting, selectProfileRoute } from "../../policy/profile.ts";
import { selectRoute } from "../../policy/select-route.ts";
import type { ResponseHead } from "../../wire/http1-head.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import type { ServerExchange } from "../http/server-exchange.ts";
import { filterExchange } from "../layers/apply-filters.ts";
import { noteDeadline } from "../layers/grpc-deadline.ts";
import { ORIG_PROTO } from "../layers/orig-proto.ts";
import type { PolicyHandler, RuleHandler } from "./http-layers.ts";
import { overrideRule } from "./override-headers.ts";
import { limitTimes } from "./stream-timeouts.ts";

/** Chooses the route, starts its deadlines, runs its filters. No route is 404; a ServiceProfile has one for everything. */
export function routeRequests(
  next: RuleHandler,
  { clock, random, config }: ProxyDependencies,
): PolicyHandler {
  const isInformational = !config.outbound.disableInformationalHeaders;
  const enter = (exchange: ServerExchange, rule: OutboundRule): void => {
    limitTimes(exchange, rule.timeouts, clock);
    if (exchange.live.protocol === "grpc") noteDeadline(exchange, rule.timeouts.requestMs);
    exchange.editResponse(stripProxyHeaders);
  };
  const routeByProfile = (
    exchange: ServerExchange,
    policy: OutboundPolicy,
    profile: ProfileRouting,
  ): void => {
    const { meta, rule, isFailure } = selectProfileRoute(profile, exchange.view);
    exchange.live.isFailure = isFailure;
    exchange.live.route = metaKey(meta);
    exchange.live.routeRef = meta;
    exchange.live.canonicalName = profile.canonicalName;
    exchange.request.fields.set("l5d-dst-canonical", profile.canonicalName);
    enter(exchange, rule);
    next.handle(exchange, rule, IMPLICIT_MATCH, policy);
  };
  return {
    handle(exchange, policy) {
      const { live } = exchange;
      live.parent = metaKey(policy.meta);
      live.parentRef = policy.meta;
      // RFC 9112 section 3.2.2: the absolute form outranks Host.
      if (exchange.request.form === "absolute") exchange.request.fields.set("Host", live.authority);
      if (policy.profile) {
        routeByProfile(exchange, policy, policy.profile);
        return;
      }
      const selected = selectRoute(policy.httpRoutes, exchange.view);
      if (!selected) {
        exchange.fail(
          new MeshError({
            kind: "user",
            code: "ROUTE_NOT_FOUND",
            message: `no route of ${live.parent} matches ${live.method} ${live.path}`,
          }),
        );
        return;
      }
      live.route = metaKey(selected.route.meta);
      live.routeRef = selected.route.meta;
      live.isGrpcRoute = policy.protocol === "grpc" || selected.route.meta.kind === "GRPCRoute";
      const rule = selected.rule.allowsOverrides ? overrideRule(selected.rule, exchange) : selected.rule;
      enter(exchange, rule);
      if (filterExchange(exchange, rule.filters, selected.rank, random, isInformational)) {
        next.handle(exchange, rule, selected.rank, policy);
      }
    },
  };
}

/** What the peer proxy says to us is not for the application. */
function stripProxyHeaders(head: ResponseHead): void {
  if (head.fields.has(ORIG_PROTO)) head.fields.remove(ORIG_PROTO);
  if (head.fields.has("l5d-proxy-error")) head.fields.remove("l5d-proxy-error");
  if (head.fields.has("l5d-proxy-connection")) head.fields.remove("l5d-proxy-connection");
}
