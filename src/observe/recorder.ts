import type { Clock } from "../base/clock.ts";
import { MeshError } from "../base/error.ts";
import type {
  ConnectionEvent,
  FailedAttempt,
  LiveExchange,
  LiveTransport,
  Recorder,
} from "./live-exchange.ts";

/**
 * Somebody who follows exchanges and transports. Called synchronously on the data path, in the order of the list: an
 * observer takes what it needs at once, keeps no reference beyond `closed`, and never throws.
 */
export interface Observer {
  opened?(exchange: LiveExchange): void;
  responded?(exchange: LiveExchange): void;
  closed?(exchange: LiveExchange): void;
  retried?(exchange: LiveExchange, attempt: FailedAttempt): void;
  connection?(event: ConnectionEvent): void;
  transportOpened?(transport: LiveTransport): void;
  transportClosed?(transport: LiveTransport): void;
}

export interface RecorderOptions {
  readonly clock: Clock;
  /** Called in this order for every transition. */
  readonly observers: readonly Observer[];
  /** Whether header lists are wanted now: a tap with headers listens, or an access log is on. */
  readonly wantsHeaders?: () => boolean;
  /** Told of a broken order of transitions, which is then ignored. By default it throws; a proxy counts and logs. */
  readonly onViolation?: (error: MeshError) => void;
}

/**
 * The one door between traffic and everything that watches it.
 *
 *   (new) --opened--> open --responded--> responding --closed--> closed
 *                       \---------------closed-----------------/
 *
 * `opened` gives ascending ids and the times, unless the caller has set `opened` itself (a request that waited to be
 * parsed). `responded` twice, `closed` twice and anything before `opened` are violations.
 */
export function createRecorder(options: RecorderOptions): Recorder {
  const { clock, observers } = options;
  const wantsHeaders = options.wantsHeaders ?? (() => false);
  const violate =
    options.onViolation ??
    ((error: MeshError) => {
      throw error;
    });
  let lastId = 0;
  // Who does not care for a transition is not asked at each of them.
  const onOpened = listeners(observers, "opened");
  const onResponded = listeners(observers, "responded");
  const onClosed = listeners(observers, "closed");

  return {
    opened(exchange) {
      if (exchange.id !== 0) return violate(violation("RECORD_OPENED_TWICE", "opened twice", exchange));
      exchange.id = ++lastId;
      // One that was opened with both of its times keeps them.
      if (exchange.opened < 0 || exchange.openedAtMs === 0) {
        const now = clock.monotonic();
        if (exchange.opened < 0) exchange.opened = now;
        exchange.openedAtMs = clock.now() - (now - exchange.opened);
      }
      for (const each of onOpened) each(exchange);
    },
    responded(exchange) {
      if (exchange.id === 0 || exchange.closed >= 0) {
        return violate(violation("RECORD_RESPONDED_LATE", "responded outside its life", exchange));
      }
      if (exchange.responded >= 0) {
        return violate(violation("RECORD_RESPONDED_TWICE", "responded twice", exchange));
      }
      exchange.responded = clock.monotonic();
      for (const each of onResponded) each(exchange);
    },
    retried(exchange, attempt) {
      for (const observer of observers) observer.retried?.(exchange, attempt);
    },
    requestEnded(exchange) {
      if (exchange.requestEnded < 0) exchange.requestEnded = clock.monotonic();
    },
    closed(exchange) {
      if (exchange.id === 0) {
        return violate(violation("RECORD_CLOSED_UNOPENED", "closed before it opened", exchange));
      }
      if (exchange.closed >= 0) return violate(violation("RECORD_CLOSED_TWICE", "closed twice", exchange));
      exchange.closed = clock.monotonic();
      for (const each of onClosed) each(exchange);
    },
    connection(event) {
      for (const observer of observers) observer.connection?.(event);
    },
    transportOpened(transport) {
      if (transport.opened < 0) transport.opened = clock.monotonic();
      for (const observer of observers) observer.transportOpened?.(transport);
    },
    transportClosed(transport) {
      for (const observer of observers) observer.transportClosed?.(transport);
    },
    get wantsHeaders() {
      return wantsHeaders();
    },
  };
}

function listeners(
  observers: readonly Observer[],
  transition: "opened" | "responded" | "closed",
): ((exchange: LiveExchange) => void)[] {
  return observers.flatMap((observer) => {
    const listener = observer[transition];
    return listener ? [listener.bind(observer)] : [];
  });
}

function violation(code: string, what: string, exchange: LiveExchange): MeshError {
  return new MeshError({
    kind: "bug",
    code,
    message: `${exchange.direction} exchange ${exchange.id} (${exchange.method} ${exchange.authority}) ${what}`,
  });
}
