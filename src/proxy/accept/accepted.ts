import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { joinHostPort, normaliseIp } from "../../base/ip.ts";
import type { LiveTransport, Recorder } from "../../observe/live-exchange.ts";

/** An accepted connection on its way to whoever serves it. */
export interface Accepted {
  /** Plain or TLS. Paused; may hold bytes that were read and pushed back. */
  readonly socket: Duplex;
  /** What the client said before it closed its half, where that was read and cannot be pushed back: it goes to the server first. */
  readonly rest?: Buffer | undefined;
  readonly transport: LiveTransport;
  /** `ip:port` of the client. */
  readonly client: string;
  readonly clientIp: string;
  /** To be called once, by the last owner, when the connection is over. */
  readonly released: (errno: string) => void;
}

export interface ClientAddress {
  readonly client: string;
  readonly clientIp: string;
}

/** The client's address, IPv4-mapped ones as IPv4. A Unix socket's client has none: it counts as this host. */
export function clientAddress(socket: Socket): ClientAddress {
  if (socket.remoteAddress === undefined) return { client: "unix", clientIp: "127.0.0.1" };
  const clientIp = normaliseIp(socket.remoteAddress);
  return { client: joinHostPort(clientIp, socket.remotePort ?? 0), clientIp };
}

/** Closes the books of an accepted connection. */
export function releaseTransport(recorder: Recorder, transport: LiveTransport): (errno: string) => void {
  return (errno) => {
    transport.errno = errno;
    recorder.transportClosed(transport);
  };
}
