import type { ConfigReader } from "./config-env.ts";

/** What the kernel is told about the sockets of one kind. Undefined: its own defaults. */
export interface SocketConfig {
  /** Idle time after which TCP asks whether the peer is still there, ms. */
  readonly keepAliveMs: number | undefined;
  /** Time that sent bytes may go unacknowledged, ms (TCP_USER_TIMEOUT; Linux). */
  readonly userTimeoutMs: number | undefined;
}

/** Sockets of one side of the proxy. */
export interface SideSocketsConfig {
  readonly accept: SocketConfig;
  readonly connect: SocketConfig;
  /** Connections that may wait to be accepted, count; undefined: Node's 511. The kernel's somaxconn bounds it. */
  readonly backlog: number | undefined;
}

export function readSockets(reader: ConfigReader, side: "INBOUND" | "OUTBOUND"): SideSocketsConfig {
  return {
    accept: readSocket(reader, `${side}_ACCEPT`),
    connect: readSocket(reader, `${side}_CONNECT`),
    backlog: reader.optionalCount(`${side}_TCP_LISTEN_BACKLOG`),
  };
}

function readSocket(reader: ConfigReader, stem: string): SocketConfig {
  return {
    keepAliveMs: reader.durationMs(`${stem}_KEEPALIVE`, undefined),
    userTimeoutMs: reader.durationMs(`${stem}_USER_TIMEOUT`, undefined),
  };
}
