import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { CertifyRequestSchema } from "../../../../src/api/gen/io/linkerd/proxy/identity_pb.js";
import { silentLogger } from "../../../../src/base/log.ts";
import type { KubeEvent } from "../../../../src/control/event-writer.ts";
import { type CertifyOptions, certify } from "../../../../src/control/identity/certify.ts";
import {
  createIdentityEvents,
  NO_IDENTITY_EVENTS,
} from "../../../../src/control/identity/identity-events.ts";
import type { TokenVerdict } from "../../../../src/control/identity/token-review.ts";
import { GrpcCode, GrpcError, grpcCodeName } from "../../../../src/control/serve/grpc-error.ts";
import { createAuthority } from "../../../../src/identity/ca.ts";
import { checkChain } from "../../../../src/identity/certificates.ts";
import { createCertificateRequest, createWorkloadKey } from "../../../../src/identity/csr.ts";
import { generateIssuer } from "../../../../src/install/credentials.ts";
import { FakeClock } from "../../../support/clock.ts";

const NAME = "web.demo.serviceaccount.identity.meshctl.cluster.local";
const TOKEN = Buffer.from("aaa.bbb.ccc");
const HOUR = 3_600_000;

async function optionsWith(verdict: TokenVerdict | Error, changes: Partial<CertifyOptions> = {}) {
  const clock = new FakeClock();
  const issuer = await generateIssuer("identity.meshctl.cluster.local", clock.now());
  const authority = await createAuthority({
    certificatePem: issuer.certificatePem,
    keyPem: issuer.privateKeyPem,
    anchorsPem: issuer.certificatePem,
    origin: "test",
    nowMs: clock.now(),
  });
  const options: CertifyOptions = {
    issuer: async () => authority,
    reviewToken: async () => {
      if (verdict instanceof Error) throw verdict;
      return verdict;
    },
    namespace: "meshctl",
    trustDomain: "cluster.local",
    lifetimeMs: 24 * HOUR,
    skewMs: 20_000,
    clock,
    log: silentLogger,
    events: NO_IDENTITY_EVENTS,
    ...changes,
  };
  return { options, clock, anchor: new X509Certificate(issuer.certificatePem) };
}

const WEB: TokenVerdict = { kind: "authenticated", username: "system:serviceaccount:demo:web" };
const csr = (name: string) => createCertificateRequest(name, createWorkloadKey());

test("identity issues a certificate that chains, for 24 hours with skew at both ends", async () => {
  const { options, clock, anchor } = await optionsWith(WEB);
  const key = createWorkloadKey();
  const request = create(CertifyRequestSchema, {
    identity: NAME,
    token: TOKEN,
    certificateSigningRequest: createCertificateRequest(NAME, key),
  });
  const reply = await certify(options, request);
  assert.deepEqual(new X509Certificate(Buffer.from(reply.trustAnchors)).raw, anchor.raw);
  const leaf = new X509Certificate(reply.leafCertificate);
  checkChain({ leaf, intermediates: [], anchors: [anchor], name: NAME, nowMs: clock.now() });
  assert.ok(leaf.checkPrivateKey(key));
  assert.equal(leaf.ca, false);
  assert.deepEqual(leaf.keyUsage?.toSorted(), ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  const seconds = (ms: number) => Math.floor(ms / 1000) * 1000;
  assert.equal(Date.parse(leaf.validFrom), seconds(clock.now() - 20_000));
  assert.equal(Date.parse(leaf.validTo), seconds(clock.now() + 24 * HOUR + 20_000));
  assert.equal(timestampMs(reply.validUntil!), Date.parse(leaf.validTo));
  assert.deepEqual(reply.intermediateCertificates, []);
});

test("identity clamps a certificate to the end of its issuer", async () => {
  const { options, anchor } = await optionsWith(WEB, { lifetimeMs: 10_000 * HOUR });
  const request = create(CertifyRequestSchema, {
    identity: NAME,
    token: TOKEN,
    certificateSigningRequest: csr(NAME),
  });
  const reply = await certify(options, request);
  assert.equal(new X509Certificate(reply.leafCertificate).validTo, anchor.validTo);
});

const rsaKey = () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const REFUSALS: readonly {
  readonly when: string;
  readonly verdict?: TokenVerdict | Error;
  readonly identity?: string;
  readonly token?: Buffer;
  readonly csr?: Uint8Array;
  readonly changes?: Partial<CertifyOptions>;
  readonly code: GrpcCode;
}[] = [
  { when: "the identity is empty", identity: "", code: GrpcCode.invalidArgument },
  { when: "the token is empty", token: Buffer.alloc(0), code: GrpcCode.invalidArgument },
  { when: "the CSR is empty", csr: Buffer.alloc(0), code: GrpcCode.invalidArgument },
  { when: "the CSR is junk", csr: Buffer.from("junk"), code: GrpcCode.invalidArgument },
  { when: "the CSR is for another name", csr: csr(`other.${NAME}`), code: GrpcCode.failedPrecondition },
  {
    when: "the CSR has an RSA key",
    csr: createCertificateRequest(NAME, rsaKey()),
    code: GrpcCode.failedPrecondition,
  },
  { when: "the token is no JWT", token: Buffer.from("not a token"), code: GrpcCode.invalidArgument },
  {
    when: "the API server does not know the token",
    verdict: { kind: "unauthenticated", reason: "expired" },
    code: GrpcCode.failedPrecondition,
  },
  { when: "the API server does not answer", verdict: new Error("down"), code: GrpcCode.internal },
  {
    when: "the token is for another service account",
    verdict: { kind: "authenticated", username: "system:serviceaccount:demo:other" },
    code: GrpcCode.failedPrecondition,
  },
  {
    when: "the token is for a person",
    verdict: { kind: "authenticated", username: "jane" },
    code: GrpcCode.failedPrecondition,
  },
  {
    when: "the user's name has a part too many",
    verdict: { kind: "authenticated", username: "system:serviceaccount:demo:web:more" },
    code: GrpcCode.failedPrecondition,
  },
  {
    when: "the user's name has a part that is no name",
    verdict: { kind: "authenticated", username: "system:serviceaccount:demo:web.demo" },
    code: GrpcCode.failedPrecondition,
  },
  {
    when: "there is no issuer",
    changes: { issuer: () => Promise.reject(new Error("no issuer")) },
    code: GrpcCode.unavailable,
  },
];

for (const refusal of REFUSALS) {
  test(`identity answers ${grpcCodeName(refusal.code)} when ${refusal.when}`, async () => {
    const { options } = await optionsWith(refusal.verdict ?? WEB, refusal.changes);
    const request = create(CertifyRequestSchema, {
      identity: refusal.identity ?? NAME,
      token: refusal.token ?? TOKEN,
      certificateSigningRequest: refusal.csr ?? csr(NAME),
    });
    await assert.rejects(certify(options, request), (error) => {
      assert.ok(error instanceof GrpcError);
      assert.equal(error.code, refusal.code, error.message);
      return true;
    });
  });
}

test("identity answers Unknown when its issuer has expired since it was loaded", async () => {
  const { options, clock } = await optionsWith(WEB);
  clock.advance(366 * 24 * HOUR);
  const request = create(CertifyRequestSchema, {
    identity: NAME,
    token: TOKEN,
    certificateSigningRequest: csr(NAME),
  });
  await assert.rejects(certify(options, request), { code: GrpcCode.unknown });
});

test("identity tells what it signed, and that its issuer has ended, as events without secrets", async () => {
  const events: KubeEvent[] = [];
  const { options, clock } = await optionsWith(WEB, {
    events: createIdentityEvents((event) => events.push(event), "meshctl"),
  });
  const request = create(CertifyRequestSchema, {
    identity: NAME,
    token: TOKEN,
    certificateSigningRequest: csr(NAME),
  });
  const reply = await certify(options, request);
  const [issued] = events.splice(0);
  assert.deepEqual(
    { ...issued, message: "" },
    {
      type: "Normal",
      reason: "IssuedLeafCertificate",
      message: "",
      namespace: "demo",
      object: { apiVersion: "v1", kind: "ServiceAccount", name: "web" },
    },
  );
  const fingerprint = createHash("sha256").update(reply.leafCertificate).digest("hex");
  assert.ok(issued!.message.endsWith(`sha256 ${fingerprint}`), issued!.message);

  clock.advance(366 * 24 * HOUR);
  await assert.rejects(certify(options, request));
  assert.deepEqual(
    events.map(({ type, reason, namespace, object }) => [
      type,
      reason,
      namespace,
      `${object.kind}/${object.name}`,
    ]),
    [["Warning", "IssuerValidationFailed", "meshctl", "Deployment/meshctl-identity"]],
  );
});
