import "reflect-metadata";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPublicKey, webcrypto } from "node:crypto";
import { test } from "node:test";
import * as x509 from "@peculiar/x509";
import { createCertificateRequest, createWorkloadKey } from "../../../src/identity/csr.ts";

x509.cryptoProvider.set(webcrypto as unknown as Crypto);
const NAME = "web.demo.serviceaccount.identity.meshctl.cluster.local";

test("certificate request carries the name as CN and as the only SAN, and verifies", async () => {
  const key = createWorkloadKey();
  const request = new x509.Pkcs10CertificateRequest(
    createCertificateRequest(NAME, key) as Uint8Array<ArrayBuffer>,
  );
  assert.equal(request.subject, `CN=${NAME}`);
  assert.deepEqual(
    (request.getExtension("2.5.29.17") as x509.SubjectAlternativeNameExtension | null)?.names.items.map(
      ({ type, value }) => [type, value],
    ),
    [["dns", NAME]],
  );
  assert.equal(request.extensions.length, 1);
  assert.equal(await request.verify(), true);
  assert.deepEqual(
    Buffer.from(request.publicKey.rawData),
    createPublicKey(key).export({ type: "spki", format: "der" }),
  );
});

test("certificate request of a long name uses lengths of several bytes", async () => {
  const name = `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.serviceaccount.identity.meshctl.cluster.local`;
  const request = new x509.Pkcs10CertificateRequest(
    createCertificateRequest(name, createWorkloadKey()) as Uint8Array<ArrayBuffer>,
  );
  assert.equal(request.subject, `CN=${name}`);
  assert.equal(await request.verify(), true);
});

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

test("openssl accepts the certificate request", {
  skip: hasOpenssl ? false : "openssl is not on PATH",
}, () => {
  const result = spawnSync("openssl", ["req", "-inform", "DER", "-verify", "-noout", "-text"], {
    input: createCertificateRequest(NAME, createWorkloadKey()),
    encoding: "utf8",
  });
  const output = result.stdout + result.stderr;
  assert.equal(result.status, 0, output);
  assert.match(output, /verify OK/i);
  assert.match(output, new RegExp(`DNS:${NAME}`));
});
