import { X509Certificate } from "node:crypto";
import { createAuthority, isRequestProblem, readWorkloadRequest } from "../../src/identity/ca.ts";
import type { Credentials } from "../../src/identity/credentials.ts";
import { createCertificateRequest, createWorkloadKey } from "../../src/identity/csr.ts";
import { createMeshContext } from "../../src/identity/mesh-tls.ts";
import { generateIssuer, type KeyPair } from "../../src/install/credentials.ts";

/** A trust anchor that signs what a test needs, at the machine's time. */
export interface TestAuthority {
  readonly anchor: KeyPair;
  /** Credentials with a certificate for a name, valid for an hour. */
  credentials(name: string): Promise<Credentials>;
}

export async function createTestAuthority(): Promise<TestAuthority> {
  const nowMs = Date.now();
  const anchor = await generateIssuer("identity.meshctl.cluster.local", nowMs);
  const authority = await createAuthority({
    certificatePem: anchor.certificatePem,
    keyPem: anchor.privateKeyPem,
    anchorsPem: anchor.certificatePem,
    origin: "the test's anchor",
    nowMs,
  });
  return {
    anchor,
    async credentials(name) {
      const key = createWorkloadKey();
      const request = await readWorkloadRequest(createCertificateRequest(name, key), name);
      if (isRequestProblem(request)) throw new Error(request.message);
      const issued = await authority.issue(request, { nowMs, lifetimeMs: 3_600_000, skewMs: 20_000 });
      const context = createMeshContext({
        trustAnchorsPem: anchor.certificatePem,
        identity: {
          certificatePem: new X509Certificate(issued.leafDer).toString(),
          keyPem: key.export({ type: "pkcs8", format: "pem" }) as string,
        },
      });
      const current = { client: context, server: context, expiresAtMs: issued.validUntilMs };
      return { localName: name, ready: Promise.resolve(), current: () => current };
    },
  };
}
