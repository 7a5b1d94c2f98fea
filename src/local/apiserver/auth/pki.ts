import "reflect-metadata";
import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { MeshError } from "../../../base/error.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
const LEAF_DAYS = 365;

/** The cluster's certificates and keys. Only the CA and the key of tokens outlive a start, as files. */
export interface Pki {
  readonly caPem: string;
  /** Signs service-account tokens (ES256). */
  readonly tokenKey: KeyObject;
  serverCertificate(names: readonly string[]): Promise<PemPair>;
  /** For a user in groups: what client-certificate authentication reads. */
  clientCertificate(user: string, groups: readonly string[]): Promise<PemPair>;
}

export interface PemPair {
  readonly certPem: string;
  readonly keyPem: string;
}

/**
 * Opens the PKI in `dir`, or makes it. Files: `ca.crt`, `ca.key`, `sa.key`.
 *
 * @throws MeshError `LOCAL_PKI_UNREADABLE`
 */
export async function openPki(dir: string, nowMs: number): Promise<Pki> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const crypto = globalThis.crypto;
  x509.cryptoProvider.set(crypto);
  const caFile = join(dir, "ca.crt");
  const caKeyFile = join(dir, "ca.key");
  if (!existsSync(caFile) || !existsSync(caKeyFile) || expiresSoon(caFile, nowMs)) {
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: "CN=meshctl-local-ca",
      notBefore: new Date(nowMs - DAY_MS),
      notAfter: new Date(nowMs + CA_DAYS * DAY_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    writePrivate(caKeyFile, await exportKey(keys.privateKey));
    writeFileSync(caFile, `${certificate.toString("pem")}\n`);
  }
  const tokenKeyFile = join(dir, "sa.key");
  if (!existsSync(tokenKeyFile)) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writePrivate(tokenKeyFile, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  }
  let tokenKey: KeyObject;
  let caPem: string;
  let signingKey: CryptoKey;
  try {
    tokenKey = createPrivateKey(readFileSync(tokenKeyFile));
    caPem = readFileSync(caFile, "utf8");
    const pkcs8 = createPrivateKey(readFileSync(caKeyFile)).export({ type: "pkcs8", format: "der" });
    signingKey = await crypto.subtle.importKey("pkcs8", new Uint8Array(pkcs8), ALGORITHM, true, ["sign"]);
  } catch (caught) {
    throw new MeshError({
      kind: "environment",
      code: "LOCAL_PKI_UNREADABLE",
      message: `the local cluster's keys in ${dir} cannot be read: ${(caught as Error).message}`,
      hint: `remove them, and new ones are made: rm -r ${dir}`,
      cause: caught,
    });
  }
  const ca = new x509.X509Certificate(caPem);

  const issue = async (subject: x509.JsonName, usage: string, names: readonly string[]): Promise<PemPair> => {
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const extensions: x509.Extension[] = [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
    ];
    if (names.length > 0) {
      extensions.push(
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) ? ("ip" as const) : ("dns" as const), value })),
        ),
      );
    }
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject,
      issuer: ca.subject,
      notBefore: new Date(nowMs - 3_600_000),
      notAfter: new Date(nowMs + LEAF_DAYS * DAY_MS),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey,
      extensions,
    });
    return { certPem: `${certificate.toString("pem")}\n`, keyPem: await exportKey(keys.privateKey) };
  };

  return {
    caPem,
    tokenKey,
    serverCertificate: (names) => issue([{ CN: ["kube-apiserver"] }], "1.3.6.1.5.5.7.3.1", names),
    clientCertificate: (user, groups) =>
      issue([...groups.map((group) => ({ O: [group] })), { CN: [user] }], "1.3.6.1.5.5.7.3.2", []),
  };
}

/** A CA that would not outlast its leaves is made anew. */
function expiresSoon(file: string, nowMs: number): boolean {
  try {
    return new X509Certificate(readFileSync(file)).validToDate.getTime() < nowMs + LEAF_DAYS * DAY_MS;
  } catch {
    // Unreadable: reported when it is read, rather than overwritten here.
    return false;
  }
}

function serial(): string {
  // The first bit stays clear: serial numbers are positive (RFC 5280 section 4.1.2.2).
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function exportKey(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await globalThis.crypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" })
    .export({ type: "pkcs8", format: "pem" })
    .toString();
}

function writePrivate(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 });
  chmodSync(file, 0o600);
}
