import http2, { type ServerHttp2Session } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type Clock, sleep, type Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Credentials } from "../../identity/credentials.ts";
import { meshServerOptions, peerIdentity } from "../../identity/mesh-tls.ts";
import { bind } from "./bind.ts";

export interface MeshGrpcServerOptions {
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  /** For log lines: `destination`. */
  readonly name: string;
  readonly credentials: Credentials;
  readonly routes: (router: ConnectRouter) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface MeshGrpcServer {
  readonly port: number;
  /** No new connections; streams end with UNAVAILABLE, so that clients go elsewhere; what remains is cut after the grace period. */
  stop(graceMs: number): Promise<void>;
}

/** A peer that does not finish its handshake holds a socket for no longer than this. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Peers that vanish without a word are found out by TCP. */
const KEEP_ALIVE_MS = 10_000;
/** A peer that TCP still believes in, but that does not answer a PING (a frozen host, a lost route), is cut off. */
const PING_INTERVAL_MS = 30_000;
const PING_TIMEOUT_MS = 10_000;

/**
 * gRPC inside mesh TLS, as linkerd2-proxy and ours call it: HTTP/2 with prior knowledge and no ALPN.
 *
 *   accept -> TLSSocket (certificate of this moment) -> secure: client certificate, if any, must chain -> HTTP/2 session -> routes
 *
 * A client certificate is not required: a proxy has none when it asks for its first.
 */
export async function startMeshGrpcServer(options: MeshGrpcServerOptions): Promise<MeshGrpcServer> {
  const { credentials, log, clock } = options;
  const stopping = new AbortController();
  const handler = connectNodeAdapter({
    routes: options.routes,
    connect: false,
    grpcWeb: false,
    grpc: true,
    shutdownSignal: stopping.signal,
    // What proxies send is tiny; an unbounded message would be a way to take our memory.
    readMaxBytes: 1024 * 1024,
  });
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  // Never listens: it turns the sockets that it is handed into sessions, and their streams into requests.
  const http = http2.createServer({}, handler);
  http.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    watchPeer(session, clock);
    session.on("error", (error) =>
      log.debug("connection failed", { server: options.name, error: error.message }),
    );
  });
  http.on("sessionError", () => {
    // Told to the session's own listener above.
  });

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
      try {
        const identity = peerIdentity(secure);
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
      // Two of Node's assumptions do not hold here: that TLS without ALPN means HTTP/1 (mesh peers speak HTTP/2 with prior
      // knowledge), and that a handshake is only over when tls.Server says so (it clears this flag, and there is none).
      Object.assign(secure, { alpnProtocol: "h2", secureConnecting: false });
      http.emit("connection", secure);
    });
  });
  const port = await bind(server, options.host, options.port, options.name);
  log.info("listening", { server: options.name, port });
  return {
    port,
    async stop(graceMs) {
      server.close();
      stopping.abort(new ConnectError(`${options.name} is stopping`, Code.Unavailable));
      for (const session of sessions) session.close();
      const closed = Promise.all(
        [...sockets].map((socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()))),
      );
      await Promise.race([closed, sleep(clock, graceMs)]);
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Asks the peer now and then whether it is there, so that streams of vanished proxies do not pile up. */
function watchPeer(session: ServerHttp2Session, clock: Clock): void {
  let timer: Timer;
  const ask = (): void => {
    timer = clock.schedule(PING_TIMEOUT_MS, () => session.destroy());
    session.ping((error) => {
      timer.cancel();
      if (!error && !session.destroyed) timer = clock.schedule(PING_INTERVAL_MS, ask);
    });
  };
  timer = clock.schedule(PING_INTERVAL_MS, ask);
  session.once("close", () => timer.cancel());
}
