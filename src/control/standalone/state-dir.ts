import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MeshError, systemErrorCode } from "../../base/error.ts";

/** A certificate and its key, both PEM. */
export interface IssuerPair {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** Where a control plane without Kubernetes keeps its secrets. */
export interface StateDir {
  /** `crt.pem` and `key.pem`. */
  readonly issuerDir: string;
  readonly trustRootsFile: string;
  readonly tokenKey: KeyObject;
}

/**
 * Opens a state directory; what is missing in it is made. Its folders and keys are the owner's alone.
 *
 *     issuer/crt.pem  issuer/key.pem    the authority that signs certificates
 *     ca-bundle.crt                     the trust anchors, for proxies too
 *     token-key.pem                     signs tokens
 *
 * @param createIssuer  called when there is no issuer
 * @throws MeshError `STATE_UNUSABLE`
 */
export async function openStateDir(
  directory: string,
  createIssuer: () => Promise<IssuerPair>,
): Promise<StateDir> {
  const issuerDir = join(directory, "issuer");
  const trustRootsFile = join(directory, "ca-bundle.crt");
  try {
    mkdirSync(issuerDir, { recursive: true, mode: 0o700 });
    if (!existsSync(join(issuerDir, "crt.pem")) && !existsSync(join(issuerDir, "tls.crt"))) {
      const issuer = await createIssuer();
      writeSecret(join(issuerDir, "key.pem"), issuer.privateKeyPem);
      writeFileSync(join(issuerDir, "crt.pem"), issuer.certificatePem, { flag: "wx" });
      if (!existsSync(trustRootsFile)) writeFileSync(trustRootsFile, issuer.certificatePem);
    }
    return { issuerDir, trustRootsFile, tokenKey: openTokenKey(join(directory, "token-key.pem")) };
  } catch (cause) {
    throw new MeshError({
      kind: "environment",
      code: "STATE_UNUSABLE",
      message: `state in ${directory} cannot be used: ${systemErrorCode(cause) ?? (cause as Error).message}`,
      hint: "name a directory that you may write to with --state",
      cause,
    });
  }
}

function openTokenKey(file: string): KeyObject {
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writeSecret(file, privateKey.export({ type: "pkcs8", format: "pem" }) as string);
  }
  return createPrivateKey(readFileSync(file));
}

/** Never over another one. */
function writeSecret(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600, flag: "wx" });
}
