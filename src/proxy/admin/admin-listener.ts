import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import type { Clock } from "../../base/clock.ts";
import { MeshError, systemErrorCode } from "../../base/error.ts";
import { joinHostPort, normaliseIp } from "../../base/ip.ts";
import type { Logger } from "../../base/log.ts";
import { type Credentials, ownName } from "../../identity/credentials.ts";
import { secureServer } from "../../identity/mesh-handshake.ts";
import { type Found, lookAtFirstBytes } from "../../net/first-bytes.ts";
import type { Peer } from "../../policy/authorize.ts";
import { DETECT_BYTES_MIN, detectHttp } from "../../wire/http-detect.ts";
import { sniffTlsHello, type TlsHello } from "../../wire/tls-hello.ts";
import type { ListenAddress } from "../config.ts";

export interface AdminListenerOptions {
  readonly listen: ListenAddress;
  /** Whose certificate answers mesh TLS; absent: plain HTTP alone. */
  readonly credentials?: Pick<Credentials, "localName" | "serverName" | "current"> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** A request; over HTTP/2 by Node's compatibility classes, which are enough like those of HTTP/1. */
  readonly onRequest: (request: IncomingMessage, response: ServerResponse, peer: Peer) => void;
}

export interface AdminListener {
  /** Resolves with the bound port. @throws MeshError `ADMIN_LISTEN` */
  listen(): Promise<number>;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

/** How long a client may take to show whether it speaks TLS, and then which HTTP, ms. */
const SNIFF_MS = 1000;
const HANDSHAKE_MS = 10_000;

/**
 * Takes connections to the admin port: mesh TLS for who names this proxy, plain HTTP for everyone else, HTTP/2 of either kind.
 *
 *     accepted -> ClientHello? --our name--> handshake --> identity known -> preface? -> HTTP/2, HTTP/1
 *                     |  \--another name, broken--> closed
 *                     `--none, or nothing for 1 s ---------------------------^
 */
export function createAdminListener(options: AdminListenerOptions): AdminListener {
  const { log, onRequest } = options;
  const open = new Set<Socket>();
  const peers = new WeakMap<Duplex, Peer>();
  const http = createHttpServer(
    { keepAliveTimeout: 30_000, headersTimeout: 10_000, requestTimeout: 10_000 },
    (request, response) => onRequest(request, response, peers.get(request.socket) ?? NOBODY),
  );

  const serve = async (socket: Duplex, peer: Peer): Promise<void> => {
    if ((await speaksHttp2(socket, options.clock)) === false) {
      peers.set(socket, peer);
      http.emit("connection", socket);
      socket.resume();
      return;
    }
    // Who asks an admin port over HTTP/2 is another proxy, on behalf of a scraper: rarely enough to load it then.
    const { createServer: createHttp2Server } = await import("node:http2");
    const http2 = createHttp2Server((request, response) =>
      onRequest(request as unknown as IncomingMessage, response as unknown as ServerResponse, peer),
    );
    http2.on("sessionError", (error) => log.debug("admin connection broke", { error: error.message }));
    // Node's server takes a TLS socket without ALPN, which proxies do not use for HTTP, for HTTP/1; and it waits for a handshake
    // whose end only Node's own TLS server notes.
    if (socket instanceof TLSSocket) Object.assign(socket, { alpnProtocol: "h2", secureConnecting: false });
    http2.emit("connection", socket);
  };

  const accept = async (socket: Socket): Promise<void> => {
    const ip = normaliseIp(socket.remoteAddress ?? "");
    const { credentials, clock } = options;
    const hello = credentials ? await sniffHello(socket, clock) : "none";
    if (hello === "gone") {
      socket.destroy();
    } else if (hello === "none") {
      await serve(socket, { ip, identity: "", meshTls: false });
    } else {
      const isOwn = credentials && hello.serverName === ownName(credentials);
      const context = isOwn ? credentials.current() : undefined;
      if (!context) throw new Error(`no certificate for ${hello.serverName ?? "a client that names nobody"}`);
      const secured = await secureServer({
        socket,
        context: context.server,
        alpn: undefined,
        timeoutMs: HANDSHAKE_MS,
        clock,
      });
      await serve(secured.socket, { ip, identity: secured.identity, meshTls: true });
    }
  };

  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    accept(socket).catch((error: unknown) => {
      log.debug("admin connection refused", {
        client: socket.remoteAddress,
        error: error instanceof Error ? error.message : String(error),
      });
      socket.destroy();
    });
  });

  return {
    listen() {
      const { host, port } = options.listen;
      return new Promise((resolve, reject) => {
        server.once("error", (error) => reject(listenError(options.listen, error)));
        server.listen(port, host, () => {
          const bound = server.address();
          resolve(typeof bound === "object" && bound !== null ? bound.port : port);
        });
      });
    },
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        http.closeAllConnections();
        for (const socket of open) socket.destroy();
      });
    },
  };
}

const NOBODY: Peer = { ip: "", identity: "", meshTls: false };

type CompleteHello = Extract<TlsHello, { kind: "hello" }>;

async function sniffHello(socket: Socket, clock: Clock): Promise<CompleteHello | "none" | "gone"> {
  const first = await lookAtFirstBytes(socket, {
    silenceMs: SNIFF_MS,
    clock,
    look(bytes): Found<CompleteHello | "none"> | undefined {
      const hello = sniffTlsHello(bytes);
      if (hello.kind === "incomplete") return undefined;
      return { value: hello.kind === "hello" ? hello : "none", usedBytes: 0 };
    },
  });
  if (first.kind === "found") return first.value;
  return first.kind === "silent" ? "none" : "gone";
}

async function speaksHttp2(socket: Duplex, clock: Clock): Promise<boolean> {
  const first = await lookAtFirstBytes(socket, {
    silenceMs: SNIFF_MS,
    clock,
    look(bytes): Found<boolean> | undefined {
      // Fewer bytes may still become the preface, which begins as no request does.
      if (bytes.length < DETECT_BYTES_MIN && bytes[0] === 0x50) return undefined;
      return { value: detectHttp(bytes) === "http/2", usedBytes: 0 };
    },
  });
  return first.kind === "found" && first.value;
}

function listenError({ host, port }: ListenAddress, error: Error): MeshError {
  return new MeshError({
    kind: "environment",
    code: "ADMIN_LISTEN",
    message: `the admin server cannot listen on ${joinHostPort(host, port)}: ${systemErrorCode(error) ?? error.message}`,
    hint: "free the port, or set MESHCTL_PROXY_ADMIN_LISTEN_ADDR to another address",
    cause: error,
  });
}
