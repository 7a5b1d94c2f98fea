import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { lockDir } from "../../../src/local/dir-lock.ts";

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "meshctl-lock-"));
});
after(() => rm(dir, { recursive: true, force: true }));

const file = () => join(dir, "dev.pid");

test("a folder has one holder; a released one is free, and nothing else is left in it", async () => {
  const lock = await lockDir(dir, process.pid);
  assert.equal(JSON.parse(await readFile(file(), "utf8")).pid, process.pid);
  await assert.rejects(lockDir(dir, process.pid), (error: Error & { code: string; hint: string }) => {
    assert.equal(error.code, "DEV_ALREADY_RUNNING");
    assert.match(error.message, new RegExp(`process ${process.pid}`));
    assert.match(error.hint, /export KUBECONFIG=.*kubeconfig/);
    return true;
  });
  await lock.release();
  await (await lockDir(dir, process.pid)).release();
  assert.deepEqual(await readdir(dir), []);
});

const STALE: readonly [string, string][] = [
  ["of a process that is gone", JSON.stringify({ pid: 2 ** 22 + 1, startTime: "1" })],
  ["that cannot be read", "{"],
];

for (const [which, content] of STALE) {
  test(`a lock ${which} is taken over`, async () => {
    await writeFile(file(), content);
    const lock = await lockDir(dir, process.pid);
    assert.equal(JSON.parse(await readFile(file(), "utf8")).pid, process.pid);
    await lock.release();
    assert.deepEqual(await readdir(dir), []);
  });
}

test("a lock whose pid belongs to another process now is taken over", async (context) => {
  if (process.platform !== "linux") return context.skip("start times are read from /proc");
  await writeFile(file(), JSON.stringify({ pid: process.pid, startTime: "1" }));
  await (await lockDir(dir, process.pid)).release();
});
