import { X509Certificate } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAuthority, isRequestProblem, readWorkloadRequest } from "../../src/identity/ca.ts";
import { createCertificateRequest, createWorkloadKey } from "../../src/identity/csr.ts";
import { generateIssuer, generateWebhookCertificate } from "../../src/install/credentials.ts";
import { defaultValues } from "../../src/values/defaults.ts";
import { valuesToYaml } from "../../src/values/yaml.ts";

export interface ClientCredentials {
  readonly trustAnchorsPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What a control plane finds mounted, in `dir`; and a workload's certificate, for the subscribers. */
export async function writeCredentials(dir: string, nowMs: number): Promise<ClientCredentials> {
  mkdirSync(dir, { recursive: true });
  const anchor = await generateIssuer("identity.meshctl.cluster.local", nowMs);
  const webhook = await generateWebhookCertificate("meshctl-injector.meshctl.svc", nowMs);
  const files: Readonly<Record<string, string>> = {
    "crt.pem": anchor.certificatePem,
    "key.pem": anchor.privateKeyPem,
    "ca-bundle.crt": anchor.certificatePem,
    "tls.crt": webhook.certificatePem,
    "tls.key": webhook.privateKeyPem,
    values: valuesToYaml(defaultValues("0.0.0-bench")),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text, { mode: 0o600 });
  const authority = await createAuthority({
    certificatePem: anchor.certificatePem,
    keyPem: anchor.privateKeyPem,
    anchorsPem: anchor.certificatePem,
    origin: "the bench's anchor",
    nowMs,
  });
  const name = "client.bench.serviceaccount.identity.meshctl.cluster.local";
  const key = createWorkloadKey();
  const request = await readWorkloadRequest(createCertificateRequest(name, key), name);
  if (isRequestProblem(request)) throw new Error(request.message);
  const issued = await authority.issue(request, { nowMs, lifetimeMs: 86_400_000, skewMs: 20_000 });
  return {
    trustAnchorsPem: anchor.certificatePem,
    certificatePem: new X509Certificate(issued.leafDer).toString(),
    keyPem: key.export({ type: "pkcs8", format: "pem" }) as string,
  };
}
