import type { Duplex } from "node:stream";
import type { Clock } from "../base/clock.ts";

/** What waiting for the first bytes of a connection gave. */
export type FirstBytes =
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  /** Nothing within the time, or before the signal. */
  | { readonly kind: "silent" }
  /** The peer closed or broke the connection first. */
  | { readonly kind: "closed" };

/**
 * Waits for bytes of a paused socket and takes them out of it. The socket is paused again afterwards; push back what you
 * do not use up (`socket.unshift`).
 *
 * @param timeoutMs undefined: as long as it takes
 */
export function readFirstBytes(
  socket: Duplex,
  timeoutMs: number | undefined,
  clock: Clock,
  signal?: AbortSignal,
): Promise<FirstBytes> {
  return new Promise((resolve) => {
    if (socket.destroyed || socket.readableEnded) return resolve({ kind: "closed" });
    if (signal?.aborted) return resolve({ kind: "silent" });
    const finish = (result: FirstBytes) => {
      socket.pause();
      timer?.cancel();
      socket.off("data", onData);
      socket.off("end", onClose);
      socket.off("close", onClose);
      signal?.removeEventListener("abort", onSilence);
      resolve(result);
    };
    const onData = (bytes: Buffer) => finish({ kind: "bytes", bytes });
    const onClose = () => finish({ kind: "closed" });
    const onSilence = () => finish({ kind: "silent" });
    const timer = timeoutMs === undefined ? undefined : clock.schedule(timeoutMs, onSilence);
    socket.on("data", onData);
    socket.on("end", onClose);
    socket.on("close", onClose);
    signal?.addEventListener("abort", onSilence, { once: true });
    socket.resume();
  });
}

/** Puts what was read back, as if nobody had looked. */
export function pushBack(socket: Duplex, first: FirstBytes): void {
  if (first.kind === "bytes" && !socket.destroyed) socket.unshift(first.bytes);
}
