import type { Socket } from "node:net";
import { type Libc, tryFdOf } from "./libc.ts";

/** What the kernel is told about a socket. */
export interface SocketTuning {
  /** Idle time after which TCP asks whether the peer is still there, ms; undefined: never. */
  readonly keepAliveMs: number | undefined;
  /** Sets what Node cannot; undefined: nothing to set. Called once the socket is connected. */
  readonly adjust: ((socket: Socket) => void) | undefined;
}

/** From linux/tcp.h and linux/in.h. */
const TCP_USER_TIMEOUT = 18;
const IPPROTO_TCP = 6;

/**
 * TCP_USER_TIMEOUT: how long what was sent may go unacknowledged before the kernel gives the connection up, where its own patience
 * is about 15 minutes. The option is set once on each socket; one that closed meanwhile is left alone.
 */
export function userTimeout(libc: Libc, timeoutMs: number): (socket: Socket) => void {
  const value = new Uint8Array(new Uint32Array([timeoutMs]).buffer);
  return (socket) => {
    const fd = tryFdOf(socket);
    // A Unix socket knows no such option and says so; there is no network that could lose its peer.
    if (fd !== undefined) libc.setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, value, value.length);
  };
}
