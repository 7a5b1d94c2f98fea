import { X509Certificate } from "node:crypto";
import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import { ISSUER_SECRET_NAME } from "../base/names.ts";
import type { Values } from "../values/values.ts";
import type { IdentityFiles } from "./install-inputs.ts";
import { podsThatDistrust } from "./issuer-trust.ts";
import type { ObjectLister } from "./list-owned.ts";
import { planInstall } from "./plan-install.ts";
import type { StoredInstallation } from "./stored.ts";

/** A webhook's certificate that lives longer is kept: a new one is refused until every replica has read it. */
const WEBHOOK_LIFETIME_MS_MIN = 60 * 86_400_000;

export interface UpgradeRequest {
  /** The values of the new installation. */
  readonly values: Values;
  readonly parts: "all" | "crds" | "control-plane";
  readonly stored: StoredInstallation;
  /** What of the identity is given anew. */
  readonly identity: IdentityFiles;
  readonly nowMs: number;
}

/**
 * Every object of an installation in a new version or with new values. Identity stays what it is unless it is given.
 *
 * @throws MeshError `UPGRADE_EXTERNAL_ISSUER`, `UPGRADE_NO_IDENTITY`, `ISSUER_INVALID`
 */
export async function planUpgrade(request: UpgradeRequest): Promise<KubeObject[]> {
  const { values, parts, stored, identity, nowMs } = request;
  const issuer = upgradedIssuer(request);
  const anchorsPem = identity.trustAnchorsPem ?? stored.anchorsPem ?? lost(values, "its trust anchors");
  const { webhook } = stored;
  return planInstall({
    values,
    parts,
    nowMs,
    ...(webhook && isLasting(webhook.certificatePem, nowMs) ? { webhook } : {}),
    ...(issuer === undefined
      ? { externalTrustAnchorsPem: anchorsPem }
      : { identity: { trustAnchorsPem: anchorsPem, ...issuer } }),
  });
}

/**
 * Refuses an issuer that proxies which run now would not trust.
 *
 * @throws MeshError `UPGRADE_ISSUER_DISTRUSTED`, with the pods
 */
export async function requireTrustedIssuer(
  cluster: ObjectLister,
  { stored, identity }: Pick<UpgradeRequest, "stored" | "identity">,
  namespace: string,
): Promise<void> {
  const issuerPem = identity.issuer?.issuerCertificatePem ?? stored.issuer?.certificatePem;
  if (issuerPem === undefined) return;
  const pods = await podsThatDistrust(cluster, namespace, issuerPem);
  if (pods.length === 0) return;
  throw new MeshError({
    kind: "environment",
    code: "UPGRADE_ISSUER_DISTRUSTED",
    message: `${pods.length} ${pods.length === 1 ? "pod has" : "pods have"} trust anchors that did not sign the issuer:\n${pods.map((pod) => `* ${pod}`).join("\n")}`,
    hint: "give them the current anchors first (kubectl rollout restart), or use --force: until they restart, mutual TLS with them fails",
    anchor: "meshctl-identity-data-plane-proxies-certs-match-ca",
  });
}

function upgradedIssuer({ values, stored, identity }: UpgradeRequest) {
  const external = values.identity.issuer.scheme === "kubernetes.io/tls";
  if (external) {
    if (!identity.issuer) return undefined;
    throw new MeshError({
      kind: "usage",
      code: "UPGRADE_EXTERNAL_ISSUER",
      message:
        "the issuer of this installation is not meshctl's: its certificate and key cannot be given as files",
      hint: `change Secret ${ISSUER_SECRET_NAME} where it comes from`,
    });
  }
  if (identity.issuer) return identity.issuer;
  if (stored.issuer) {
    return {
      issuerCertificatePem: stored.issuer.certificatePem,
      issuerKeyPem: stored.issuer.privateKeyPem,
    };
  }
  return lost(values, "its issuer");
}

/** @throws MeshError `UPGRADE_NO_IDENTITY` */
function lost(values: Values, what: string): never {
  throw new MeshError({
    kind: "environment",
    code: "UPGRADE_NO_IDENTITY",
    message: `the installation in namespace "${values.namespace}" does not have ${what}`,
    hint: "give anchors, issuer certificate and key as files (--identity-trust-anchors-file and its siblings)",
  });
}

function isLasting(pem: string, nowMs: number): boolean {
  return Date.parse(new X509Certificate(pem).validTo) - nowMs > WEBHOOK_LIFETIME_MS_MIN;
}
