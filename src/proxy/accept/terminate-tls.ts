import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { MeshError } from "../../base/error.ts";
import { TRANSPORT_ALPN } from "../../base/names.ts";
import { type SecuredServer, secureServer } from "../../identity/mesh-handshake.ts";
import { type Found, lookAtFirstBytes } from "../../net/first-bytes.ts";
import { sniffTlsHello, type TlsHello } from "../../wire/tls-hello.ts";
import {
  decodeTransportHeader,
  TRANSPORT_HEADER_BYTES_MAX,
  type TransportHeader,
} from "../../wire/transport-header.ts";
import type { ProxyDependencies } from "../dependencies.ts";
import { SILENCE_MS } from "../detect/detect-http.ts";

/** What the first bytes of a connection on an application's port are. */
export type TlsSniff =
  | CompleteHello
  | { readonly kind: "silent" | "closed" }
  /** The client said `rest`, possibly nothing, and closed its half. */
  | { readonly kind: "ended"; readonly rest: Buffer };

type CompleteHello = Exclude<TlsHello, { kind: "incomplete" }>;

/**
 * Looks for a ClientHello. What it reads stays in the socket, unless the client `ended`. A client that says nothing is not
 * waited for.
 *
 * @param undecidedMs time for the rest of a hello that has begun, ms
 */
export async function sniffTls(
  socket: Duplex,
  { clock }: ProxyDependencies,
  undecidedMs: number,
): Promise<TlsSniff> {
  const first = await lookAtFirstBytes(socket, {
    // A hello that has begun gets the time that detection has; before its first byte only silence counts.
    silenceMs: SILENCE_MS,
    undecidedMs,
    clock,
    look: lookForHello,
  });
  switch (first.kind) {
    case "found":
      return first.value;
    case "silent":
      return { kind: first.some ? "none" : "silent" };
    default:
      return first;
  }
}

function lookForHello(bytes: Buffer): Found<CompleteHello> | undefined {
  const hello = sniffTlsHello(bytes);
  return hello.kind === "incomplete" ? undefined : { value: hello, usedBytes: 0 };
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
  const silenceMs = config.inbound.detectTimeoutMs;
  const first = await lookAtFirstBytes(socket, { silenceMs, clock, look: lookForHeader });
  if (first.kind === "found") return first.value;
  throw new MeshError({
    kind: "environment",
    code: "TRANSPORT_HEADER_MISSING",
    message: `no transport header ${first.kind === "silent" ? "in time" : "before the connection closed"}`,
  });
}

function lookForHeader(bytes: Buffer): Found<TransportHeader> | undefined {
  const decoded = decodeTransportHeader(bytes);
  if (decoded) return { value: decoded.header, usedBytes: decoded.bytes };
  if (bytes.length <= TRANSPORT_HEADER_BYTES_MAX) return undefined;
  throw new MeshError({
    kind: "environment",
    code: "TRANSPORT_HEADER_INVALID",
    message: "transport header does not end",
  });
}
