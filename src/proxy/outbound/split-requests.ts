import { MeshError } from "../../base/error.ts";
import type { MatchRank } from "../../policy/match-request.ts";
import { metaKey } from "../../policy/meta.ts";
import type { Backend, OutboundPolicy, OutboundRule, RetryPolicy } from "../../policy/outbound.ts";
import type { HttpFilter } from "../../policy/route.ts";
import type { Balancer } from "../balance/balancer.ts";
import { RetryBudgets } from "../balance/retry-budget.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import type { HttpOrigin } from "../http/origin.ts";
import type { ServerExchange } from "../http/server-exchange.ts";
import { filterExchange } from "../layers/apply-filters.ts";
import type { Backends } from "./backends.ts";
import { chooseBackend, isAnyAvailable } from "./choose-backend.ts";
import type { AttemptHook, BalancerHandler, RuleHandler } from "./http-layers.ts";
import type { MirrorRequests } from "./mirror.ts";
import { Retries } from "./retry.ts";

interface SplitParts {
  readonly next: BalancerHandler;
  readonly backends: Backends;
  readonly mirror: MirrorRequests;
  readonly deps: ProxyDependencies;
}

/**
 * Sends copies to mirrors, chooses the backend and runs its filters, once more for each retry. None available is 503, one without
 * dispatcher 502.
 */
export function splitRequests(
  next: BalancerHandler,
  backends: Backends,
  mirror: MirrorRequests,
  deps: ProxyDependencies,
): RuleHandler {
  const parts: SplitParts = { next, backends, mirror, deps };
  const budgets = new RetryBudgets();
  return {
    handle(exchange, rule, rank, policy) {
      if (rule.mirrors) mirror(exchange, rule.mirrors);
      if (!rule.retry) {
        sendToBackend(exchange, rule, rank, policy, parts, true, undefined);
        return;
      }
      new RepeatedRequest(exchange, rule, rank, policy, parts, rule.retry, budgets).attempt();
    },
  };
}

/** @param isFirst only then copies go to the backend's mirrors: one, however often the request itself is sent */
function sendToBackend(
  exchange: ServerExchange,
  rule: OutboundRule,
  rank: MatchRank,
  policy: OutboundPolicy,
  { next, backends, mirror, deps }: SplitParts,
  isFirst: boolean,
  hook: AttemptHook | undefined,
): void {
  const resolve = (backend: Backend): Balancer<HttpOrigin> | undefined =>
    backends.http(backend, policy.failureAccrual, policy.meta);
  const chosen = chooseBackend(rule.backends, resolve, deps.random);
  if (!chosen) {
    exchange.fail(unavailable(exchange.live.target));
    return;
  }
  const { weighted, balancer } = chosen;
  exchange.live.backendRef = weighted.backend.meta;
  // Filters first: a backend that cannot be sent to has one that says why.
  const isInformational = !deps.config.outbound.disableInformationalHeaders;
  if (!filterExchange(exchange, weighted.filters, rank, deps.random, isInformational)) return;
  if (isFirst && weighted.mirrors) mirror(exchange, weighted.mirrors);
  if (balancer) next.handle(exchange, balancer, hook);
  else exchange.fail(missingBackend(metaKey(weighted.backend.meta)));
}

/** A request that its route may send several times. Each attempt draws a backend anew and finds the request as it was at first. */
class RepeatedRequest {
  readonly #exchange: ServerExchange;
  readonly #rule: OutboundRule;
  readonly #rank: MatchRank;
  readonly #policy: OutboundPolicy;
  readonly #parts: SplitParts;
  readonly #retries: Retries;
  readonly #fields: [name: string, value: string][];
  readonly #responseEditCount: number;
  readonly #rewrittenTarget: string | undefined;
  #isFirst = true;

  constructor(
    exchange: ServerExchange,
    rule: OutboundRule,
    rank: MatchRank,
    policy: OutboundPolicy,
    parts: SplitParts,
    retry: RetryPolicy,
    budgets: RetryBudgets,
  ) {
    this.#exchange = exchange;
    this.#rule = rule;
    this.#rank = rank;
    this.#policy = policy;
    this.#parts = parts;
    this.#fields = exchange.request.fields.entries();
    this.#responseEditCount = exchange.responseEdits.length;
    this.#rewrittenTarget = exchange.rewrittenTarget;
    this.#retries = new Retries(
      {
        exchange,
        policy: retry,
        budget: retry.budget && budgets.of(retry.budget, parts.deps.clock.monotonic()),
        hasBackend: () =>
          isAnyAvailable(rule.backends, (backend) => parts.backends.http(backend, policy.failureAccrual)),
        again: () => this.attempt(),
      },
      parts.deps,
    );
  }

  attempt(): void {
    const exchange = this.#exchange;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (!isFirst) {
      // A backend's filters must find the request as it was before another backend's.
      exchange.request.fields.replaceAll(this.#fields);
      exchange.responseEdits.length = this.#responseEditCount;
      exchange.rewrittenTarget = this.#rewrittenTarget;
      if (this.#isFailedOnPurpose()) return;
    }
    this.#retries.begin();
    sendToBackend(exchange, this.#rule, this.#rank, this.#policy, this.#parts, isFirst, this.#retries);
  }

  /** Each attempt draws anew whether the rule lets it fail; what its other filters did to the request is still there. */
  #isFailedOnPurpose(): boolean {
    const failures = this.#rule.filters.filter(isFailure);
    const { random, config } = this.#parts.deps;
    const isInformational = !config.outbound.disableInformationalHeaders;
    return !filterExchange(this.#exchange, failures, this.#rank, random, isInformational);
  }
}

function isFailure({ kind }: HttpFilter): boolean {
  return kind === "failure";
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
