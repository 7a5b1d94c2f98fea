import assert from "node:assert/strict";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLogger } from "../../../../src/base/log.ts";
import { IssuerFiles } from "../../../../src/control/identity/issuer-files.ts";
import { generateIssuer } from "../../../../src/install/credentials.ts";
import { FakeClock } from "../../../support/clock.ts";

const directories: string[] = [];
after(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true, force: true }))));

async function issuerDir(names: readonly [string, string] = ["crt.pem", "key.pem"]) {
  const directory = await mkdtemp(join(tmpdir(), "meshctl-issuer-"));
  directories.push(directory);
  const clock = new FakeClock();
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
    log: silentLogger,
  });
  return { clock, put, issuer, files };
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
