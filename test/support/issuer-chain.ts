import "reflect-metadata";
import { KeyObject, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const YEAR_MS = 365 * 24 * 3_600_000;

/** Certificates of a root, of what it certified, and so on to the issuer, with the issuer's key; all PEM. */
export interface IssuerChain {
  /** Root first. */
  readonly certificatesPem: readonly string[];
  readonly issuerKeyPem: string;
}

/** A chain of authorities, as a company has it: the root is offline, the mesh's issuer hangs below an intermediate. */
export async function createIssuerChain(names: readonly string[], nowMs: number): Promise<IssuerChain> {
  x509.cryptoProvider.set(webcrypto as unknown as Crypto);
  const certificatesPem: string[] = [];
  let above: { readonly name: string; readonly keys: CryptoKeyPair } | undefined;
  for (const [index, name] of names.entries()) {
    const keys: CryptoKeyPair = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const signer = above ?? { name, keys };
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${name}`,
      issuer: `CN=${signer.name}`,
      publicKey: keys.publicKey,
      signingKey: signer.keys.privateKey,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(nowMs - YEAR_MS),
      notAfter: new Date(nowMs + YEAR_MS),
      extensions: [
        new x509.BasicConstraintsExtension(true, names.length - 1 - index, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(signer.keys.publicKey),
      ],
    });
    certificatesPem.push(`${certificate.toString("pem").trim()}\n`);
    above = { name, keys };
  }
  const issuerKey = KeyObject.from(above!.keys.privateKey);
  return { certificatesPem, issuerKeyPem: issuerKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

type CryptoKeyPair = webcrypto.CryptoKeyPair;
