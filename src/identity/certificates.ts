import { X509Certificate } from "node:crypto";
import { MeshError } from "../base/error.ts";
import { subjectNames } from "./mesh-tls.ts";

/**
 * Reads a bundle of PEM certificates. Text between them (comments, `openssl x509 -text`) is ignored.
 *
 * @param origin  where the bundle comes from, for messages: `MESHCTL_PROXY_IDENTITY_TRUST_ANCHORS`
 * @throws MeshError `IDENTITY_TRUST_ANCHORS_INVALID` when there is no certificate, or one cannot be read
 */
export function parseTrustBundle(pem: string, origin: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw bundleError(`${origin} holds no PEM certificate`);
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw bundleError(`${origin}: certificate ${index + 1} of ${blocks.length} cannot be read`, cause);
    }
  });
}

/** When a certificate is valid, in milliseconds since the epoch. */
export function validity(certificate: X509Certificate): { fromMs: number; untilMs: number } {
  return { fromMs: Date.parse(certificate.validFrom), untilMs: Date.parse(certificate.validTo) };
}

/** DNS and URI names of a certificate, in order. */
export function certificateNames(certificate: X509Certificate): string[] {
  return subjectNames(certificate.subjectAltName);
}

export interface ChainCheck {
  readonly leaf: X509Certificate;
  /** From the leaf's issuer towards the root. */
  readonly intermediates: readonly X509Certificate[];
  readonly anchors: readonly X509Certificate[];
  /** Name that the leaf must carry. */
  readonly name: string;
  /** Wall clock, ms since the epoch. */
  readonly nowMs: number;
}

/**
 * Checks a certificate before it is used: it carries the name, is valid now, and its signatures lead to an anchor.
 *
 * @throws MeshError `IDENTITY_CERTIFICATE_REJECTED`
 */
export function checkChain({ leaf, intermediates, anchors, name, nowMs }: ChainCheck): void {
  const names = certificateNames(leaf);
  if (!names.includes(name)) {
    throw rejected(`the certificate is for ${names.join(", ") || "nobody"}, not for ${name}`);
  }
  let current = leaf;
  for (let depth = 0; ; depth++) {
    assertValidAt(current, nowMs);
    const anchor = anchors.find((candidate) => isIssuedBy(current, candidate));
    if (anchor) {
      assertValidAt(anchor, nowMs);
      return;
    }
    const issuer = intermediates.find((candidate) => candidate !== current && isIssuedBy(current, candidate));
    if (!issuer || depth >= intermediates.length) {
      throw rejected(
        `the certificate for ${name} does not lead to a trust anchor: nothing trusted issued "${oneLine(current.subject)}"`,
        "the issuer was made from another trust anchor; compare `meshctl check` and this proxy's anchors",
      );
    }
    current = issuer;
  }
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function assertValidAt(certificate: X509Certificate, nowMs: number): void {
  const { fromMs, untilMs } = validity(certificate);
  const subject = `certificate "${oneLine(certificate.subject)}"`;
  const now = new Date(nowMs).toISOString();
  if (nowMs < fromMs) {
    throw rejected(
      `${subject} is not valid before ${new Date(fromMs).toISOString()}; this host's clock says ${now}`,
      "set the clock of this host or of the identity service's (NTP)",
    );
  }
  if (nowMs > untilMs) {
    throw rejected(
      `${subject} expired at ${new Date(untilMs).toISOString()}; this host's clock says ${now}`,
      "renew it, or set the clock",
    );
  }
}

function oneLine(subject: string | undefined): string {
  return (subject ?? "").replaceAll("\n", ", ");
}

function rejected(message: string, hint?: string): MeshError {
  return new MeshError({ kind: "environment", code: "IDENTITY_CERTIFICATE_REJECTED", message, hint });
}

function bundleError(message: string, cause?: unknown): MeshError {
  return new MeshError({
    kind: "user",
    code: "IDENTITY_TRUST_ANCHORS_INVALID",
    message,
    hint: "give one or more blocks of -----BEGIN CERTIFICATE-----",
    cause,
  });
}
