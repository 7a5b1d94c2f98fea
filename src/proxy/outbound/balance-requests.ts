import { MeshError } from "../../base/error.ts";
import type { LiveSet } from "../../net/live-set.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { ResponseHead } from "../../wire/http1-head.ts";
import type { Balancer } from "../balance/balancer.ts";
import type { Lease, Waiter } from "../balance/lease.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import { Attempt, type AttemptEnd, type AttemptObserver, wantsUpgrade } from "../http/attempt.ts";
import type { HttpVersion } from "../http/client-channel.ts";
import type { HttpOrigin } from "../http/origin.ts";
import { type ExchangeUpstream, originTarget, type ServerExchange } from "../http/server-exchange.ts";
import { passDeadlineOn } from "../layers/grpc-deadline.ts";
import { markOrigProto } from "../layers/orig-proto.ts";
import { describeEndpoint } from "./backends.ts";
import type { AttemptHook, BalancerHandler } from "./http-layers.ts";
import { ResponseVerdict } from "./response-verdict.ts";

/** Waits for an endpoint and sends the request there; while nothing of it was sent, a failed connection means another endpoint. */
export function balanceRequests(live: LiveSet, deps: ProxyDependencies): BalancerHandler {
  return {
    handle: (exchange, balancer, hook) => new BalancedRequest(exchange, balancer, hook, live, deps).start(),
  };
}

/**
 *     waiting --acquired--> sending --finished--> done
 *        ^------ connectFailed --/
 */
class BalancedRequest implements Waiter<HttpOrigin>, AttemptObserver, ExchangeUpstream {
  readonly #exchange: ServerExchange;
  readonly #balancer: Balancer<HttpOrigin>;
  readonly #hook: AttemptHook | undefined;
  readonly #liveSet: LiveSet;
  readonly #deps: ProxyDependencies;
  #lease: Lease<HttpOrigin> | undefined;
  /** Set where somebody wants responses classified. */
  #verdict: ResponseVerdict | undefined;
  #sentAt = 0;

  constructor(
    exchange: ServerExchange,
    balancer: Balancer<HttpOrigin>,
    hook: AttemptHook | undefined,
    liveSet: LiveSet,
    deps: ProxyDependencies,
  ) {
    this.#exchange = exchange;
    this.#balancer = balancer;
    this.#hook = hook;
    this.#liveSet = liveSet;
    this.#deps = deps;
  }

  start(isRetry = false): void {
    // While it waits, the client's going away takes it out of the queue.
    this.#exchange.upstream = this;
    this.#balancer.acquire(this, isRetry);
  }

  // From the exchange, while it waits.

  resume(): void {}

  abort(): void {
    this.#balancer.cancel(this);
  }

  // From the balancer.

  get avoid(): ReadonlySet<string> | undefined {
    return this.#hook?.tried;
  }

  refused(error: MeshError): void {
    this.#exchange.upstream = undefined;
    const again = this.#hook?.refused(error);
    if (again) again();
    else this.#exchange.fail(error);
  }

  acquired(lease: Lease<HttpOrigin>): void {
    const exchange = this.#exchange;
    const { clock } = this.#deps;
    describeEndpoint(exchange.live, lease.endpoint, lease.reason, this.#deps);
    if (!this.#hasRequiredIdentity(lease)) return;
    exchange.record();
    this.#lease = lease;
    this.#verdict = lease.isJudged
      ? new ResponseVerdict(exchange.live.protocol === "grpc", clock)
      : undefined;
    this.#hook?.tried.add(lease.endpoint.address);
    const { authorityOverride } = lease.endpoint;
    if (authorityOverride !== undefined) exchange.request.fields.set("host", authorityOverride);
    if (exchange.deadlineAt >= 0) passDeadlineOn(exchange, clock);
    const version = versionFor(exchange, lease.value);
    markOrigProto(exchange, version);
    this.#sentAt = exchange.live.queued;
    new Attempt({
      exchange,
      origin: lease.value,
      version,
      target: exchange.rewrittenTarget ?? originTarget(exchange.request),
      live: this.#liveSet,
      observer: this,
      isPeeked: this.#hook?.isPeeked ?? false,
    }).start();
  }

  // From the attempt.

  connected(): void {
    this.#lease!.connected();
  }

  connectFailed(error: MeshError): boolean {
    const lease = this.#lease!;
    lease.connectFailed(error);
    lease.release();
    // Waiting helps against a server that is starting, not against one that is somebody else.
    if (error.code === "TLS_IDENTITY_MISMATCH" && this.#balancer.readyCount === 0) return false;
    this.#exchange.upstream = undefined;
    this.start(true);
    return true;
  }

  responded(head: ResponseHead, trailers: Fields | undefined): (() => void) | undefined {
    this.#verdict?.read(head, trailers);
    return this.#hook?.responded(head, trailers);
  }

  lost(error: MeshError, isUnprocessed: boolean): (() => void) | undefined {
    return this.#hook?.lost(error, isUnprocessed);
  }

  responseStarted(isOver: boolean): void {
    const lease = this.#lease!;
    const rttMs = this.#deps.clock.monotonic() - this.#sentAt;
    const verdict = this.#verdict;
    if (!verdict) {
      lease.observe(rttMs);
      return;
    }
    if (verdict.isPenalised) lease.penalise(rttMs, verdict.retryAfterMs);
    else lease.observe(rttMs);
    if (!isOver && verdict.response === "success") lease.answering();
  }

  finished(end: AttemptEnd, trailers: Fields | undefined): void {
    const lease = this.#lease!;
    const verdict = this.#verdict;
    if (verdict && end !== "abandoned") {
      if (trailers) verdict.readTrailers(trailers);
      lease.judge(end === "failed" ? "failure" : verdict.response, verdict.retryAfterMs);
    }
    lease.release();
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
