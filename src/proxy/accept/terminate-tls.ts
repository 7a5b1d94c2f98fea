import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { MeshError } from "../../base/error.ts";
import { TRANSPORT_ALPN } from "../../base/names.ts";
import { type SecuredServer, secureServer } from "../../identity/mesh-handshake.ts";
import { pushBack, readFirstBytes } from "../../net/first-bytes.ts";
import { sniffTlsHello, type TlsHello } from "../../wire/tls-hello.ts";
import {
  decodeTransportHeader,
  TRANSPORT_HEADER_BYTES_MAX,
  type TransportHeader,
} from "../../wire/transport-header.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import { SILENCE_MS } from "../detect/detect-http.ts";

/** What the first bytes of a connection on an application's port are. */
export type TlsSniff = Exclude<TlsHello, { kind: "incomplete" }> | { readonly kind: "silent" | "closed" };

/** Looks for a ClientHello and pushes back what it read. A client that says nothing is not waited for. */
export async function sniffTls(socket: Duplex, { clock, config }: ProxyDependencies): Promise<TlsSniff> {
  let bytes: Buffer = Buffer.alloc(0);
  let outcome: TlsSniff | undefined;
  while (outcome === undefined) {
    // A hello that has begun gets the time that detection has; before its first byte only silence counts.
    const timeoutMs = bytes.length === 0 ? SILENCE_MS : config.inbound.detectTimeoutMs;
    const read = await readFirstBytes(socket, timeoutMs, clock);
    if (read.kind !== "bytes") {
      outcome = bytes.length === 0 ? read : { kind: "none" };
      break;
    }
    bytes = bytes.length === 0 ? read.bytes : Buffer.concat([bytes, read.bytes]);
    const hello = sniffTlsHello(bytes);
    if (hello.kind !== "incomplete") outcome = hello;
  }
  if (bytes.length > 0) pushBack(socket, { kind: "bytes", bytes });
  return outcome;
}

/** Terminates mesh TLS with our certificate of this moment. @throws MeshError `TLS_*` */
export function terminateTls(
  socket: Socket,
  alpn: string | undefined,
  { clock, config, credentials }: ProxyDependencies,
): Promise<SecuredServer> {
  const contexts = credentials.current();
  if (!contexts) {
    socket.destroy();
    throw new MeshError({
      kind: "environment",
      code: "TLS_NO_CERTIFICATE",
      message: "no certificate yet to answer a TLS client with",
    });
  }
  return secureServer({
    socket,
    context: contexts.server,
    alpn,
    timeoutMs: config.inbound.detectTimeoutMs,
    clock,
  });
}

/** A direct connection from another proxy: who it is, and what it announced. */
export interface DirectConnection extends SecuredServer {
  readonly header: TransportHeader;
}

/**
 * Accepts a connection on the proxy port itself: mesh TLS with a client certificate, then the transport header.
 *
 * @throws MeshError `TLS_*`, `DIRECT_UNAUTHENTICATED`, `TRANSPORT_HEADER_*`; the socket is then destroyed
 */
export async function acceptDirect(socket: Socket, deps: ProxyDependencies): Promise<DirectConnection> {
  const secured = await terminateTls(socket, TRANSPORT_ALPN, deps);
  try {
    if (secured.identity === "") {
      throw new MeshError({
        kind: "environment",
        code: "DIRECT_UNAUTHENTICATED",
        message: "direct connections must be mutually authenticated",
      });
    }
    if (secured.socket.alpnProtocol !== TRANSPORT_ALPN) {
      throw new MeshError({
        kind: "environment",
        code: "TRANSPORT_HEADER_INVALID",
        message: `client did not ask for ${TRANSPORT_ALPN}`,
      });
    }
    return { ...secured, header: await readTransportHeader(secured, deps) };
  } catch (error) {
    secured.socket.destroy();
    throw error;
  }
}

async function readTransportHeader(
  { socket }: SecuredServer,
  deps: ProxyDependencies,
): Promise<TransportHeader> {
  const { clock, config } = deps;
  const deadline = clock.monotonic() + config.inbound.detectTimeoutMs;
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const read = await readFirstBytes(socket, Math.max(0, deadline - clock.monotonic()), clock);
    if (read.kind !== "bytes") {
      throw new MeshError({
        kind: "environment",
        code: "TRANSPORT_HEADER_MISSING",
        message: `no transport header ${read.kind === "silent" ? "in time" : "before the connection closed"}`,
      });
    }
    bytes = bytes.length === 0 ? read.bytes : Buffer.concat([bytes, read.bytes]);
    const decoded = decodeTransportHeader(bytes);
    if (decoded) {
      if (decoded.bytes < bytes.length) socket.unshift(bytes.subarray(decoded.bytes));
      return decoded.header;
    }
    if (bytes.length > TRANSPORT_HEADER_BYTES_MAX) {
      throw new MeshError({
        kind: "environment",
        code: "TRANSPORT_HEADER_INVALID",
        message: "transport header does not end",
      });
    }
  }
}
