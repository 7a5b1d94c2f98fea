import "reflect-metadata";
import { KeyObject, webcrypto, X509Certificate } from "node:crypto";
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { MeshError } from "../base/error.ts";

/** A certificate and its key, both PEM. */
export interface KeyPair {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** Certificates made at install live this long. */
const LIFETIME_MS = 365 * 86_400_000;
/** The clocks of a cluster differ by a little. */
const SKEW_MS = 10_000;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A self-signed authority, trust anchor and issuer in one, named `identity.<ns>.<trust domain>`. */
export function generateIssuer(commonName: string, nowMs: number): Promise<KeyPair> {
  return generate(commonName, nowMs, async (publicKey) => [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    await SubjectKeyIdentifierExtension.create(publicKey),
  ]);
}

/** The webhook's own certificate, which is also the bundle that the API server trusts: it can sign nothing else. */
export function generateWebhookCertificate(serviceName: string, nowMs: number): Promise<KeyPair> {
  return generate(serviceName, nowMs, async () => [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension([{ type: "dns", value: serviceName }]),
  ]);
}

type Extensions = NonNullable<Parameters<typeof X509CertificateGenerator.createSelfSigned>[0]["extensions"]>;

async function generate(
  commonName: string,
  nowMs: number,
  extensions: (publicKey: webcrypto.CryptoKey) => Promise<Extensions>,
): Promise<KeyPair> {
  cryptoProvider.set(webcrypto as never);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    notBefore: new Date(nowMs - SKEW_MS),
    notAfter: new Date(nowMs + LIFETIME_MS + SKEW_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: await extensions(keys.publicKey),
  });
  return {
    certificatePem: `${certificate.toString("pem").trim()}\n`,
    privateKeyPem: KeyObject.from(keys.privateKey).export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/**
 * Refuses an issuer that identity could not sign with.
 *
 * @param issuerPem issuer certificate, intermediates after it
 * @throws MeshError `ISSUER_INVALID`, naming the certificate and what is wrong with it
 */
export function checkIssuer(
  issuerPem: string,
  keyMatches: (certificate: X509Certificate) => boolean,
  anchorsPem: string,
  nowMs: number,
): void {
  const fail = (message: string, hint: string): never => {
    throw new MeshError({ kind: "user", code: "ISSUER_INVALID", message, hint });
  };
  const [issuer, ...intermediates] = parseCertificates(issuerPem, "issuer certificate");
  const anchors = parseCertificates(anchorsPem, "trust anchors");
  const name = `issuer certificate "${commonName(issuer!)}"`;
  const renew = "give an issuer certificate that is valid now, or none: meshctl then makes one";
  if (Date.parse(issuer!.validTo) <= nowMs) fail(`${name} expired at ${isoTime(issuer!.validTo)}`, renew);
  if (Date.parse(issuer!.validFrom) > nowMs) {
    fail(
      `${name} is not valid before ${isoTime(issuer!.validFrom)}`,
      `${renew}; or correct this machine's clock`,
    );
  }
  if (!issuer!.ca) fail(`${name} is no certificate authority`, "issue it with basicConstraints CA:TRUE");
  if (issuer!.publicKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    fail(
      `${name} has a key that is not ECDSA P-256`,
      "make the key with: openssl ecparam -name prime256v1 -genkey",
    );
  }
  if (!keyMatches(issuer!)) {
    fail(
      `${name} does not belong to the given private key`,
      "give the key that the certificate was issued for",
    );
  }
  for (const anchor of anchors) {
    if (Date.parse(anchor.validTo) <= nowMs) {
      fail(
        `trust anchor "${commonName(anchor)}" expired at ${isoTime(anchor.validTo)}`,
        "remove it from the bundle",
      );
    }
  }
  if (!chains(issuer!, intermediates, anchors)) {
    fail(`${name} was not issued by any of the trust anchors`, "give the anchor that issued it");
  }
}

/** Every certificate of a PEM bundle. @throws MeshError `ISSUER_INVALID` when there is none, or one that is malformed */
export function parseCertificates(pem: string, what: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  try {
    const certificates = blocks.map((block) => new X509Certificate(block));
    if (certificates.length > 0) return certificates;
  } catch (cause) {
    throw new MeshError({
      kind: "user",
      code: "ISSUER_INVALID",
      message: `${what}: a certificate is malformed`,
      cause,
    });
  }
  throw new MeshError({
    kind: "user",
    code: "ISSUER_INVALID",
    message: `${what}: no PEM certificate in it`,
    hint: "the file starts with -----BEGIN CERTIFICATE-----",
  });
}

/** Whether a path leads from a certificate to an anchor. */
export function chains(
  certificate: X509Certificate,
  intermediates: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
): boolean {
  if (anchors.some((anchor) => certificate.checkIssued(anchor) && certificate.verify(anchor.publicKey)))
    return true;
  return intermediates.some(
    (next, index) =>
      certificate.checkIssued(next) &&
      certificate.verify(next.publicKey) &&
      chains(next, intermediates.toSpliced(index, 1), anchors),
  );
}

export function commonName(certificate: X509Certificate): string {
  return /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? certificate.subject.replaceAll("\n", ", ");
}

/** A certificate's date (`Nov 24 22:11:00 2026 GMT`) in RFC 3339. */
export function isoTime(text: string): string {
  return new Date(text).toISOString().replace(".000Z", "Z");
}
