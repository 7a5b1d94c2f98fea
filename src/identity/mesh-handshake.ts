import type { Socket } from "node:net";
import { connect, type SecureContext, TLSSocket } from "node:tls";
import type { Clock } from "../base/clock.ts";
import { MeshError, systemErrorCode } from "../base/error.ts";
import { clientOptions, peerIdentity } from "./mesh-tls.ts";

export interface SecureClientOptions {
  readonly socket: Socket;
  readonly context: SecureContext;
  readonly serverName: string;
  /** The server's leaf certificate must carry this DNS or URI SAN. */
  readonly identity: string;
  readonly alpn: string | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a mesh TLS client of a connected socket: TLS 1.3, the chain verified to the trust anchors, host names ignored, the
 * identity demanded instead. No session resumption: a rotated certificate must be seen.
 *
 * @throws MeshError `TLS_IDENTITY_MISMATCH`, `TLS_TIMEOUT`, `TLS_FAILED`; the socket is then destroyed
 */
export function secureClient(options: SecureClientOptions): Promise<TLSSocket> {
  const { socket, context, serverName, identity, alpn, timeoutMs, clock, signal } = options;
  const secure = connect({
    socket,
    ...clientOptions(context, {
      serverName,
      expectIdentity: identity,
      ...(alpn === undefined ? {} : { alpn: [alpn] }),
    }),
  });
  carriers.set(secure, socket);
  return handshake(secure, "secureConnect", { timeoutMs, clock, signal });
}

export interface SecureServerOptions {
  /** May hold bytes that were read and pushed back. */
  readonly socket: Socket;
  readonly context: SecureContext;
  readonly alpn: string | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export interface SecuredServer {
  readonly socket: TLSSocket;
  /** First DNS or URI SAN of the client's certificate; "" without one. */
  readonly identity: string;
}

/**
 * Makes a mesh TLS server of an accepted socket: TLS 1.3, a client certificate asked for; one that is given must chain to the
 * trust anchors.
 *
 * @throws MeshError `TLS_TIMEOUT`, `TLS_FAILED`, `TLS_PEER_UNVERIFIED`; the socket is then destroyed
 */
export async function secureServer(options: SecureServerOptions): Promise<SecuredServer> {
  const { socket, context, alpn, timeoutMs, clock } = options;
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: context,
    requestCert: true,
    // Node leaves the verdict to JavaScript in any case; see peerIdentity.
    rejectUnauthorized: false,
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
  });
  carriers.set(secure, socket);
  // A context for 1.3 alone is the caller's; a lower version would have been refused by it.
  await handshake(secure, "secure", { timeoutMs, clock, signal: undefined });
  try {
    return { socket: secure, identity: peerIdentity(secure) };
  } catch (error) {
    secure.destroy();
    throw error;
  }
}

/** What carries a TLS connection: Node keeps it to itself, and only it can be reset. */
const carriers = new WeakMap<TLSSocket, Socket>();

/** The TCP connection under one that was secured here. */
export function carrierOf(secure: TLSSocket): Socket | undefined {
  return carriers.get(secure);
}

interface HandshakeOptions {
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

function handshake(
  secure: TLSSocket,
  event: "secure" | "secureConnect",
  options: HandshakeOptions,
): Promise<TLSSocket> {
  const { timeoutMs, clock, signal } = options;
  return new Promise((resolve, reject) => {
    const settle = () => {
      timer.cancel();
      signal?.removeEventListener("abort", onAbort);
      secure.off("error", onError);
      secure.off("end", onClose);
      secure.off("close", onClose);
    };
    const fail = (error: MeshError) => {
      settle();
      secure.destroy();
      reject(error);
    };
    const onError = (error: Error) =>
      // A MeshError is our own verdict on the server's name.
      fail(error instanceof MeshError ? error : tlsFailed(systemErrorCode(error) ?? error.message, error));
    const onClose = () => fail(tlsFailed("connection closed during the handshake", undefined));
    const onAbort = () => fail(tlsFailed("given up", undefined));
    const timer = clock.schedule(timeoutMs, () =>
      fail(
        new MeshError({
          kind: "environment",
          code: "TLS_TIMEOUT",
          message: `no TLS handshake within ${timeoutMs} ms`,
        }),
      ),
    );
    secure.on("error", onError);
    // For life: a socket between two owners must not end the process.
    secure.on("error", ignoreLateError);
    // Sockets may be half-open, so a peer that gives up shows as an end before it shows as a close, if it ever does.
    secure.on("end", onClose);
    secure.on("close", onClose);
    signal?.addEventListener("abort", onAbort, { once: true });
    secure.once(event, () => {
      settle();
      resolve(secure);
    });
  });
}

function tlsFailed(why: string, cause: unknown): MeshError {
  return new MeshError({
    kind: "environment",
    code: "TLS_FAILED",
    message: `TLS handshake did not succeed: ${why}`,
    cause,
  });
}

function ignoreLateError(): void {
  // Whoever owns the socket listens for itself.
}
