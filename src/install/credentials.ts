import "reflect-metadata";
import { KeyObject, webcrypto } from "node:crypto";
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
