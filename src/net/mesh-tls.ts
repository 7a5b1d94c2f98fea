import type { Socket } from "node:net";
import { connect, type SecureContext, TLSSocket } from "node:tls";
import type { Clock } from "../base/clock.ts";
import { MeshError, systemErrorCode } from "../base/error.ts";

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
  let mismatch: MeshError | undefined;
  const secure = connect({
    socket,
    secureContext: context,
    servername: serverName,
    minVersion: "TLSv1.3",
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
    checkServerIdentity: (_host, certificate) => {
      const names = sanNames(certificate.subjectaltname);
      if (names.includes(identity)) return undefined;
      mismatch = new MeshError({
        kind: "environment",
        code: "TLS_IDENTITY_MISMATCH",
        message: `certificate does not match TLS identity: want ${identity}, got ${names.join(", ") || "none"}`,
        hint: "discovery may be stale, or another workload has taken the address; it is retried",
      });
      return mismatch;
    },
  });
  return handshake(secure, "secureConnect", { timeoutMs, clock, signal, mismatch: () => mismatch });
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
 * @throws MeshError `TLS_TIMEOUT`, `TLS_FAILED`, `TLS_CLIENT_UNTRUSTED`; the socket is then destroyed
 */
export async function secureServer(options: SecureServerOptions): Promise<SecuredServer> {
  const { socket, context, alpn, timeoutMs, clock } = options;
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: context,
    requestCert: true,
    // Node leaves the verdict to JavaScript in any case; see verifyClient.
    rejectUnauthorized: false,
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
  });
  // A context for 1.3 alone is the caller's; a lower version would have been refused by it.
  await handshake(secure, "secure", { timeoutMs, clock, signal: undefined, mismatch: () => undefined });
  return { socket: secure, identity: verifyClient(secure) };
}

/** DNS and URI names of a certificate's subjectAltName text, as Node prints it: `DNS:a.b, URI:spiffe://c`. */
export function sanNames(text: string | undefined): string[] {
  const names: string[] = [];
  for (const match of (text ?? "").matchAll(/(?:^|, )(?:DNS|URI):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    const value = match[1]!;
    // Node quotes names with odd characters as JSON, so that a comma inside one cannot forge another.
    names.push(value.startsWith('"') ? String(JSON.parse(value)) : value);
  }
  return names;
}

/**
 * Outside a tls.Server nobody asks OpenSSL what came of the client's certificate; `verifyError` on the handle is how
 * Node's own server does.
 */
function verifyClient(secure: TLSSocket): string {
  const certificate = secure.getPeerX509Certificate();
  if (!certificate) return "";
  const handle = (secure as unknown as { _handle: { verifyError(): (Error & { code?: string }) | null } })
    ._handle;
  const error = handle.verifyError();
  if (error) {
    secure.destroy();
    throw new MeshError({
      kind: "environment",
      code: "TLS_CLIENT_UNTRUSTED",
      message: `client certificate is not trusted: ${error.code ?? error.message}`,
      hint: "client and server must share a trust anchor, and the client's clock must be right",
      cause: error,
    });
  }
  return sanNames(certificate.subjectAltName)[0] ?? "";
}

interface HandshakeOptions {
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  readonly mismatch: () => MeshError | undefined;
}

function handshake(
  secure: TLSSocket,
  event: "secure" | "secureConnect",
  options: HandshakeOptions,
): Promise<TLSSocket> {
  const { timeoutMs, clock, signal, mismatch } = options;
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
      fail(mismatch() ?? tlsFailed(systemErrorCode(error) ?? error.message, error));
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
