import "reflect-metadata";
import assert from "node:assert/strict";
import { KeyObject, webcrypto, X509Certificate } from "node:crypto";
import { test } from "node:test";
import * as x509 from "@peculiar/x509";
import fc from "fast-check";
import { createAuthority, isRequestProblem, readWorkloadRequest } from "../../../src/identity/ca.ts";
import { checkChain } from "../../../src/identity/certificates.ts";
import { createCertificateRequest, createWorkloadKey } from "../../../src/identity/csr.ts";
import { generateIssuer } from "../../../src/install/credentials.ts";

const NOW = Date.UTC(2026, 0, 2);
const HOUR = 3_600_000;
const NAME = "web.demo.serviceaccount.identity.meshctl.cluster.local";
const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
x509.cryptoProvider.set(webcrypto as never);

interface Made {
  readonly pem: string;
  readonly keyPem: string;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly subject: x509.Name;
}

async function make(
  subject: string,
  options: { parent?: Made; ca?: boolean; hours?: number; curve?: string } = {},
): Promise<Made> {
  const algorithm = { ...ECDSA, namedCurve: options.curve ?? "P-256" };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: options.parent?.subject ?? subject,
    notBefore: new Date(NOW - HOUR),
    notAfter: new Date(NOW + (options.hours ?? 1000) * HOUR),
    publicKey: keys.publicKey as never,
    signingKey: (options.parent?.keys.privateKey ?? keys.privateKey) as never,
    signingAlgorithm: options.parent ? ECDSA : algorithm,
    extensions: [new x509.BasicConstraintsExtension(options.ca ?? true, undefined, true)],
  });
  return {
    pem: certificate.toString("pem"),
    keyPem: KeyObject.from(keys.privateKey).export({ type: "pkcs8", format: "pem" }).toString(),
    keys,
    subject: certificate.subjectName,
  };
}

const authorityOf = (issuer: Made, anchors: string, chain = issuer.pem, nowMs = NOW) =>
  createAuthority({
    certificatePem: chain,
    keyPem: issuer.keyPem,
    anchorsPem: anchors,
    origin: "issuer",
    nowMs,
  });

test("authority with an intermediate issuer sends it along, and the leaf chains to the root", async () => {
  const root = await make("CN=root, O=Example, C=DE", { hours: 20 });
  const middle = await make("CN=middle, O=Example", { parent: root });
  const issuer = await make("C=DE, O=Example + OU=Mesh, CN=identity", { parent: middle });
  const authority = await authorityOf(issuer, root.pem, `${issuer.pem}\n${middle.pem}`);
  const key = createWorkloadKey();
  const request = await readWorkloadRequest(createCertificateRequest(NAME, key), NAME);
  assert.ok(!isRequestProblem(request));
  const issued = await authority.issue(request, { nowMs: NOW, lifetimeMs: 24 * HOUR, skewMs: 20_000 });
  const leaf = new X509Certificate(issued.leafDer);
  const intermediates = authority.intermediatesDer.map((der) => new X509Certificate(der));
  assert.deepEqual(
    intermediates.map((certificate) => certificate.subject.split("\n").at(-1)),
    ["CN=identity", "O=Example"],
  );
  checkChain({ leaf, intermediates, anchors: [new X509Certificate(root.pem)], name: NAME, nowMs: NOW });
  // The root ends first, so it ends the leaf.
  assert.equal(issued.validUntilMs, NOW + 20 * HOUR);
  assert.equal(Date.parse(leaf.validTo), issued.validUntilMs);
});

test("authority gives each certificate another serial number", async () => {
  const root = await make("CN=root");
  const authority = await authorityOf(root, root.pem);
  const request = await readWorkloadRequest(createCertificateRequest(NAME, createWorkloadKey()), NAME);
  assert.ok(!isRequestProblem(request));
  const times = { nowMs: NOW, lifetimeMs: HOUR, skewMs: 0 };
  const serials = new Set<string>();
  for (let count = 0; count < 5; count++) {
    serials.add(new X509Certificate((await authority.issue(request, times)).leafDer).serialNumber);
  }
  assert.equal(serials.size, 5);
});

const REFUSALS: readonly {
  readonly when: string;
  readonly problem: RegExp;
  readonly make: () => Promise<unknown>;
}[] = [
  {
    when: "it is no CA",
    problem: /is no CA/,
    make: async () => {
      const leaf = await make("CN=leaf", { ca: false });
      return authorityOf(leaf, leaf.pem);
    },
  },
  {
    when: "its key is not P-256",
    problem: /no ECDSA P-256 key/,
    make: async () => {
      const root = await make("CN=root", { curve: "P-384" });
      return authorityOf(root, root.pem);
    },
  },
  {
    when: "its key belongs to another certificate",
    problem: /do not belong together/,
    make: async () => {
      const [root, other] = [await make("CN=root"), await make("CN=root")];
      return authorityOf(other, root.pem, root.pem);
    },
  },
  {
    when: "it chains to no anchor, though the names agree",
    problem: /does not chain/,
    make: async () => {
      const [root, impostor] = [await make("CN=root"), await make("CN=root")];
      return authorityOf(await make("CN=issuer", { parent: impostor }), root.pem);
    },
  },
  {
    when: "its anchor has expired",
    problem: /CN=root" is valid from/,
    make: async () => {
      const root = await make("CN=root", { hours: 1 });
      const issuer = await make("CN=issuer", { parent: root });
      return authorityOf(issuer, root.pem, issuer.pem, NOW + 2 * HOUR);
    },
  },
];

for (const refusal of REFUSALS) {
  test(`authority refuses an issuer when ${refusal.when}`, async () => {
    await assert.rejects(refusal.make(), { code: "IDENTITY_ISSUER_INVALID", message: refusal.problem });
  });
}

async function csrWith(
  names: { type: "dns" | "ip" | "email" | "url"; value: string }[],
  subject: string,
): Promise<Uint8Array> {
  const keys = (await webcrypto.subtle.generateKey(ECDSA, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys: keys as never,
    signingAlgorithm: ECDSA,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)],
  });
  return new Uint8Array(request.rawData);
}

const CSRS: readonly [when: string, csr: () => Promise<Uint8Array>, outcome: string][] = [
  ["it has the name as SAN and CN", () => csrWith([{ type: "dns", value: NAME }], `CN=${NAME}`), "accepted"],
  ["its CN is empty", () => csrWith([{ type: "dns", value: NAME }], ""), "accepted"],
  ["it has no SAN", () => csrWith([], `CN=${NAME}`), "forbidden"],
  [
    "it has two DNS SANs",
    () =>
      csrWith(
        [
          { type: "dns", value: NAME },
          { type: "dns", value: "x" },
        ],
        `CN=${NAME}`,
      ),
    "forbidden",
  ],
  [
    "its SAN is a suffix of the name",
    () => csrWith([{ type: "dns", value: NAME.slice(4) }], ""),
    "forbidden",
  ],
  [
    "it has an IP beside the name",
    () =>
      csrWith(
        [
          { type: "dns", value: NAME },
          { type: "ip", value: "10.0.0.1" },
        ],
        "",
      ),
    "forbidden",
  ],
  [
    "it has an email address beside the name",
    () =>
      csrWith(
        [
          { type: "dns", value: NAME },
          { type: "email", value: "a@b.c" },
        ],
        "",
      ),
    "forbidden",
  ],
  [
    "it has a URI beside the name",
    () =>
      csrWith(
        [
          { type: "dns", value: NAME },
          { type: "url", value: "spiffe://a/b" },
        ],
        "",
      ),
    "forbidden",
  ],
  ["its CN is another name", () => csrWith([{ type: "dns", value: NAME }], "CN=admin"), "forbidden"],
  [
    "its signature is wrong",
    async () => {
      const der = createCertificateRequest(NAME, createWorkloadKey());
      // Within the signature's second integer, so that it stays well-formed.
      der[der.length - 2] = der[der.length - 2]! ^ 1;
      return der;
    },
    "forbidden",
  ],
  [
    "it is cut off",
    async () => createCertificateRequest(NAME, createWorkloadKey()).subarray(0, 100),
    "undecodable",
  ],
];

for (const [when, csr, outcome] of CSRS) {
  test(`signing request is ${outcome} when ${when}`, async () => {
    const result = await readWorkloadRequest(await csr(), NAME);
    assert.equal(isRequestProblem(result) ? result.kind : "accepted", outcome, JSON.stringify(result));
  });
}

test("signing request of any bytes is judged, never thrown at", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
      assert.ok(isRequestProblem(await readWorkloadRequest(bytes, NAME)));
    }),
    { numRuns: 200 },
  );
});

/** Offset behind a DER element's header. */
const contentOf = (der: Buffer, offset: number): number =>
  offset + 2 + (der[offset + 1]! & 0x80 ? der[offset + 1]! & 0x7f : 0);

test("signing request is never accepted when a byte of what was signed has changed", async () => {
  const der = createCertificateRequest(NAME, createWorkloadKey());
  const info = contentOf(der, 0);
  const infoBytes = der.readUIntBE(info + 2, contentOf(der, info) - info - 2);
  const end = contentOf(der, info) + infoBytes;
  assert.ok(end > 200 && end < der.length, "the signed part has been found");
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: info, max: end - 1 }),
      fc.integer({ min: 1, max: 255 }),
      async (position, change) => {
        const changed = Buffer.from(der);
        changed[position] = changed[position]! ^ change;
        assert.ok(isRequestProblem(await readWorkloadRequest(changed, NAME)), `byte ${position} ^ ${change}`);
      },
    ),
    { numRuns: 300, examples: [[90, 1]] },
  );
});

test("a leaf names its issuer's key, so that two roots of one name can be told apart", async () => {
  const { certificatePem, privateKeyPem } = await generateIssuer("identity.meshctl.cluster.local", NOW);
  const authority = await createAuthority({
    certificatePem,
    keyPem: privateKeyPem,
    anchorsPem: certificatePem,
    origin: "issuer",
    nowMs: NOW,
  });
  const request = await readWorkloadRequest(createCertificateRequest(NAME, createWorkloadKey()), NAME);
  assert.ok(!isRequestProblem(request));
  const { leafDer } = await authority.issue(request, { nowMs: NOW, lifetimeMs: HOUR, skewMs: 0 });
  const leaf = new x509.X509Certificate(leafDer as Uint8Array<ArrayBuffer>);
  const named = leaf.getExtension(x509.AuthorityKeyIdentifierExtension);
  const own = new x509.X509Certificate(certificatePem).getExtension(x509.SubjectKeyIdentifierExtension);
  assert.ok(own);
  assert.equal(named?.keyId, own.keyId);
});
