import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import type { KubeObject } from "../../base/kube-object.ts";
import {
  INJECTOR_SERVICE,
  INJECTOR_TLS_SECRET_NAME,
  ISSUER_SECRET_NAME,
  TRUST_ROOTS_NAME,
} from "../../base/names.ts";
import { chains, commonName, isoTime, parseCertificates } from "../../install/certificates.ts";
import { type CheckCategory, CheckFailed, type CheckInputs } from "../check.ts";
import { readObject } from "../read.ts";
import { policyWebhookConfigurationName, webhookConfigurationName } from "./installation.ts";

/** Certificates that end sooner than this deserve a warning. */
const SOON_MS = 60 * 86_400_000;

export const identity: CheckCategory = {
  name: "meshctl-identity",
  checks: [
    {
      anchor: "meshctl-identity-cert-config-valid",
      label: "certificate config is valid",
      fatal: true,
      async run(inputs) {
        await readAnchors(inputs);
        const { issuer, keyPem } = await readIssuer(inputs);
        if (!issuer.ca)
          throw new CheckFailed(`issuer certificate "${commonName(issuer)}" is no certificate authority`);
        if (!issuer.checkPrivateKey(parseKey(keyPem))) {
          throw new CheckFailed(`the key in Secret ${ISSUER_SECRET_NAME} does not belong to its certificate`);
        }
      },
    },
    {
      anchor: "meshctl-identity-trustAnchors-use-supported-crypto",
      label: "trust anchors are using supported crypto algorithm",
      fatal: true,
      run: async (inputs) => failEach(await readAnchors(inputs), unsupportedAnchor),
    },
    {
      anchor: "meshctl-identity-trustAnchors-are-time-valid",
      label: "trust anchors are within their validity period",
      fatal: true,
      run: async (inputs) =>
        failEach(await readAnchors(inputs), (anchor) => outsideValidity(anchor, inputs.clock.now())),
    },
    {
      anchor: "meshctl-identity-trustAnchors-not-expiring-soon",
      label: "trust anchors are valid for at least 60 days",
      warning: true,
      run: async (inputs) =>
        failEach(await readAnchors(inputs), (anchor) => expiringSoon(anchor, inputs.clock.now())),
    },
    {
      anchor: "meshctl-identity-issuer-cert-uses-supported-crypto",
      label: "issuer cert is using supported crypto algorithm",
      fatal: true,
      async run(inputs) {
        const { issuer } = await readIssuer(inputs);
        const why = isEcdsaP256(issuer) ? undefined : `key is ${keyWords(issuer)}, not ECDSA P-256`;
        failEach([issuer], () => why);
      },
    },
    {
      anchor: "meshctl-identity-issuer-cert-is-time-valid",
      label: "issuer cert is within its validity period",
      fatal: true,
      run: async (inputs) =>
        failEach([(await readIssuer(inputs)).issuer], (issuer) =>
          outsideValidity(issuer, inputs.clock.now()),
        ),
    },
    {
      anchor: "meshctl-identity-issuer-cert-not-expiring-soon",
      label: "issuer cert is valid for at least 60 days",
      warning: true,
      run: async (inputs) =>
        failEach([(await readIssuer(inputs)).issuer], (issuer) => expiringSoon(issuer, inputs.clock.now())),
    },
    {
      anchor: "meshctl-identity-issuer-cert-issued-by-trust-anchor",
      label: "issuer cert is issued by the trust anchor",
      async run(inputs) {
        const { issuer, intermediates } = await readIssuer(inputs);
        if (!chains(issuer, intermediates, await readAnchors(inputs))) {
          throw new CheckFailed(
            `issuer certificate "${commonName(issuer)}" was issued by none of the trust anchors`,
          );
        }
      },
    },
  ],
};

export const webhook: CheckCategory = {
  name: "meshctl-webhooks-tls",
  checks: [
    {
      anchor: "meshctl-injector-webhook-cert-valid",
      label: "injector webhook has valid cert",
      fatal: true,
      async run(inputs) {
        const certificate = await readWebhookCertificate(inputs);
        const name = `${INJECTOR_SERVICE}.${inputs.namespace}.svc`;
        if (certificate.checkHost(name) === undefined)
          throw new CheckFailed(`the certificate is not for ${name}`);
        for (const [plural, configuration] of [
          ["mutatingwebhookconfigurations", webhookConfigurationName(inputs.namespace)],
          ["validatingwebhookconfigurations", policyWebhookConfigurationName(inputs.namespace)],
        ]) {
          const path = `/apis/admissionregistration.k8s.io/v1/${plural}/${configuration}`;
          const hooks: { clientConfig: { caBundle?: string } }[] =
            (await readObject(inputs, path))?.webhooks ?? [];
          if (hooks.length !== 1)
            throw new CheckFailed(`expected 1 webhook in ${configuration}, found ${hooks.length}`);
          const bundle = Buffer.from(hooks[0]!.clientConfig.caBundle ?? "", "base64").toString();
          if (!chains(certificate, [], parseCertificates(bundle, `the caBundle of ${configuration}`))) {
            throw new CheckFailed(
              `the certificate in Secret ${INJECTOR_TLS_SECRET_NAME} is not signed by the caBundle of ${configuration}: the API server will not reach the webhook`,
            );
          }
        }
        failEach([certificate], (own) => outsideValidity(own, inputs.clock.now()));
      },
    },
    {
      anchor: "meshctl-injector-webhook-cert-not-expiring-soon",
      label: "injector cert is valid for at least 60 days",
      warning: true,
      run: async (inputs) =>
        failEach([await readWebhookCertificate(inputs)], (own) => expiringSoon(own, inputs.clock.now())),
    },
  ],
};

async function readAnchors(inputs: CheckInputs): Promise<X509Certificate[]> {
  const path = `/api/v1/namespaces/${inputs.namespace}/configmaps/${TRUST_ROOTS_NAME}`;
  const object = await expectObject(inputs, "ConfigMap", TRUST_ROOTS_NAME, path);
  return parseCertificates(
    object.data?.["ca-bundle.crt"] ?? "",
    `ConfigMap ${inputs.namespace}/${TRUST_ROOTS_NAME}`,
  );
}

/** The issuer as `install` writes it (crt.pem, key.pem), or as cert-manager does (tls.crt, tls.key). */
async function readIssuer(inputs: CheckInputs): Promise<{
  readonly issuer: X509Certificate;
  readonly intermediates: readonly X509Certificate[];
  readonly keyPem: string;
}> {
  const path = `/api/v1/namespaces/${inputs.namespace}/secrets/${ISSUER_SECRET_NAME}`;
  const secret = await expectObject(inputs, "Secret", ISSUER_SECRET_NAME, path);
  const [issuer, ...intermediates] = parseCertificates(
    secretText(secret, "crt.pem") ?? secretText(secret, "tls.crt") ?? "",
    `Secret ${inputs.namespace}/${ISSUER_SECRET_NAME}`,
  );
  const keyPem = secretText(secret, "key.pem") ?? secretText(secret, "tls.key");
  if (keyPem === undefined)
    throw new CheckFailed(`Secret ${inputs.namespace}/${ISSUER_SECRET_NAME} has no key`);
  return { issuer: issuer!, intermediates, keyPem };
}

function parseKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CheckFailed(
      `the key in Secret ${ISSUER_SECRET_NAME} is no PEM private key without passphrase: ${why}`,
    );
  }
}

async function readWebhookCertificate(inputs: CheckInputs): Promise<X509Certificate> {
  const path = `/api/v1/namespaces/${inputs.namespace}/secrets/${INJECTOR_TLS_SECRET_NAME}`;
  const secret = await expectObject(inputs, "Secret", INJECTOR_TLS_SECRET_NAME, path);
  return parseCertificates(
    secretText(secret, "tls.crt") ?? "",
    `Secret ${inputs.namespace}/${INJECTOR_TLS_SECRET_NAME}`,
  )[0]!;
}

async function expectObject(
  inputs: CheckInputs,
  kind: string,
  name: string,
  path: string,
): Promise<KubeObject> {
  const object = await readObject(inputs, path);
  if (!object) throw new CheckFailed(`there is no ${kind} ${name} in namespace "${inputs.namespace}"`);
  return object;
}

function secretText(secret: KubeObject, key: string): string | undefined {
  const data = secret.data?.[key];
  return typeof data === "string" ? Buffer.from(data, "base64").toString() : undefined;
}

/** Fails with a line for each certificate that there is something to say about. */
function failEach(
  certificates: readonly X509Certificate[],
  why: (certificate: X509Certificate) => string | undefined,
): void {
  const lines = certificates.flatMap((certificate) => {
    const reason = why(certificate);
    return reason === undefined
      ? []
      : [`* ${certificate.serialNumber.toLowerCase()} ${commonName(certificate)} ${reason}`];
  });
  if (lines.length > 0) throw new CheckFailed(lines.join("\n"));
}

function outsideValidity(certificate: X509Certificate, nowMs: number): string | undefined {
  if (Date.parse(certificate.validFrom) > nowMs) return `not valid before: ${isoTime(certificate.validFrom)}`;
  if (Date.parse(certificate.validTo) < nowMs)
    return `not valid anymore. Expired on ${isoTime(certificate.validTo)}`;
  return undefined;
}

function expiringSoon(certificate: X509Certificate, nowMs: number): string | undefined {
  return Date.parse(certificate.validTo) - nowMs < SOON_MS
    ? `will expire on ${isoTime(certificate.validTo)}`
    : undefined;
}

function unsupportedAnchor(anchor: X509Certificate): string | undefined {
  const { asymmetricKeyType, asymmetricKeyDetails } = anchor.publicKey;
  if (isEcdsaP256(anchor)) return undefined;
  if (asymmetricKeyType === "rsa" && [2048, 4096].includes(asymmetricKeyDetails?.modulusLength ?? 0))
    return undefined;
  return `key is ${keyWords(anchor)}; ECDSA P-256 and RSA 2048 or 4096 are supported`;
}

function isEcdsaP256(certificate: X509Certificate): boolean {
  return certificate.publicKey.asymmetricKeyDetails?.namedCurve === "prime256v1";
}

function keyWords(certificate: X509Certificate): string {
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  const detail = asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength;
  return detail === undefined ? String(asymmetricKeyType) : `${asymmetricKeyType} ${detail}`;
}
