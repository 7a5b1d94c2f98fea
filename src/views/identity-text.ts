import { X509Certificate } from "node:crypto";

/**
 * A certificate in the words of `openssl x509 -text`, as far as a mesh certificate has them.
 *
 * @param der the certificate
 */
export function renderCertificate(der: Buffer): string {
  const certificate = new X509Certificate(der);
  const { publicKey } = certificate;
  const details = publicKey.asymmetricKeyDetails;
  const line = (indent: number, text: string): string => `${" ".repeat(indent)}${text}`;
  const oneLine = (name: string): string => name.split("\n").filter(Boolean).join(", ");
  return [
    "Certificate:",
    line(4, "Data:"),
    line(8, `Serial Number: ${certificate.serialNumber.toLowerCase()}`),
    // Known since Node 24.9.
    ...(certificate.signatureAlgorithm
      ? [line(4, `Signature Algorithm: ${certificate.signatureAlgorithm}`)]
      : []),
    line(8, `Issuer: ${oneLine(certificate.issuer)}`),
    line(8, "Validity"),
    line(12, `Not Before: ${certificate.validFrom}`),
    line(12, `Not After : ${certificate.validTo}`),
    line(8, `Subject: ${oneLine(certificate.subject ?? "")}`.trimEnd()),
    line(8, "Subject Public Key Info:"),
    line(
      12,
      `Public Key Algorithm: ${publicKey.asymmetricKeyType ?? "unknown"}${details?.namedCurve ? ` (${details.namedCurve})` : ""}`,
    ),
    line(8, "X509v3 extensions:"),
    line(12, "X509v3 Subject Alternative Name:"),
    line(16, certificate.subjectAltName ?? "none"),
    line(12, `X509v3 Basic Constraints: CA:${certificate.ca ? "TRUE" : "FALSE"}`),
    line(4, `SHA-256 Fingerprint: ${certificate.fingerprint256}`),
    "",
  ].join("\n");
}
