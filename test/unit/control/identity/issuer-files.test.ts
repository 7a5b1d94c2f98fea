import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createLogger } from "../../../../src/base/log.ts";
import { IssuerFiles } from "../../../../src/control/identity/issuer-files.ts";
import { isRequestProblem, readWorkloadRequest } from "../../../../src/identity/ca.ts";
import { createCertificateRequest, createWorkloadKey } from "../../../../src/identity/csr.ts";
import { generateIssuer } from "../../../../src/install/credentials.ts";
import { FakeClock } from "../../../support/clock.ts";
import { createIssuerChain } from "../../../support/issuer-chain.ts";

const directories: string[] = [];
after(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true, force: true }))));

async function issuerDir(names: readonly [string, string] = ["crt.pem", "key.pem"]) {
  const directory = await mkdtemp(join(tmpdir(), "meshctl-issuer-"));
  directories.push(directory);
  const clock = new FakeClock();
  const said: string[] = [];
  let version = 0;
  const put = async (name: string, text: string): Promise<void> => {
    const file = join(directory, name);
    await writeFile(file, text);
    await utimes(file, new Date(), new Date(Date.UTC(2030, 0, 1, 0, 0, version++)));
  };
  const issuer = await generateIssuer("identity.meshctl.cluster.local", clock.now());
  await put(names[0], issuer.certificatePem);
  await put(names[1], issuer.privateKeyPem);
  await put("ca-bundle.crt", issuer.certificatePem);
  const files = new IssuerFiles({
    issuerDir: directory,
    trustRootsFile: join(directory, "ca-bundle.crt"),
    clock,
    log: createLogger({
      level: "trace",
      format: "plain",
      now: () => 0,
      write: (line) => {
        said.push(line);
      },
    }),
    events: {
      issuerUpdated: () => said.push("event: updated"),
      issuerUpdateSkipped: (problem) => said.push(`event: skipped: ${problem}`),
    },
  });
  return { clock, put, issuer, files, said };
}

test("issuer is read from tls.crt and tls.key too", async () => {
  const { files } = await issuerDir(["tls.crt", "tls.key"]);
  await files.current();
});

test("issuer is replaced when its files change", async () => {
  const { clock, put, issuer, files } = await issuerDir();
  const before = await files.current();
  const next = await generateIssuer("identity.meshctl.cluster.local", clock.now());
  await put("ca-bundle.crt", issuer.certificatePem + next.certificatePem);
  await put("crt.pem", next.certificatePem);
  await put("key.pem", next.privateKeyPem);
  const changed = await files.current();
  assert.notEqual(changed, before);
  assert.equal(await files.current(), changed);
});

test("issuer stays when the new files are not valid", async () => {
  const { clock, put, files } = await issuerDir();
  const before = await files.current();
  const stranger = await generateIssuer("identity.other.cluster.local", clock.now());
  await put("crt.pem", stranger.certificatePem);
  await put("key.pem", stranger.privateKeyPem);
  assert.equal(await files.current(), before);
  await put("crt.pem", "junk");
  assert.equal(await files.current(), before);
});

test("issuer is refused when it does not chain to the anchors", async () => {
  const { clock, put, files } = await issuerDir();
  const stranger = await generateIssuer("identity.other.cluster.local", clock.now());
  await put("ca-bundle.crt", stranger.certificatePem);
  await assert.rejects(files.current(), { code: "IDENTITY_NO_ISSUER" });
});

test("an issuer of cert-manager is read from a kubernetes.io/tls Secret, its intermediates too", async () => {
  const { put, files, clock } = await issuerDir(["tls.crt", "tls.key"]);
  const before = await files.current();
  const { certificatesPem, issuerKeyPem } = await createIssuerChain(
    ["root.example", "intermediate.example", "identity.meshctl.cluster.local"],
    clock.now(),
  );
  const [root, intermediate, issuer] = certificatesPem as [string, string, string];
  // What cert-manager writes beside them is not in the way.
  await put("ca.crt", "not read");
  await put("ca-bundle.crt", root);
  await put("tls.key", issuerKeyPem);
  // Without the one between them, the issuer hangs in the air.
  await put("tls.crt", issuer);
  assert.equal(await files.current(), before);
  await put("tls.crt", issuer + intermediate);
  const authority = await files.current();
  assert.notEqual(authority, before);

  // A proxy gets both, and trusts the root alone.
  const name = "web.demo.serviceaccount.identity.meshctl.cluster.local";
  const request = await readWorkloadRequest(createCertificateRequest(name, createWorkloadKey()), name);
  assert.ok(!isRequestProblem(request));
  const issued = await authority.issue(request, { nowMs: clock.now(), lifetimeMs: 3_600_000, skewMs: 0 });
  const chain = [issued.leafDer, ...authority.intermediatesDer].map((der) => new X509Certificate(der));
  assert.deepEqual(
    chain.map(({ subject }) => subject),
    [`CN=${name}`, "CN=identity.meshctl.cluster.local", "CN=intermediate.example"],
  );
  for (const [index, above] of [...chain.slice(1), new X509Certificate(root)].entries()) {
    const certificate = chain[index]!;
    assert.ok(certificate.checkIssued(above) && certificate.verify(above.publicKey), above.subject);
  }
});

test("a root is exchanged with overlap: both anchors, then the new issuer, then the old anchor goes", async () => {
  const { clock, put, issuer, files } = await issuerDir();
  const next = await generateIssuer("identity.meshctl.cluster.local", clock.now());
  const anchors = async () => (await files.current()).anchorsPem;
  await put("ca-bundle.crt", issuer.certificatePem + next.certificatePem);
  assert.equal(await anchors(), issuer.certificatePem + next.certificatePem);
  await put("key.pem", next.privateKeyPem);
  await put("crt.pem", next.certificatePem);
  await files.current();
  await put("ca-bundle.crt", next.certificatePem);
  assert.equal(await anchors(), next.certificatePem);
  // The old issuer is of no use any more.
  await put("key.pem", issuer.privateKeyPem);
  await put("crt.pem", issuer.certificatePem);
  assert.equal(await anchors(), next.certificatePem);
});

test("what happens to the issuer is told, and its key never is", async () => {
  const { clock, put, files, said, issuer } = await issuerDir();
  await files.current();
  assert.deepEqual(
    said.filter((line) => line.startsWith("event")),
    [],
  );
  const next = await generateIssuer("identity.meshctl.cluster.local", clock.now());
  await put("ca-bundle.crt", issuer.certificatePem + next.certificatePem);
  await put("key.pem", next.privateKeyPem);
  await files.current();
  await put("crt.pem", next.certificatePem);
  await files.current();
  // A key where a certificate should be must not be told either.
  await put("crt.pem", next.privateKeyPem);
  await files.current();
  const kinds = said.filter((line) => line.startsWith("event")).map((line) => line.split(":")[1]!.trim());
  // The bundle, then a key that does not fit, then the certificate that it fits, then the mistake.
  assert.deepEqual(kinds, ["skipped", "updated", "skipped"]);
  for (const { privateKeyPem } of [issuer, next]) {
    for (const line of privateKeyPem.split("\n").filter((text) => text !== "" && !text.startsWith("-----"))) {
      assert.ok(!said.join("\n").includes(line), "a key was told");
    }
  }
});
