import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep, type Timer } from "../../base/clock.ts";
import { type MeshError, toMeshError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { BackoffConfig } from "../config.ts";
import { grpcError } from "./grpc-status.ts";

export interface StreamLimits {
  /** Longest wait for the first message; when unset, the idle limit. ms */
  readonly initialTimeoutMs: number | undefined;
  /** Longest silence, ms. */
  readonly idleTimeoutMs: number | undefined;
  /** Longest life, ms. */
  readonly lifetimeMs: number | undefined;
}

export const NO_LIMITS: StreamLimits = {
  initialTimeoutMs: undefined,
  idleTimeoutMs: undefined,
  lifetimeMs: undefined,
};

export interface WatchStreamOptions<T> {
  /** For the log. */
  readonly what: string;
  /** Opens one stream; resolves when it ends cleanly, throws when not. */
  readonly open: (signal: AbortSignal, onMessage: (message: T) => void) => Promise<void>;
  /** @param isFirst whether it is the first of its stream, which for incremental streams replaces what was known */
  readonly onMessage: (message: T, isFirst: boolean) => void;
  /** Statuses after which asking again makes no sense. */
  readonly isFinal: (error: MeshError) => boolean;
  /** Told of failures that are not final, before the wait. */
  readonly onFailure?: (error: MeshError) => void;
  readonly limits: StreamLimits;
  readonly backoff: BackoffConfig;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** Lifetimes are cut by up to this part at random: proxies that started together must not reconnect together for ever. */
const LIFETIME_SPREAD = 0.1;
/** Like errors of DNS and TLS, these concern the connection, whose client tells of them. */
const OUTAGE_CODES: ReadonlySet<string> = new Set(["CONTROL_UNAVAILABLE", "CONTROL_CONNECT_FAILED"]);

/**
 * Keeps a server stream open: reopens it when it ends, breaks or reaches a limit, until the signal aborts or an error is final.
 * What the last stream said stays with the caller meanwhile.
 *
 * ```
 *   opening --message--> live --ended, broken, idle or lifetime limit--> waiting --back-off--> opening
 *      |  error, initial timeout                                            ^
 *      +--------------------------------------------------------------------+      final error: done
 * ```
 *
 * @returns the final error, or undefined when aborted
 * @see reference: proxy-api section 12
 */
export async function watchStream<T>(
  options: WatchStreamOptions<T>,
  signal: AbortSignal,
): Promise<MeshError | undefined> {
  const backoff = new Backoff({ ...options.backoff, random: options.random });
  let failures = 0;
  const onAlive = () => {
    failures = 0;
    backoff.reset();
  };
  while (!signal.aborted) {
    const error = await runOnce(options, signal, onAlive);
    if (signal.aborted) return undefined;
    if (error && options.isFinal(error)) return error;
    const delayMs = backoff.nextMs();
    if (error) {
      options.onFailure?.(error);
      // An outage is one line of the client's, not one a stream; a stream that is refused says so once.
      const level = failures++ > 0 || isOutage(error) ? "debug" : "warn";
      options.log[level]("control plane stream failed; what is known stays in use", {
        stream: options.what,
        error: error.message,
        retryMs: Math.round(delayMs),
      });
    }
    // Rejects only because the signal aborted, which ends the loop.
    await sleep(options.clock, delayMs, signal).catch(() => {});
  }
  return undefined;
}

function isOutage(error: MeshError): boolean {
  return !error.code.startsWith("CONTROL_") || OUTAGE_CODES.has(error.code);
}

/** Undefined for a clean end, limits of idleness and lifetime included. */
async function runOnce<T>(
  options: WatchStreamOptions<T>,
  signal: AbortSignal,
  onAlive: () => void,
): Promise<MeshError | undefined> {
  const { limits, clock } = options;
  const stop = new AbortController();
  let limit: "initial" | "idle" | "lifetime" | undefined;
  let messages = 0;
  let silence: Timer | undefined;
  const end = (reason: NonNullable<typeof limit>) => {
    limit = reason;
    stop.abort();
  };
  const initialMs = limits.initialTimeoutMs ?? limits.idleTimeoutMs;
  if (initialMs !== undefined) silence = clock.schedule(initialMs, () => end("initial"));
  const spread = 1 - LIFETIME_SPREAD * options.random();
  const lifetime =
    limits.lifetimeMs === undefined
      ? undefined
      : clock.schedule(limits.lifetimeMs * spread, () => end("lifetime"));

  const onMessage = (message: T): void => {
    silence?.cancel();
    const idleMs = limits.idleTimeoutMs;
    silence = idleMs === undefined ? undefined : clock.schedule(idleMs, () => end("idle"));
    onAlive();
    options.onMessage(message, messages++ === 0);
  };

  try {
    await options.open(AbortSignal.any([signal, stop.signal]), onMessage);
    return undefined;
  } catch (caught) {
    if (limit === "initial") {
      return grpcError("DEADLINE_EXCEEDED", `${options.what}: nothing came within ${initialMs} ms`, caught);
    }
    return limit === undefined ? toMeshError(caught) : undefined;
  } finally {
    silence?.cancel();
    lifetime?.cancel();
  }
}
