import type { Clock } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import type { LiveSet } from "../../net/live-set.ts";
import { authorizeRequest, type Peer, type Verdict } from "../../policy/authorize.ts";
import type { InboundRoute, RateLimit, ServerPolicy } from "../../policy/inbound.ts";
import { IMPLICIT_MATCH } from "../../policy/match-request.ts";
import { defaultMeta, metaKey } from "../../policy/meta.ts";
import { selectRoute } from "../../policy/select-route.ts";
import type { ProxyDependencies, Watched } from "../dependencies.ts";
import { Attempt, type AttemptObserver } from "../http/attempt.ts";
import { originTarget, type ServerExchange } from "../http/server-exchange.ts";
import { filterExchange } from "../layers/apply-filters.ts";
import { endAtDeadline, noteDeadline, passDeadlineOn } from "../layers/grpc-deadline.ts";
import { restoreOrigProto } from "../layers/orig-proto.ts";
import type { Applications, ApplicationTarget } from "./application.ts";
import type { GatewayRoute } from "./gateway.ts";
import { RateLimiter } from "./rate-limit.ts";

/** What an inbound connection knows by the time its first request comes. */
export interface InboundContext {
  readonly peer: Peer;
  readonly client: string;
  /** As StatsKey.tls. */
  readonly tls: string;
  /** Server name of TLS that is passed through; else "". */
  readonly sni: string;
  readonly target: ApplicationTarget;
  readonly policy: Watched<ServerPolicy>;
  /** Set when the client wants another workload, through this one. */
  readonly gateway?: GatewayRoute;
  /** What was decided last. The peer stays the same, so it holds until policy or route are others. */
  decided?: {
    readonly policy: ServerPolicy;
    readonly route: InboundRoute | undefined;
    readonly verdict: Verdict;
  };
}

/** Takes a request of a connection. */
export interface InboundHandler {
  handle(exchange: ServerExchange, context: InboundContext): void;
}

/**
 * Applies the port's policy as it is now to each request: route (404), authorization (403), filters, rate limit (429).
 */
export function applyPolicy(next: InboundHandler, deps: ProxyDependencies): InboundHandler {
  const limiters = new WeakMap<RateLimit, RateLimiter>();
  return {
    handle(exchange, context) {
      const policy = context.policy.current;
      exchange.live.parent = metaKey(policy.meta);
      exchange.live.parentRef = policy.meta;
      const selected = chooseRoute(policy, exchange);
      if (selected === "none") {
        exchange.fail(notFound(exchange));
        return;
      }
      const route = selected?.route;
      const routeMeta = route?.meta ?? IMPLICIT_ROUTE;
      exchange.live.route = metaKey(routeMeta);
      exchange.live.routeRef = routeMeta;
      exchange.live.isGrpcRoute = policy.protocol.kind === "grpc";
      if (!isAuthorized(exchange, context, policy, route, deps)) return;
      exchange.record();
      const filters = selected?.rule.filters ?? [];
      const rank = selected?.rank ?? IMPLICIT_MATCH;
      if (!filterExchange(exchange, filters, rank, deps.random, context.peer.identity !== "")) return;
      if (isLimited(exchange, context, policy, limiters, deps)) return;
      next.handle(exchange, context);
    },
  };
}

/** Gives requests that another proxy carried over HTTP/2 their own version back. */
export function restoreHttp1(next: InboundHandler): InboundHandler {
  return {
    handle(exchange, context) {
      restoreOrigProto(exchange);
      next.handle(exchange, context);
    },
  };
}

/** Tells the application who calls. A client's own claim never passes. */
export function setClientId(next: InboundHandler): InboundHandler {
  return {
    handle(exchange, context) {
      const { fields } = exchange.request;
      const { identity } = context.peer;
      if (identity !== "") fields.set("l5d-client-id", identity);
      else if (fields.has("l5d-client-id")) fields.remove("l5d-client-id");
      next.handle(exchange, context);
    },
  };
}

/** A gRPC call's deadline holds here as well: the application hears what is left of it, and the call ends with it. */
export function keepDeadline(next: InboundHandler, clock: Clock): InboundHandler {
  const passOn = (exchange: ServerExchange): void => passDeadlineOn(exchange, clock);
  return {
    handle(exchange, context) {
      if (exchange.live.protocol === "grpc") {
        noteDeadline(exchange, undefined);
        if (exchange.deadlineAt >= 0) {
          endAtDeadline(exchange, clock);
          exchange.onSend = exchange.onSend ? both(exchange.onSend, passOn) : passOn;
        }
      }
      next.handle(exchange, context);
    },
  };
}

type OnSend = (exchange: ServerExchange) => void;

/** Where spans are made they have asked first. */
function both(first: OnSend, second: OnSend): OnSend {
  return (exchange) => {
    first(exchange);
    second(exchange);
  };
}

/** Sends the request to the application. */
export function callApplication(applications: Applications, live: LiveSet): InboundHandler {
  return {
    handle(exchange, { target }) {
      const { request, live: record } = exchange;
      // RFC 9112 section 3.2.2: the absolute form outranks Host.
      if (request.form === "absolute") request.fields.set("Host", record.authority);
      new Attempt({
        exchange,
        origin: applications.origin(target),
        // The application is spoken to in the version that its client speaks.
        version: request.isHttp2 ? "http/2" : "http/1",
        target: originTarget(request),
        live,
        observer: NO_OBSERVER,
      }).start();
    },
  };
}

/** Nobody chooses among applications: a pod has one. */
const NO_OBSERVER: AttemptObserver = {
  connected() {},
  connectFailed: () => false,
  responseStarted() {},
  finished() {},
};

/** The route of ports whose policy lists none. */
const IMPLICIT_ROUTE = defaultMeta("default");

type SelectedInboundRoute = ReturnType<typeof selectRoute<InboundRoute>>;

function chooseRoute(policy: ServerPolicy, exchange: ServerExchange): SelectedInboundRoute | "none" {
  if (policy.routes.length === 0) return undefined;
  return selectRoute(policy.routes, exchange.view) ?? "none";
}

function isAuthorized(
  exchange: ServerExchange,
  context: InboundContext,
  policy: ServerPolicy,
  route: InboundRoute | undefined,
  deps: ProxyDependencies,
): boolean {
  let { decided } = context;
  if (!decided || decided.policy !== policy || decided.route !== route) {
    const verdict = authorizeRequest(policy, route, context.peer, deps.config.ownNetworks);
    decided = { policy, route, verdict };
    context.decided = decided;
  }
  const { verdict } = decided;
  const { live } = exchange;
  live.verdict = verdict.verdict;
  live.authorization = metaKey(verdict.by);
  if (verdict.verdict === "audited") {
    deps.log.info("request allowed by audit", {
      client: context.client,
      path: live.path,
      server: live.parent,
    });
  }
  if (verdict.allowed) return true;
  const who = context.peer.identity || "a client without identity";
  exchange.fail(
    new MeshError({
      kind: "user",
      code: "REQUEST_UNAUTHORIZED",
      message: `${who} at ${context.peer.ip} is not authorized on ${live.parent} (${live.route})`,
      hint: "add an AuthorizationPolicy for the client",
    }),
  );
  return false;
}

function isLimited(
  exchange: ServerExchange,
  context: InboundContext,
  policy: ServerPolicy,
  limiters: WeakMap<RateLimit, RateLimiter>,
  deps: ProxyDependencies,
): boolean {
  const { rateLimit } = policy;
  if (!rateLimit) return false;
  let limiter = limiters.get(rateLimit);
  if (!limiter) {
    const shared = deps.shared && {
      buckets: deps.shared.buckets,
      clock: deps.clock,
      // What the limit is, and on which port: a policy that changes it begins anew.
      key: `${context.target.port} ${metaKey(rateLimit.meta)} ${rateLimit.total} ${rateLimit.perIdentity}`,
    };
    limiter = new RateLimiter(rateLimit, shared);
    limiters.set(rateLimit, limiter);
  }
  const scope = limiter.check(context.peer.identity, deps.clock.monotonic());
  if (!scope) return false;
  exchange.live.verdict = "limited";
  exchange.live.limitScope = scope;
  exchange.live.authorization = metaKey(rateLimit.meta);
  exchange.fail(
    new MeshError({
      kind: "user",
      code: "REQUEST_RATE_LIMITED",
      message: `over the ${scope} limit of ${metaKey(rateLimit.meta)}`,
    }),
  );
  return true;
}

function notFound(exchange: ServerExchange): MeshError {
  const { parent, method, path } = exchange.live;
  return new MeshError({
    kind: "user",
    code: "ROUTE_NOT_FOUND",
    message: `no route of ${parent} matches ${method} ${path}`,
  });
}
