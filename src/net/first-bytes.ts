import type { Duplex } from "node:stream";
import type { Clock } from "../base/clock.ts";

/** What waiting for the first bytes of a connection gave. */
export type FirstBytes =
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  /** Nothing within the time. */
  | { readonly kind: "silent" }
  /** The peer closed or broke the connection first. */
  | { readonly kind: "closed" };

/**
 * Waits for bytes of a paused socket and takes them out of it. The socket is paused again afterwards; push back what you
 * do not use up (`socket.unshift`).
 */
export function readFirstBytes(socket: Duplex, timeoutMs: number, clock: Clock): Promise<FirstBytes> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve({ kind: "closed" });
    const finish = (result: FirstBytes) => {
      socket.pause();
      timer.cancel();
      socket.off("data", onData);
      socket.off("end", onClose);
      socket.off("close", onClose);
      resolve(result);
    };
    const onData = (bytes: Buffer) => finish({ kind: "bytes", bytes });
    const onClose = () => finish({ kind: "closed" });
    const timer = clock.schedule(timeoutMs, () => finish({ kind: "silent" }));
    socket.on("data", onData);
    socket.on("end", onClose);
    socket.on("close", onClose);
    socket.resume();
  });
}
