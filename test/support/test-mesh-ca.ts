import "reflect-metadata";
import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { Credentials } from "../../src/identity/credentials.ts";
import { createWorkloadKey } from "../../src/identity/csr.ts";
import { createMeshContext } from "../../src/identity/mesh-tls.ts";

x509.cryptoProvider.set(webcrypto as unknown as Crypto);
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR_MS = 3_600_000;

export interface IssueOptions {
  /** DNS SANs; names with `://` become URI SANs. */
  readonly names: readonly string[];
  readonly key: KeyObject;
  /** Validity, ms since the epoch; default an hour back to a day ahead of the real clock. */
  readonly fromMs?: number;
  readonly untilMs?: number;
}

/** A certificate authority of its own for a test, on a library that is not the code under test. */
export interface TestMeshCa {
  /** Root, PEM. */
  readonly anchorsPem: string;
  /** A leaf by the intermediate; `chainDer` is [intermediate]. */
  issue(options: IssueOptions): Promise<{ leafDer: Buffer; chainDer: Buffer[]; certificatePem: string }>;
  /** Signs a request as the identity service would; throws when its signature is wrong. */
  sign(
    requestDer: Uint8Array,
    validity?: { fromMs: number; untilMs: number },
  ): Promise<{ leafDer: Buffer; chainDer: Buffer[] }>;
  /** Credentials that are ready and never change. */
  credentials(name: string): Promise<Credentials>;
}

/** @param validity of root and intermediate; default ten years around the real clock */
export async function createTestMeshCa(
  validity = { fromMs: Date.now() - 5 * 365 * 24 * HOUR_MS, untilMs: Date.now() + 5 * 365 * 24 * HOUR_MS },
): Promise<TestMeshCa> {
  const rootKeys = await generateKeys();
  const root = await certify("CN=root", rootKeys.publicKey, "CN=root", rootKeys.privateKey, validity, [
    new x509.BasicConstraintsExtension(true, 1, true),
    await x509.SubjectKeyIdentifierExtension.create(rootKeys.publicKey),
  ]);
  const issuerKeys = await generateKeys();
  const issuer = await certify("CN=issuer", issuerKeys.publicKey, "CN=root", rootKeys.privateKey, validity, [
    new x509.BasicConstraintsExtension(true, 0, true),
    await x509.SubjectKeyIdentifierExtension.create(issuerKeys.publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(rootKeys.publicKey),
  ]);
  const anchorsPem = `${root.toString("pem")}\n`;
  const chainDer = [Buffer.from(issuer.rawData)];
  const defaults = () => ({ fromMs: Date.now() - HOUR_MS, untilMs: Date.now() + 24 * HOUR_MS });

  const leaf = async (
    names: readonly string[],
    publicKey: webcrypto.CryptoKey,
    span: { fromMs: number; untilMs: number },
  ) =>
    certify("", publicKey, "CN=issuer", issuerKeys.privateKey, span, [
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: value.includes("://") ? ("url" as const) : ("dns" as const), value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuerKeys.publicKey),
    ]);

  const ca: TestMeshCa = {
    anchorsPem,
    async issue({ names, key, fromMs, untilMs }) {
      const span = {
        ...defaults(),
        ...(fromMs === undefined ? {} : { fromMs }),
        ...(untilMs === undefined ? {} : { untilMs }),
      };
      const issued = await leaf(names, await importPublic(key), span);
      const certificatePem = `${issued.toString("pem")}\n${issuer.toString("pem")}\n`;
      return { leafDer: Buffer.from(issued.rawData), chainDer, certificatePem };
    },
    async sign(requestDer, span = defaults()) {
      const request = new x509.Pkcs10CertificateRequest(requestDer as Uint8Array<ArrayBuffer>);
      if (!(await request.verify())) throw new Error("the request's signature is wrong");
      const san = request.getExtension("2.5.29.17") as x509.SubjectAlternativeNameExtension | null;
      const names = san!.names.items.map(({ value }) => value);
      const publicKey = (await request.publicKey.export()) as unknown as webcrypto.CryptoKey;
      const issued = await leaf(names, publicKey, span);
      return { leafDer: Buffer.from(issued.rawData), chainDer };
    },
    async credentials(name) {
      const key = createWorkloadKey();
      const { certificatePem } = await ca.issue({ names: [name], key });
      const keyPem = key.export({ type: "pkcs8", format: "pem" }) as string;
      const context = createMeshContext({
        trustAnchorsPem: anchorsPem,
        identity: { certificatePem, keyPem },
      });
      const current = { client: context, server: context, expiresAtMs: Date.now() + 24 * HOUR_MS };
      return { localName: name, ready: Promise.resolve(), current: () => current };
    },
  };
  return ca;
}

async function generateKeys(): Promise<{ publicKey: webcrypto.CryptoKey; privateKey: webcrypto.CryptoKey }> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

function importPublic(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const spki = createPublicKey(createPrivateKey(key.export({ type: "pkcs8", format: "pem" }))).export({
    type: "spki",
    format: "der",
  });
  return webcrypto.subtle.importKey("spki", spki, ALGORITHM, true, ["verify"]);
}

function certify(
  subject: string,
  publicKey: webcrypto.CryptoKey,
  issuer: string,
  signingKey: webcrypto.CryptoKey,
  validity: { fromMs: number; untilMs: number },
  extensions: x509.Extension[],
): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    subject,
    issuer,
    publicKey: publicKey as unknown as CryptoKey,
    signingKey: signingKey as unknown as CryptoKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(validity.fromMs),
    notAfter: new Date(validity.untilMs),
    extensions,
  });
}
