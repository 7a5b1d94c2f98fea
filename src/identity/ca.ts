import "reflect-metadata";
import { createPrivateKey, webcrypto, type X509Certificate } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as PeculiarCertificate,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { MeshError } from "../base/error.ts";
import { parseTrustBundle, validity } from "./certificates.ts";

const EC_P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const SUBJECT_ALT_NAME_OID = "2.5.29.17";

/** Signs workload certificates with one issuer. */
export interface Authority {
  /** Issuer first, towards the root, without the root; as DER. */
  readonly intermediatesDer: readonly Uint8Array[];
  /** What the issuer was checked against, PEM: whom the mesh trusts. */
  readonly anchorsPem: string;
  /** Earliest end of issuer, intermediates and anchor, ms since the epoch. */
  readonly expiresAtMs: number;
  /** @throws MeshError `IDENTITY_ISSUER_INVALID` when the issuer is no longer valid at that time */
  assertValidAt(nowMs: number): void;
  issue(request: WorkloadRequest, times: IssueTimes): Promise<IssuedCertificate>;
}

export interface IssueTimes {
  readonly nowMs: number;
  readonly lifetimeMs: number;
  /** Added at both ends, for clocks that differ. */
  readonly skewMs: number;
}

export interface IssuedCertificate {
  readonly leafDer: Uint8Array;
  readonly validUntilMs: number;
}

export interface AuthorityOptions {
  /** Issuer, then intermediates. */
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly anchorsPem: string;
  /** Where the certificate came from, for messages. */
  readonly origin: string;
  readonly nowMs: number;
}

/**
 * Checks an issuer and makes it ready to sign: ECDSA P-256, CA, valid now, its key, and a chain to one of the anchors.
 *
 * @throws MeshError `IDENTITY_ISSUER_INVALID`, `IDENTITY_TRUST_ANCHORS_INVALID`
 */
export async function createAuthority(options: AuthorityOptions): Promise<Authority> {
  cryptoProvider.set(webcrypto as never);
  const { origin, nowMs } = options;
  const chain = parseTrustBundle(options.certificatePem, origin);
  const anchors = parseTrustBundle(options.anchorsPem, "the trust anchors");
  const issuer = chain[0]!;
  const key = privateKeyOf(options.keyPem, origin);
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw invalidIssuer(`${origin}: the issuer's key is no ECDSA P-256 key`);
  }
  if (!issuer.ca) throw invalidIssuer(`${origin}: the issuer's certificate is no CA (basic constraints)`);
  if (!issuer.checkPrivateKey(key))
    throw invalidIssuer(`${origin}: key and certificate do not belong together`);
  const path = pathToAnchor(chain, anchors, origin);
  const assertValidAt = (atMs: number): void => {
    for (const certificate of path) {
      const { fromMs, untilMs } = validity(certificate);
      if (atMs >= fromMs && atMs <= untilMs) continue;
      throw invalidIssuer(
        `${origin}: "${certificate.subject}" is valid from ${iso(fromMs)} to ${iso(untilMs)}; the clock says ${iso(atMs)}`,
      );
    }
  };
  assertValidAt(nowMs);
  const signingKey = await webcrypto.subtle.importKey(
    "pkcs8",
    key.export({ type: "pkcs8", format: "der" }),
    EC_P256,
    false,
    ["sign"],
  );
  const issuerKey = authorityKeyOf(issuer);
  const expiresAtMs = Math.min(...path.map((certificate) => validity(certificate).untilMs));
  const isAnchor = (certificate: X509Certificate) =>
    anchors.some((anchor) => anchor.raw.equals(certificate.raw));
  return {
    intermediatesDer: chain
      .filter((certificate) => !isAnchor(certificate))
      .map((certificate) => certificate.raw),
    anchorsPem: options.anchorsPem,
    expiresAtMs,
    assertValidAt,
    async issue(request, { nowMs: issuedMs, lifetimeMs, skewMs }) {
      const notAfter = Math.min(issuedMs + lifetimeMs + skewMs, expiresAtMs);
      const certificate = await X509CertificateGenerator.create({
        subject: `CN=${request.name}`,
        issuer: issuerName(issuer),
        notBefore: new Date(issuedMs - skewMs),
        notAfter: new Date(notAfter),
        publicKey: request.publicKey as never,
        signingKey: signingKey as never,
        signingAlgorithm: EC_P256,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.keyEncipherment | KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          new SubjectAlternativeNameExtension([{ type: "dns", value: request.name }]),
          ...issuerKey,
        ],
      });
      // Certificates count whole seconds; what is told must not be later than what is signed.
      return {
        leafDer: new Uint8Array(certificate.rawData),
        validUntilMs: Math.floor(notAfter / 1000) * 1000,
      };
    },
  };
}

/** A signing request that keeps the naming rules. */
export interface WorkloadRequest {
  readonly name: string;
  readonly publicKey: unknown;
}

/** Why a signing request is refused. */
export type RequestProblem =
  | { readonly kind: "undecodable"; readonly message: string }
  | { readonly kind: "forbidden"; readonly message: string };

/**
 * Reads a CSR (DER) for a name: exactly one DNS SAN, which is the name; common name empty or the name; no other kind of SAN; an
 * ECDSA key that signed the request.
 */
export async function readWorkloadRequest(
  der: Uint8Array,
  name: string,
): Promise<WorkloadRequest | RequestProblem> {
  cryptoProvider.set(webcrypto as never);
  let request: Pkcs10CertificateRequest;
  let names: readonly { readonly type: string; readonly value: string }[];
  try {
    request = new Pkcs10CertificateRequest(der as Uint8Array<ArrayBuffer>);
    const extension = request.extensions.find(({ type }) => type === SUBJECT_ALT_NAME_OID);
    names = extension ? new SubjectAlternativeNameExtension(extension.rawData).names.items : [];
  } catch (error) {
    return {
      kind: "undecodable",
      message: `the signing request cannot be read: ${(error as Error).message}`,
    };
  }
  const others = names.filter(({ type }) => type !== "dns");
  if (others.length > 0) return forbidden(`the signing request has a SAN of kind ${others[0]!.type}`);
  if (names.length !== 1 || names[0]!.value !== name) {
    const given = names.map(({ value }) => value).join(", ") || "none";
    return forbidden(`the signing request must have one DNS SAN, ${name}; it has ${given}`);
  }
  const commonNames = request.subjectName.getField("CN");
  if (commonNames.some((commonName) => commonName !== "" && commonName !== name)) {
    return forbidden(`the signing request's common name is ${commonNames.join(", ")}, not ${name}`);
  }
  let algorithm: string;
  try {
    // The library reads the key only now, and throws at parameters that it does not know.
    algorithm = request.publicKey.algorithm.name;
  } catch (error) {
    return {
      kind: "undecodable",
      message: `the signing request's key cannot be read: ${(error as Error).message}`,
    };
  }
  if (algorithm !== "ECDSA") {
    return forbidden(`the signing request's key is ${algorithm}; only ECDSA is signed`);
  }
  if (!(await request.verify().catch(() => false))) {
    return forbidden("the signing request is not signed by its own key");
  }
  return { name, publicKey: request.publicKey };
}

export function isRequestProblem(value: WorkloadRequest | RequestProblem): value is RequestProblem {
  return "kind" in value;
}

/** Issuer up to and including its anchor. The anchor may be the issuer itself. */
function pathToAnchor(
  chain: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  origin: string,
): X509Certificate[] {
  const path: X509Certificate[] = [];
  for (const certificate of chain) {
    path.push(certificate);
    const anchor = anchors.find(
      (candidate) =>
        candidate.raw.equals(certificate.raw) ||
        (certificate.checkIssued(candidate) && certificate.verify(candidate.publicKey)),
    );
    if (anchor) return anchor.raw.equals(certificate.raw) ? path : [...path, anchor];
  }
  throw invalidIssuer(`${origin}: the issuer does not chain to the trust anchors`);
}

/** The issuer's subject, which must be the same byte for byte: its own encoding, not its text. */
function issuerName(issuer: X509Certificate) {
  return new PeculiarCertificate(issuer.raw as Uint8Array<ArrayBuffer>).subjectName;
}

/**
 * Names the issuer's key in what it signs. While a root is exchanged there are two of the same name, and OpenSSL tries only the
 * first that fits.
 */
function authorityKeyOf(issuer: X509Certificate): AuthorityKeyIdentifierExtension[] {
  const own = new PeculiarCertificate(issuer.raw).getExtension(SubjectKeyIdentifierExtension);
  return own ? [new AuthorityKeyIdentifierExtension(own.keyId)] : [];
}

function privateKeyOf(pem: string, origin: string) {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw invalidIssuer(`${origin}: the issuer's key cannot be read`, cause);
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function forbidden(message: string): RequestProblem {
  return { kind: "forbidden", message };
}

function invalidIssuer(message: string, cause?: unknown): MeshError {
  return new MeshError({
    kind: "environment",
    code: "IDENTITY_ISSUER_INVALID",
    message,
    hint: "`meshctl check` examines issuer and trust anchors; put a valid issuer in the Secret meshctl-identity-issuer",
    cause,
  });
}
