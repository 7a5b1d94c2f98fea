import { type Libc, loadLibc } from "../net/libc.ts";
import { type SocketTuning, userTimeout } from "../net/socket-tuning.ts";
import type { ProxyConfig } from "./config.ts";
import type { SideSocketsConfig, SocketConfig } from "./config-sockets.ts";

export interface SideTunings {
  readonly accept: SocketTuning;
  readonly connect: SocketTuning;
}

export interface SocketTunings {
  readonly inbound: SideTunings;
  readonly outbound: SideTunings;
}

/**
 * What sockets are told when they are made. The C library is loaded only where a user timeout is asked for.
 *
 * @param platform  elsewhere than on Linux there is no TCP_USER_TIMEOUT: `warn` is told
 */
export async function loadSocketTunings(
  { inbound, outbound }: Pick<ProxyConfig, "inbound" | "outbound">,
  platform: string,
  warn: (message: string) => void,
): Promise<SocketTunings> {
  const sides = [inbound.sockets, outbound.sockets];
  const asks = sides.some(
    ({ accept, connect }) => accept.userTimeoutMs !== undefined || connect.userTimeoutMs !== undefined,
  );
  if (asks && platform !== "linux") warn("TCP_USER_TIMEOUT is Linux's: *_USER_TIMEOUT has no effect here");
  const libc = asks && platform === "linux" ? await loadLibc() : undefined;
  return { inbound: tuneSide(inbound.sockets, libc), outbound: tuneSide(outbound.sockets, libc) };
}

function tuneSide({ accept, connect }: SideSocketsConfig, libc: Libc | undefined): SideTunings {
  return { accept: tune(accept, libc), connect: tune(connect, libc) };
}

function tune({ keepAliveMs, userTimeoutMs }: SocketConfig, libc: Libc | undefined): SocketTuning {
  return {
    keepAliveMs,
    adjust: libc && userTimeoutMs !== undefined ? userTimeout(libc, userTimeoutMs) : undefined,
  };
}
