import { createPrivateKey, type X509Certificate } from "node:crypto";
import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import { INJECTOR_SERVICE } from "../base/names.ts";
import { trustDomainOf } from "../values/defaults.ts";
import type { Values } from "../values/values.ts";
import { checkIssuer, parseCertificates } from "./certificates.ts";
import type { KeyPair } from "./credentials.ts";
import { renderControlPlane, renderCrds } from "./render.ts";

export interface InstallRequest {
  readonly values: Values;
  /** Which half is wanted; both by default. */
  readonly parts: "all" | "crds" | "control-plane";
  /** PEM of the operator's own authority; undefined: one is made. */
  readonly identity?: {
    readonly trustAnchorsPem: string;
    readonly issuerCertificatePem: string;
    readonly issuerKeyPem: string;
  };
  /** The webhook's certificate, to keep; undefined: one is made. */
  readonly webhook?: KeyPair;
  /** The operator's issuer is in the cluster already (scheme `kubernetes.io/tls`): only its anchors are given. */
  readonly externalTrustAnchorsPem?: string;
  readonly nowMs: number;
}

/**
 * Every object of an installation, in the order to apply them: custom resource definitions, Namespace, the rest. Makes
 * the certificates that were not given. `demo` and `install` both call this.
 *
 * @throws MeshError `ISSUER_INVALID`
 */
export async function planInstall(request: InstallRequest): Promise<KubeObject[]> {
  const { parts, nowMs } = request;
  const crds = parts === "control-plane" ? [] : renderCrds(request.values);
  if (parts === "crds") return crds;
  const credentials = await import("./credentials.ts");
  const { values } = request;
  let issuer: KeyPair | undefined;
  let anchorsPem: string;
  if (request.externalTrustAnchorsPem !== undefined) {
    anchorsPem = request.externalTrustAnchorsPem;
    parseCertificates(anchorsPem, "trust anchors");
  } else if (request.identity) {
    const { issuerCertificatePem, issuerKeyPem, trustAnchorsPem } = request.identity;
    checkIssuer(issuerCertificatePem, keyMatcher(issuerKeyPem), trustAnchorsPem, nowMs);
    issuer = { certificatePem: issuerCertificatePem, privateKeyPem: issuerKeyPem };
    anchorsPem = trustAnchorsPem;
  } else {
    issuer = await credentials.generateIssuer(`identity.${values.namespace}.${trustDomainOf(values)}`, nowMs);
    anchorsPem = issuer.certificatePem;
  }
  const webhook =
    request.webhook ??
    (await credentials.generateWebhookCertificate(`${INJECTOR_SERVICE}.${values.namespace}.svc`, nowMs));
  return [
    ...crds,
    ...renderControlPlane({
      values: { ...values, identityTrustAnchorsPem: `${anchorsPem.trim()}\n` },
      issuer,
      webhook,
    }),
  ];
}

function keyMatcher(keyPem: string): (certificate: X509Certificate) => boolean {
  try {
    const key = createPrivateKey(keyPem);
    return (certificate) => certificate.checkPrivateKey(key);
  } catch (cause) {
    throw new MeshError({
      kind: "user",
      code: "ISSUER_INVALID",
      message: "the issuer's key is no PEM private key without passphrase",
      hint: "it starts with -----BEGIN PRIVATE KEY----- or -----BEGIN EC PRIVATE KEY-----",
      cause,
    });
  }
}
