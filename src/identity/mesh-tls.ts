import tls, {
  type ConnectionOptions,
  type SecureContext,
  type TLSSocket,
  type TLSSocketOptions,
} from "node:tls";
import { MeshError } from "../base/error.ts";
import type { Credentials } from "./credentials.ts";

/**
 * The parameters of TLS between mesh members, in one place for proxy and control plane.
 *
 * TLS 1.3 only, no client-side session resumption (a resumed session would skip the certificate check), ECDSA and Ed25519
 * signatures only. Host names mean nothing here: what counts is the SAN of a certificate that chains to the trust anchors.
 *
 * @see reference: proxy section 7 (TLS parameters)
 */
export const MESH_CIPHERS = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
const SIGNATURE_ALGORITHMS = "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ed25519";
const CURVES = "X25519:P-256:P-384";
/** Post-quantum first. Known to OpenSSL 3.5 and later only, which Node 22 lacks. */
const CURVES_POST_QUANTUM = `X25519MLKEM768:${CURVES}`;

let supportedCurves: string | undefined;

/** The key-exchange groups that this Node can offer, best first; found out once. */
export function meshCurves(): string {
  if (supportedCurves === undefined) {
    try {
      tls.createSecureContext({ ecdhCurve: CURVES_POST_QUANTUM });
      supportedCurves = CURVES_POST_QUANTUM;
    } catch {
      // The group's name is unknown to this OpenSSL: that is the answer, not an error.
      supportedCurves = CURVES;
    }
  }
  return supportedCurves;
}

export interface MeshContextOptions {
  /** PEM, one or more roots. */
  readonly trustAnchorsPem: string;
  /** Own certificate chain (PEM, leaf first) and key (PEM); absent: anonymous, as before the first certificate. */
  readonly identity?: { readonly certificatePem: string; readonly keyPem: string } | undefined;
}

/** A TLS context of the mesh's parameters, for either side. */
export function createMeshContext({ trustAnchorsPem, identity }: MeshContextOptions): SecureContext {
  return tls.createSecureContext({
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    ciphers: MESH_CIPHERS,
    sigalgs: SIGNATURE_ALGORITHMS,
    ecdhCurve: meshCurves(),
    ca: trustAnchorsPem,
    ...(identity ? { cert: identity.certificatePem, key: identity.keyPem } : {}),
  });
}

export interface MeshClientTarget {
  /** SNI. */
  readonly serverName: string;
  /** DNS or URI SAN that the server's certificate must carry. */
  readonly expectIdentity: string;
  readonly alpn?: readonly string[];
}

/**
 * Options for `tls.connect` towards a mesh member; add `socket`, or `host` and `port`.
 *
 * The handshake fails (`error` on the socket) when the chain does not lead to the anchors or the SAN is another one:
 * MeshError `TLS_IDENTITY_MISMATCH`.
 *
 * @throws MeshError `IDENTITY_NOT_READY` before the first certificate
 */
export function meshClientOptions(
  credentials: Pick<Credentials, "current" | "localName">,
  target: MeshClientTarget,
): ConnectionOptions {
  return clientOptions(currentOf(credentials).client, target);
}

/** The same with a context of one's own: the first call to identity is made without a certificate. */
export function clientOptions(secureContext: SecureContext, target: MeshClientTarget): ConnectionOptions {
  return {
    secureContext,
    servername: target.serverName,
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) => {
      const names = subjectNames(certificate.subjectaltname);
      if (names.includes(target.expectIdentity)) return undefined;
      return new MeshError({
        kind: "environment",
        code: "TLS_IDENTITY_MISMATCH",
        message: `certificate does not match TLS identity: expected ${target.expectIdentity}, the server is ${names.join(", ") || "nobody"}`,
        hint: "discovery may be stale, or another workload listens on this address",
      });
    },
    ...(target.alpn ? { ALPNProtocols: [...target.alpn] } : {}),
  };
}

/**
 * Options for `new TLSSocket(socket, options)` that terminates mesh TLS. The certificate is the one of this moment, so that
 * rotation reaches the next connection and leaves the others alone.
 *
 * A client certificate is asked for, not required: call `peerIdentity` on the event `secure` (not `secureConnection`,
 * which only servers emit) and destroy the socket when it throws.
 *
 * @throws MeshError `IDENTITY_NOT_READY` before the first certificate
 */
export function meshServerOptions(
  credentials: Pick<Credentials, "current" | "localName">,
  options: { readonly alpn?: readonly string[] } = {},
): TLSSocketOptions {
  return {
    isServer: true,
    requestCert: true,
    rejectUnauthorized: false,
    secureContext: currentOf(credentials).server,
    ...(options.alpn ? { ALPNProtocols: [...options.alpn] } : {}),
  };
}

/**
 * The identity of the other side: the first DNS or URI SAN of its verified certificate. Works on both sides, after the handshake.
 *
 * @returns "" when it presented no certificate
 * @throws MeshError `TLS_PEER_UNVERIFIED` when the certificate does not chain to the anchors, or the socket is gone
 */
export function peerIdentity(socket: TLSSocket): string {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return "";
  const problem = verificationProblem(socket);
  if (problem !== undefined) {
    throw new MeshError({
      kind: "environment",
      code: "TLS_PEER_UNVERIFIED",
      message: `the peer's certificate (${certificate.subjectAltName ?? "no SAN"}) is not trusted: ${problem}`,
      hint: "both sides need the same trust anchors; check them with `meshctl check --proxy`",
    });
  }
  return subjectNames(certificate.subjectAltName)[0] ?? "";
}

/**
 * DNS and URI names of Node's SAN text (`DNS:a, URI:spiffe://b, IP Address:...`), in order.
 *
 * Node quotes values with characters that could imitate a separator (CVE-2021-44532); such a value is no identity of ours and is left out.
 */
export function subjectNames(text: string | undefined): string[] {
  const names: string[] = [];
  for (const part of (text ?? "").match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? []) {
    const match = /^\s*(?:DNS|URI):([^"]+)$/.exec(part);
    if (match) names.push(match[1]!);
  }
  return names;
}

/**
 * Node computes `authorized` in its own client and server code only. For a TLSSocket made around an accepted socket it stays
 * false, whoever the peer is, and only the handle knows OpenSSL's verdict. Should a later Node hide that, nobody is trusted.
 */
function verificationProblem(socket: TLSSocket): string | undefined {
  if (socket.authorized) return undefined;
  const handle = (socket as unknown as { _handle?: { verifyError?: () => Error | null | undefined } | null })
    ._handle;
  if (typeof handle?.verifyError !== "function") return "the connection is closed";
  const error = handle.verifyError();
  if (!error) return undefined;
  return (error as Error & { code?: string }).code ?? error.message;
}

function currentOf(credentials: Pick<Credentials, "current" | "localName">) {
  const current = credentials.current();
  if (!current) {
    throw new MeshError({
      kind: "environment",
      code: "IDENTITY_NOT_READY",
      message: `${credentials.localName} has no certificate yet`,
      hint: "the identity service issues it; see the log for why it has not",
    });
  }
  return current;
}
