import { MeshError } from "../../base/error.ts";
import type { LiveSet } from "../../net/live-set.ts";
import type { MatchRank } from "../../policy/match-request.ts";
import { metaKey } from "../../policy/meta.ts";
import type { OutboundPolicy, OutboundRule } from "../../policy/outbound.ts";
import { selectRoute } from "../../policy/select-route.ts";
import type { ResponseHead } from "../../wire/http1-head.ts";
import type { Balancer } from "../balance/balancer.ts";
import type { Lease, Waiter } from "../balance/lease.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import { Attempt, wantsUpgrade } from "../http/attempt.ts";
import type { HttpVersion } from "../http/client-channel.ts";
import type { HttpOrigin } from "../http/origin.ts";
import { originTarget, type ServerExchange } from "../http/server-exchange.ts";
import { filterExchange } from "../layers/apply-filters.ts";
import { markOrigProto, ORIG_PROTO } from "../layers/orig-proto.ts";
import { type Backends, describeEndpoint } from "./backends.ts";
import { chooseBackend } from "./choose-backend.ts";
import type { MirrorRequests } from "./mirror.ts";
import { Retries } from "./retry.ts";
import { limitTimes } from "./stream-timeouts.ts";

/** Takes a request whose target's policy is known. */
export interface PolicyHandler {
  handle(exchange: ServerExchange, policy: OutboundPolicy): void;
}

/** Takes a request whose route is known. */
export interface RuleHandler {
  handle(exchange: ServerExchange, rule: OutboundRule, rank: MatchRank): void;
}

/** Takes a request for one balancer. */
export interface BalancerHandler {
  /** @param retry throws a response away for another attempt, when it wants to; see AttemptObserver */
  handle(
    exchange: ServerExchange,
    balancer: Balancer<HttpOrigin>,
    retry?: (head: ResponseHead) => (() => void) | undefined,
  ): void;
}

/** Chooses the route, starts its deadlines, runs its filters. No route is 404. */
export function routeRequests(next: RuleHandler, { clock, random }: ProxyDependencies): PolicyHandler {
  return {
    handle(exchange, policy) {
      const { live } = exchange;
      live.parent = metaKey(policy.meta);
      live.parentRef = policy.meta;
      // RFC 9112 section 3.2.2: the absolute form outranks Host.
      if (exchange.request.form === "absolute") exchange.request.fields.set("Host", live.authority);
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
      limitTimes(exchange, selected.rule.timeouts, clock);
      exchange.responseEdits.push(stripProxyHeaders);
      if (filterExchange(exchange, selected.rule.filters, selected.rank, random)) {
        next.handle(exchange, selected.rule, selected.rank);
      }
    },
  };
}

/**
 * Sends copies to mirrors, chooses the backend and runs its filters, once more for each retry. None available is 503, one without
 * dispatcher 502.
 */
export function splitRequests(
  next: BalancerHandler,
  backends: Backends,
  mirror: MirrorRequests,
  { random, clock }: ProxyDependencies,
): RuleHandler {
  return {
    handle(exchange, rule, rank) {
      const retries = rule.retry && new Retries(rule.retry, clock, random);
      // A backend's filters must find the request as it was before another backend's.
      const fields = retries && exchange.request.fields.entries();
      const responseEditCount = exchange.responseEdits.length;
      const { rewrittenTarget } = exchange;
      if (rule.mirrors) mirror(exchange, rule.mirrors);
      let isFirst = true;
      const attempt = (): void => {
        retries?.limit(exchange, again);
        const chosen = chooseBackend(rule.backends, (backend) => backends.http(backend), random);
        if (!chosen) {
          exchange.fail(unavailable(exchange.live.target));
          return;
        }
        exchange.live.backendRef = chosen.weighted.backend.meta;
        // Filters first: a backend that cannot be sent to has one that says why.
        if (filterExchange(exchange, chosen.weighted.filters, rank, random)) {
          // One copy, however often the request itself is sent.
          if (isFirst && chosen.weighted.mirrors) mirror(exchange, chosen.weighted.mirrors);
          isFirst = false;
          if (chosen.balancer) next.handle(exchange, chosen.balancer, retry);
          else exchange.fail(missingBackend(metaKey(chosen.weighted.backend.meta)));
        }
      };
      const again = (): void => {
        exchange.request.fields.replaceAll(fields!);
        exchange.responseEdits.length = responseEditCount;
        exchange.rewrittenTarget = rewrittenTarget;
        attempt();
      };
      const retry =
        retries &&
        ((head: ResponseHead) => {
          retries.answered();
          return retries.wants(head.status, exchange) ? () => retries.schedule(exchange, again) : undefined;
        });
      attempt();
    },
  };
}

/** Waits for an endpoint and sends the request there; while nothing of it was sent, a failed connection means another endpoint. */
export function balanceRequests(live: LiveSet, deps: ProxyDependencies): BalancerHandler {
  return {
    handle: (exchange, balancer, retry) => new BalancedRequest(exchange, balancer, retry, live, deps).start(),
  };
}

/**
 *     waiting --acquired--> sending --finished--> done
 *        ^------ connectFailed --/
 */
class BalancedRequest implements Waiter<HttpOrigin> {
  readonly #exchange: ServerExchange;
  readonly #balancer: Balancer<HttpOrigin>;
  readonly #retry: Parameters<BalancerHandler["handle"]>[2];
  readonly #liveSet: LiveSet;
  readonly #deps: ProxyDependencies;

  constructor(
    exchange: ServerExchange,
    balancer: Balancer<HttpOrigin>,
    retry: Parameters<BalancerHandler["handle"]>[2],
    liveSet: LiveSet,
    deps: ProxyDependencies,
  ) {
    this.#exchange = exchange;
    this.#balancer = balancer;
    this.#retry = retry;
    this.#liveSet = liveSet;
    this.#deps = deps;
  }

  start(isRetry = false): void {
    // While it waits, the client's going away takes it out of the queue.
    this.#exchange.upstream = { resume() {}, abort: () => this.#balancer.cancel(this) };
    this.#balancer.acquire(this, isRetry);
  }

  refused(error: MeshError): void {
    this.#exchange.upstream = undefined;
    this.#exchange.fail(error);
  }

  acquired(lease: Lease<HttpOrigin>): void {
    const { live } = this.#exchange;
    describeEndpoint(live, lease.endpoint, lease.reason, this.#deps);
    if (!this.#hasRequiredIdentity(lease)) return;
    this.#exchange.record();
    const { authorityOverride } = lease.endpoint;
    if (authorityOverride !== undefined) this.#exchange.request.fields.set("host", authorityOverride);
    const version = versionFor(this.#exchange, lease.value);
    markOrigProto(this.#exchange, version);
    const { clock } = this.#deps;
    const sentAt = clock.monotonic();
    new Attempt({
      exchange: this.#exchange,
      origin: lease.value,
      version,
      target: this.#exchange.rewrittenTarget ?? originTarget(this.#exchange.request),
      live: this.#liveSet,
      observer: {
        connected: () => lease.connected(),
        connectFailed: (error) => this.#connectFailed(lease, error),
        ...(this.#retry ? { retry: this.#retry } : {}),
        responseStarted: () => lease.observe(clock.monotonic() - sentAt),
        finished: () => lease.release(),
      },
    }).start();
  }

  #connectFailed(lease: Lease<HttpOrigin>, error: MeshError): boolean {
    lease.connectFailed(error);
    lease.release();
    // Waiting helps against a server that is starting, not against one that is somebody else.
    if (error.code === "TLS_IDENTITY_MISMATCH" && this.#balancer.readyCount === 0) return false;
    this.#exchange.upstream = undefined;
    this.start(true);
    return true;
  }

  /** `l5d-require-id`: the client insists on who answers. */
  #hasRequiredIdentity(lease: Lease<HttpOrigin>): boolean {
    const { fields } = this.#exchange.request;
    const required = fields.get("l5d-require-id");
    if (required === undefined) return true;
    const actual = this.#exchange.live.peerIdentity;
    if (actual === required) {
      fields.remove("l5d-require-id");
      return true;
    }
    lease.release();
    this.#exchange.upstream = undefined;
    this.#exchange.fail(
      new MeshError({
        kind: "user",
        code: "IDENTITY_REQUIRED",
        message: `request requires identity ${required}, endpoint ${lease.endpoint.address} has ${actual || "none"}`,
      }),
    );
    return false;
  }
}

/** HTTP/2 stays what it is; HTTP/1 is carried over it where the other proxy takes that, unless it may become a tunnel. */
function versionFor(exchange: ServerExchange, origin: HttpOrigin): HttpVersion {
  if (exchange.request.isHttp2) return "http/2";
  return origin.upgrades && !wantsUpgrade(exchange) && exchange.request.form !== "authority"
    ? "http/2"
    : "http/1";
}

/** What the peer proxy says to us is not for the application. */
function stripProxyHeaders(head: ResponseHead): void {
  if (head.fields.has(ORIG_PROTO)) head.fields.remove(ORIG_PROTO);
  if (head.fields.has("l5d-proxy-error")) head.fields.remove("l5d-proxy-error");
  if (head.fields.has("l5d-proxy-connection")) head.fields.remove("l5d-proxy-connection");
}

function unavailable(target: string): MeshError {
  return new MeshError({
    kind: "environment",
    code: "BALANCER_SHED",
    message: `no backend of ${target} is available`,
  });
}

function missingBackend(name: string): MeshError {
  return new MeshError({
    kind: "user",
    code: "BACKEND_MISSING",
    message: `backend ${name} does not exist`,
    hint: "correct the route's backendRefs",
  });
}
