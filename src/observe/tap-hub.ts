import type { Clock } from "../base/clock.ts";
import type { TapLine } from "./exchange.ts";
import { viewExchange } from "./exchange-view.ts";
import type { LiveExchange } from "./live-exchange.ts";
import { maskHeaders } from "./mask-headers.ts";
import type { Observer } from "./recorder.ts";
import { matchTap, type TapRequest } from "./tap-filter.ts";

/** Exchanges that one tap follows at once; more are lost to it. */
const FOLLOWED_MAX = 4096;

export interface TapSubscription {
  readonly request: TapRequest;
  /** Sends a line. False when the reader is behind: the line was not taken. */
  write(line: TapLine): boolean;
}

export interface TapHandle {
  /** Exchanges or transitions that were not sent since the last call. */
  takeLost(): number;
  close(): void;
}

export interface TapHub extends Observer {
  subscribe(subscription: TapSubscription): TapHandle;
  readonly wantsHeaders: boolean;
  readonly count: number;
}

interface Subscriber extends TapSubscription {
  /** True once its `opened` line went out; false while the filter cannot say. */
  readonly followed: Map<LiveExchange, boolean>;
  tokens: number;
  refilledAt: number;
  lost: number;
}

/**
 * The live tap: each subscriber gets the transitions of the exchanges that its filter wants.
 *
 *   opened    -> yes: take a token, send `opened`, follow | undecided: follow silently | no: forget
 *   responded -> most undecided ones are decided; a late yes sends `opened` first, with what is known by now
 *   closed    -> the rest is decided (errors, sizes, gRPC statuses), with all three lines; then forget
 *
 * The rate limit is a token bucket of one second's worth, spent per exchange, so that a shown request is shown whole.
 * Nothing is buffered here: a reader that is behind loses lines, and is told how many.
 */
export function createTapHub(clock: Clock): TapHub {
  const subscribers = new Set<Subscriber>();
  let withHeaders = 0;

  const takeToken = (subscriber: Subscriber): boolean => {
    const rate = subscriber.request.maxRps;
    if (rate === 0) return true;
    const now = clock.monotonic();
    const burst = Math.max(1, rate);
    subscriber.tokens = Math.min(burst, subscriber.tokens + ((now - subscriber.refilledAt) / 1000) * rate);
    subscriber.refilledAt = now;
    if (subscriber.tokens < 1) return false;
    subscriber.tokens -= 1;
    return true;
  };

  const send = (subscriber: Subscriber, event: TapLine["event"], exchange: LiveExchange): void => {
    const raw = event === "opened" ? exchange.requestHeaders : exchange.responseHeaders;
    const headers = subscriber.request.headers && raw && event !== "closed" ? maskHeaders(raw) : undefined;
    const line: TapLine = { event, exchange: viewExchange(exchange), ...(headers ? { headers } : {}) };
    if (!subscriber.write(line)) subscriber.lost++;
  };

  /** Starts to follow an exchange that the filter wants; false when there is no token. */
  const begin = (subscriber: Subscriber, exchange: LiveExchange): boolean => {
    if (!takeToken(subscriber)) {
      subscriber.lost++;
      subscriber.followed.delete(exchange);
      return false;
    }
    subscriber.followed.set(exchange, true);
    send(subscriber, "opened", exchange);
    return true;
  };

  const advance = (event: "responded" | "closed", exchange: LiveExchange): void => {
    for (const subscriber of subscribers) {
      const shown = subscriber.followed.get(exchange);
      if (shown === undefined) continue;
      if (!shown) {
        const match = matchTap(subscriber.request.filter, exchange, true);
        if (match === "no" || (match === "undecided" && event === "closed")) {
          subscriber.followed.delete(exchange);
          continue;
        }
        if (match === "undecided" || !begin(subscriber, exchange)) continue;
        // Decided at the end only: what came before is told now.
        if (event === "closed" && exchange.responded >= 0) send(subscriber, "responded", exchange);
      }
      send(subscriber, event, exchange);
      if (event === "closed") subscriber.followed.delete(exchange);
    }
  };

  return {
    get wantsHeaders() {
      return withHeaders > 0;
    },
    get count() {
      return subscribers.size;
    },
    opened(exchange) {
      for (const subscriber of subscribers) {
        const match = matchTap(subscriber.request.filter, exchange, false);
        if (match === "no") continue;
        if (subscriber.followed.size >= FOLLOWED_MAX) subscriber.lost++;
        else if (match === "yes") begin(subscriber, exchange);
        else subscriber.followed.set(exchange, false);
      }
    },
    responded(exchange) {
      if (subscribers.size > 0) advance("responded", exchange);
    },
    closed(exchange) {
      if (subscribers.size > 0) advance("closed", exchange);
    },
    subscribe(subscription) {
      const subscriber: Subscriber = {
        request: subscription.request,
        write: (line) => subscription.write(line),
        followed: new Map(),
        tokens: Math.max(1, subscription.request.maxRps),
        refilledAt: clock.monotonic(),
        lost: 0,
      };
      subscribers.add(subscriber);
      if (subscription.request.headers) withHeaders++;
      return {
        takeLost() {
          const lost = subscriber.lost;
          subscriber.lost = 0;
          return lost;
        },
        close() {
          if (!subscribers.delete(subscriber)) return;
          if (subscription.request.headers) withHeaders--;
        },
      };
    },
  };
}
