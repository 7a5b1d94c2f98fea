import type { MeshError } from "../../base/error.ts";
import type { MatchRank } from "../../policy/match-request.ts";
import type { OutboundPolicy, OutboundRule } from "../../policy/outbound.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { ResponseHead } from "../../wire/http1-head.ts";
import type { Balancer } from "../balance/balancer.ts";
import type { HttpOrigin } from "../http/origin.ts";
import type { ServerExchange } from "../http/server-exchange.ts";

/** Takes a request whose target's policy is known. */
export interface PolicyHandler {
  handle(exchange: ServerExchange, policy: OutboundPolicy): void;
}

/** Takes a request whose route is known. */
export interface RuleHandler {
  handle(exchange: ServerExchange, rule: OutboundRule, rank: MatchRank, policy: OutboundPolicy): void;
}

/** Takes a request for one balancer. */
export interface BalancerHandler {
  /** @param hook may have the request sent again; absent: once is all */
  handle(exchange: ServerExchange, balancer: Balancer<HttpOrigin>, hook?: AttemptHook): void;
}

/**
 * Decides about further attempts. Each call returns what begins the next one, to be called once this one is over; undefined: what
 * happened stands.
 */
export interface AttemptHook {
  /** Addresses of endpoints that had the request: others are preferred. The balancing layer adds to it. */
  readonly tried: Set<string>;
  /** Whether responses are to be held until their trailers may have come. */
  readonly isPeeked: boolean;
  responded(head: ResponseHead, trailers: Fields | undefined): (() => void) | undefined;
  /** Nothing of a response has come. @param isUnprocessed the server has done nothing with the request */
  lost(error: MeshError, isUnprocessed: boolean): (() => void) | undefined;
  /** The balancer had no endpoint. */
  refused(error: MeshError): (() => void) | undefined;
}
