import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeFolder } from "../../../src/local/make-folder.ts";

test("a folder is made with what is missing above it, and one that exists stays", async (t) => {
  const base = await mkdtemp(join(tmpdir(), "meshctl-folder-"));
  t.after(() => rm(base, { recursive: true, force: true }));
  const path = join(base, "a", "b");
  await makeFolder(path, 0o700);
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  await makeFolder(path, 0o700);
});

test("a file in the place of the folder, or above it, is an error", async (t) => {
  const base = await mkdtemp(join(tmpdir(), "meshctl-folder-"));
  t.after(() => rm(base, { recursive: true, force: true }));
  await writeFile(join(base, "file"), "");
  await assert.rejects(makeFolder(join(base, "file"), 0o700), { code: "EEXIST" });
  await assert.rejects(makeFolder(join(base, "file", "a"), 0o700), { code: "ENOTDIR" });
});

test("a place that takes no folders is an error, not an endless search", {
  skip: platform() === "linux" ? false : "there is no /proc",
}, async () => {
  await assert.rejects(makeFolder("/proc/nope/a", 0o700), { code: "ENOENT" });
});
