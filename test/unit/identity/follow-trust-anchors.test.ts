import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { followTrustAnchors } from "../../../src/identity/follow-trust-anchors.ts";
import { FakeClock } from "../../support/clock.ts";

/** Follows a file; `looked` advances to the next look and resolves after it. */
async function follow(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "meshctl-anchors-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "ca-bundle.crt");
  await writeFile(path, "first");
  const clock = new FakeClock();
  const stop = new AbortController();
  const trusted: string[] = [];
  const warnings: string[] = [];
  const log = {
    ...silentLogger,
    warn: (_message: string, fields?: object) => void warnings.push(JSON.stringify(fields)),
  };
  const credentials = {
    trust(pem: string) {
      if (pem === "broken") throw new Error("no certificates");
      trusted.push(pem);
    },
  };
  const over = followTrustAnchors(path, "first", credentials, { clock, log, signal: stop.signal });
  t.after(async () => {
    stop.abort();
    await over;
  });
  const looked = async () => {
    clock.advance(10_000);
    while (clock.nextDelayMs === undefined) await new Promise((resolve) => setImmediate(resolve));
  };
  return { path, trusted, warnings, looked };
}

test("a file of anchors that changes is trusted, one that does not is left alone", async (t) => {
  const { path, trusted, looked } = await follow(t);
  await looked();
  assert.deepEqual(trusted, []);
  await writeFile(path, "second");
  await looked();
  await looked();
  assert.deepEqual(trusted, ["second"]);
});

test("a file that is broken or gone is reported once, and counts again when it is well", async (t) => {
  const { path, trusted, warnings, looked } = await follow(t);
  await rm(path);
  await looked();
  await looked();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /ENOENT/);
  await writeFile(path, "broken");
  await looked();
  assert.match(warnings[1]!, /no certificates/);
  await writeFile(path, "third");
  await looked();
  assert.deepEqual(trusted, ["third"]);
});
