import { createServer, type Server, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type Clock, sleep } from "../../base/clock.ts";
import { joinHostPort } from "../../base/ip.ts";
import type { Logger } from "../../base/log.ts";
import type { Credentials } from "../../identity/credentials.ts";
import { meshServerOptions, peerIdentity } from "../../identity/mesh-tls.ts";
import { bind } from "./bind.ts";
import { type ConnectionState, GrpcConnection } from "./grpc-connection.ts";
import { GrpcCode, GrpcError } from "./grpc-error.ts";
import type { GrpcMethod } from "./grpc-method.ts";
import type { GrpcObserver } from "./grpc-stream.ts";

export interface MeshGrpcServerOptions {
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  /** For log lines: `destination`. */
  readonly name: string;
  readonly credentials: Credentials;
  readonly methods: readonly GrpcMethod[];
  readonly observer: GrpcObserver;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface MeshGrpcServer {
  readonly port: number;
  /** Who is connected, and what for. */
  connections(): readonly ConnectionState[];
  /** No new connections; calls end with UNAVAILABLE, so that clients go elsewhere; what remains is cut after the grace period. */
  stop(graceMs: number): Promise<void>;
}

/** A peer that does not finish its handshake holds a socket for no longer than this. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Peers that vanish without a word are found out by TCP. */
const KEEP_ALIVE_MS = 10_000;

/**
 * gRPC inside mesh TLS, as linkerd2-proxy and ours call it: HTTP/2 with prior knowledge and no ALPN.
 *
 *   accept -> TLSSocket (certificate of this moment) -> secure: client certificate, if any, must chain -> GrpcConnection -> methods
 *
 * A client certificate is not required: a proxy has none when it asks for its first.
 */
export async function startMeshGrpcServer(options: MeshGrpcServerOptions): Promise<MeshGrpcServer> {
  const { credentials, log, clock, observer } = options;
  const methods = new Map(options.methods.map((method) => [method.path, method]));
  const connections = new Set<GrpcConnection>();
  const sockets = new Set<Socket>();

  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("error", (error) => log.debug("socket failed", { server: options.name, error: error.message }));
    if (!credentials.current()) {
      log.debug("connection refused: no certificate yet", { server: options.name });
      socket.destroy();
      return;
    }
    const secure = new TLSSocket(socket, meshServerOptions(credentials));
    const timer = clock.schedule(HANDSHAKE_TIMEOUT_MS, () => secure.destroy());
    secure.on("error", (error) => {
      timer.cancel();
      log.debug("TLS failed", { server: options.name, peer: socket.remoteAddress, error: error.message });
      socket.destroy();
    });
    secure.once("secure", () => {
      timer.cancel();
      let identity: string;
      try {
        identity = peerIdentity(secure);
        log.debug("connected", { server: options.name, identity });
      } catch (error) {
        log.warn("connection refused", {
          server: options.name,
          peer: socket.remoteAddress,
          error: (error as Error).message,
        });
        secure.destroy();
        return;
      }
      const connection = new GrpcConnection({
        socket: secure,
        identity,
        peer: joinHostPort(socket.remoteAddress ?? "", socket.remotePort ?? 0),
        methods,
        observer,
        clock,
        onClosed: () => connections.delete(connection),
      });
      connections.add(connection);
    });
  });
  const port = await bind(server, options.host, options.port, options.name);
  log.info("listening", { server: options.name, port });
  return {
    port,
    connections: () => [...connections].map((connection) => connection.describe()),
    async stop(graceMs) {
      server.close();
      const error = new GrpcError(`${options.name} is stopping`, GrpcCode.unavailable);
      for (const connection of connections) connection.drain(error);
      const closed = Promise.all(
        [...sockets].map((socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()))),
      );
      await Promise.race([closed, sleep(clock, graceMs)]);
      for (const socket of sockets) socket.destroy();
    },
  };
}
