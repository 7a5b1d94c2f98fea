import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { before, test } from "node:test";
import { parseTrustBundle } from "../../../src/identity/certificates.ts";
import { readSvid, type Svid } from "../../../src/identity/svid.ts";
import { createTestMeshCa, type TestMeshCa } from "../../support/test-mesh-ca.ts";
import { issueSvid } from "../../support/test-svid.ts";

const WEB = "spiffe://mesh.example/ns/demo/sa/web";
let ca: TestMeshCa;
let otherCa: TestMeshCa;
let svid: Svid;
before(async () => {
  ca = await createTestMeshCa();
  otherCa = await createTestMeshCa();
  svid = await issueSvid(ca, WEB, [ca, otherCa]);
});

test("a document becomes a chain, a key and all roots of its bundle", () => {
  const material = readSvid(svid, Date.now());
  assert.equal(parseTrustBundle(material.certificatePem, "test").length, 2);
  assert.equal(parseTrustBundle(material.trustAnchorsPem, "test").length, 2);
  assert.match(material.keyPem, /BEGIN PRIVATE KEY/);
  assert.ok(material.expiresAtMs > Date.now());
});

test("a document that is cut off anywhere is refused", () => {
  for (const field of ["certificatesDer", "bundleDer"] as const) {
    const whole = svid[field];
    for (let length = 0; length < whole.length; length++) {
      const cut = { ...svid, [field]: whole.subarray(0, length) };
      // Where a certificate ends the rest may be one too few: then the chain does not lead to the bundle, or it does.
      try {
        readSvid(cut, Date.now());
        assert.equal(field, "bundleDer", `${field} of ${length} bytes was taken`);
      } catch (error) {
        assert.match((error as { code: string }).code, /^IDENTITY_(SVID|CERTIFICATE)_REJECTED$/);
      }
    }
  }
});

test("a certificate for another id, of another root, or out of its time is refused", async () => {
  const rejected = { code: "IDENTITY_CERTIFICATE_REJECTED" };
  assert.throws(() => readSvid({ ...svid, spiffeId: `${WEB}/x` }, Date.now()), rejected);
  const strange = await issueSvid(ca, WEB, [otherCa]);
  assert.throws(() => readSvid(strange, Date.now()), rejected);
  assert.throws(() => readSvid(svid, Date.now() + 48 * 3_600_000), rejected);
});

test("a key that is another's, none, or of a kind that mesh TLS lacks is refused", async () => {
  const rejected = { code: "IDENTITY_SVID_REJECTED" };
  const { keyDer } = await issueSvid(ca, WEB);
  assert.throws(() => readSvid({ ...svid, keyDer }, Date.now()), rejected);
  assert.throws(() => readSvid({ ...svid, keyDer: Buffer.from("key") }, Date.now()), rejected);
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const rsaDer = rsa.export({ type: "pkcs8", format: "der" });
  assert.throws(() => readSvid({ ...svid, keyDer: rsaDer }, Date.now()), rejected);
});
