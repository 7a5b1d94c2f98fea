/** Time as a parameter, so that tests can stop it. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Monotonic, milliseconds with fraction; only differences mean something. */
  monotonic(): number;
  /** Calls back once after `delayMs` (clamped to 2^31-1). Unref'd timers do not hold the process. */
  schedule(delayMs: number, callback: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

const DELAY_MS_MAX = 2 ** 31 - 1;

/**
 * The machine's own clock. Its timers do not keep the process alive; sockets and servers do.
 *
 * A timer that comes due waits for the input that has already arrived: the event loop runs timers first, and a process that
 * was starved of its processor would otherwise call a peer late whose answer lies in the socket.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, callback) {
    let due: NodeJS.Immediate | undefined;
    const handle = setTimeout(
      () => {
        // Not unreferenced: an idle event loop does not wake up for an immediate that is, and the timer would be as late as
        // the next input. It holds the process for this one turn.
        due = setImmediate(callback);
      },
      Math.min(Math.max(delayMs, 0), DELAY_MS_MAX),
    );
    handle.unref();
    return {
      cancel() {
        clearTimeout(handle);
        if (due) clearImmediate(due);
      },
    };
  },
};

/** Resolves after `delayMs` by the given clock; rejects with the signal's reason when aborted. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal!.reason);
    };
    const timer = clock.schedule(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
