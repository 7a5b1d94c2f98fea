import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { MeshError } from "../base/error.ts";
import { checkChain, validity } from "./certificates.ts";
import type { CertificateMaterial } from "./mesh-credentials.ts";

/** One identity document of the SPIFFE Workload API; all in DER, certificates one after the other. */
export interface Svid {
  readonly spiffeId: string;
  /** Leaf first. */
  readonly certificatesDer: Uint8Array;
  /** PKCS#8. */
  readonly keyDer: Uint8Array;
  /** Roots of the trust domain. */
  readonly bundleDer: Uint8Array;
}

/** The first byte of a certificate: SEQUENCE. */
const TAG_SEQUENCE = 0x30;
/** What mesh TLS signs with (mesh-tls.ts). */
const KEY_TYPES: ReadonlySet<string | undefined> = new Set(["ec", "ed25519"]);

/**
 * Checks a document before it is used: it is for this workload, its key is the leaf's, and its chain leads to its bundle now.
 *
 * @param nowMs  wall clock, ms since the epoch
 * @throws MeshError `IDENTITY_SVID_REJECTED`, `IDENTITY_CERTIFICATE_REJECTED`
 */
export function readSvid(svid: Svid, nowMs: number): CertificateMaterial {
  const [leaf, ...intermediates] = readCertificates(svid.certificatesDer, "certificate chain");
  const anchors = readCertificates(svid.bundleDer, "bundle");
  if (!leaf || anchors.length === 0) {
    throw rejected(`the Workload API sent no ${leaf ? "bundle" : "certificate"} for ${svid.spiffeId}`);
  }
  checkChain({ leaf, intermediates, anchors, name: svid.spiffeId, nowMs });
  const key = readKey(svid.keyDer);
  if (!leaf.checkPrivateKey(key)) throw rejected("the Workload API sent a key that is not the certificate's");
  if (!KEY_TYPES.has(key.asymmetricKeyType)) {
    throw rejected(
      `mesh TLS does not sign with keys of the kind ${key.asymmetricKeyType}`,
      "let SPIRE make ec-p256 keys (the agent's workload_x509_svid_key_type)",
    );
  }
  return {
    certificatePem: [leaf, ...intermediates].map(String).join(""),
    keyPem: key.export({ type: "pkcs8", format: "pem" }) as string,
    trustAnchorsPem: anchors.map(String).join(""),
    expiresAtMs: validity(leaf).untilMs,
  };
}

/** Certificates that follow one another; each says by its first bytes how long it is. */
function readCertificates(der: Uint8Array, what: string): X509Certificate[] {
  const found: X509Certificate[] = [];
  let offset = 0;
  while (offset < der.length) {
    const end = offset + sequenceBytes(der, offset);
    if (!(end > offset && end <= der.length)) throw rejected(`the Workload API's ${what} is cut off`);
    try {
      found.push(new X509Certificate(der.subarray(offset, end)));
    } catch (cause) {
      throw rejected(
        `certificate ${found.length + 1} of the Workload API's ${what} cannot be read`,
        "",
        cause,
      );
    }
    offset = end;
  }
  return found;
}

/** Bytes of the SEQUENCE that begins there, its header included; NaN when none does. */
function sequenceBytes(der: Uint8Array, offset: number): number {
  const first = der[offset + 1];
  if (der[offset] !== TAG_SEQUENCE || first === undefined) return Number.NaN;
  if (first < 0x80) return 2 + first;
  const count = first & 0x7f;
  if (count < 1 || count > 3) return Number.NaN;
  let length = 0;
  for (let index = 0; index < count; index++) length = length * 256 + (der[offset + 2 + index] ?? Number.NaN);
  return 2 + count + length;
}

function readKey(der: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  } catch (cause) {
    throw rejected("the Workload API's key cannot be read (PKCS#8 is expected)", "", cause);
  }
}

function rejected(message: string, hint = "", cause?: unknown): MeshError {
  return new MeshError({
    kind: "environment",
    code: "IDENTITY_SVID_REJECTED",
    message,
    hint: hint || "see the SPIRE agent's log",
    cause,
  });
}
