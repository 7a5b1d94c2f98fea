import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openStateDir } from "../../../../src/control/standalone/state-dir.ts";

const PAIR = { certificatePem: "certificate", privateKeyPem: "key" };

test("a state directory is made once, with keys that only their owner reads", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "meshctl-state-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "state");
  const first = await openStateDir(path, async () => PAIR);
  assert.equal(readFileSync(first.trustRootsFile, "utf8"), "certificate");
  assert.equal(readFileSync(join(first.issuerDir, "key.pem"), "utf8"), "key");
  for (const file of ["issuer/key.pem", "token-key.pem"]) {
    assert.equal(statSync(join(path, file)).mode & 0o077, 0, file);
  }
  const again = await openStateDir(path, () => Promise.reject(new Error("a second issuer was made")));
  assert.ok(again.tokenKey.equals(first.tokenKey));
});

test("a state directory that cannot be made says so", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "meshctl-state-"));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "state"), "a file");
  await assert.rejects(
    openStateDir(join(directory, "state"), async () => PAIR),
    { code: "STATE_UNUSABLE" },
  );
});
