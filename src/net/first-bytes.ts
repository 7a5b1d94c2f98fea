import type { Duplex } from "node:stream";
import type { Clock } from "../base/clock.ts";

/** What looking at the first bytes of a connection gave. Unless they `ended`, bytes that nobody took are back in the socket. */
export type FirstBytes<T> =
  | { readonly kind: "found"; readonly value: T }
  /** Time was over, or the signal came. `some`: there were bytes, too few to know. */
  | { readonly kind: "silent"; readonly some: boolean }
  /**
   * The peer has closed its half: it says no more, but may well listen. `rest` is what it said, which no stream takes back after
   * its end.
   */
  | { readonly kind: "ended"; readonly rest: Buffer }
  /** The connection is gone. */
  | { readonly kind: "closed" };

/** What a look at the bytes decided, and how many of them it used up; the others stay in the socket. */
export interface Found<T> {
  readonly value: T;
  readonly usedBytes: number;
}

export interface LookOptions<T> {
  /** How long the peer may say nothing, ms; undefined: as long as it takes. */
  readonly silenceMs: number | undefined;
  /** Time for the bytes that are missing once the first are there, ms; without it what is left of `silenceMs`. */
  readonly undecidedMs?: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** All bytes so far, which stay valid. Undefined: more are needed. What it throws rejects the promise. */
  readonly look: (bytes: Buffer) => Found<T> | undefined;
}

/**
 * Looks at the first bytes of a paused socket, which is paused again afterwards.
 *
 *     silent for now --bytes--> undecided --bytes--> found
 *          |     \------------------------------------^
 *          `--- time, signal ---> silent    end ---> ended    close ---> closed
 *
 * The look happens inside the data event, and bytes go back before it returns: a peer may say its last word in the same segment,
 * and after the end has been told no bytes can be put before it.
 */
export function lookAtFirstBytes<T>(socket: Duplex, options: LookOptions<T>): Promise<FirstBytes<T>> {
  const { silenceMs, undecidedMs, clock, signal, look } = options;
  return new Promise((resolve, reject) => {
    if (socket.destroyed) return resolve({ kind: "closed" });
    if (socket.readableEnded) return resolve({ kind: "ended", rest: NO_BYTES });
    if (signal?.aborted) return resolve({ kind: "silent", some: false });
    let bytes = NO_BYTES;
    const settle = (): void => {
      socket.pause();
      timer?.cancel();
      socket.off("data", onData);
      socket.off("end", onEnd);
      socket.off("close", onClose);
      signal?.removeEventListener("abort", onSilence);
    };
    const onData = (chunk: Buffer): void => {
      const isFirst = bytes.length === 0;
      bytes = isFirst ? chunk : Buffer.concat([bytes, chunk]);
      let found: Found<T> | undefined;
      try {
        found = look(bytes);
      } catch (error) {
        settle();
        reject(error);
        return;
      }
      if (found) {
        settle();
        if (found.usedBytes < bytes.length) socket.unshift(bytes.subarray(found.usedBytes));
        resolve({ kind: "found", value: found.value });
      } else if (isFirst && undecidedMs !== undefined) {
        timer?.cancel();
        timer = clock.schedule(undecidedMs, onSilence);
      }
    };
    const onEnd = (): void => {
      settle();
      resolve({ kind: "ended", rest: bytes });
    };
    const onClose = (): void => {
      settle();
      resolve({ kind: "closed" });
    };
    const onSilence = (): void => {
      settle();
      if (bytes.length > 0) socket.unshift(bytes);
      resolve({ kind: "silent", some: bytes.length > 0 });
    };
    let timer = silenceMs === undefined ? undefined : clock.schedule(silenceMs, onSilence);
    socket.on("data", onData);
    socket.on("end", onEnd);
    socket.on("close", onClose);
    signal?.addEventListener("abort", onSilence, { once: true });
    socket.resume();
  });
}

const NO_BYTES: Buffer = Buffer.alloc(0);
