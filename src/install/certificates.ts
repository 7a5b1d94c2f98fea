import { X509Certificate } from "node:crypto";
import { MeshError } from "../base/error.ts";

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
  // An anchor trusts itself, even one that may sign nothing, as a webhook's own certificate.
  if (anchors.some((anchor) => anchor.raw.equals(certificate.raw))) return true;
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
