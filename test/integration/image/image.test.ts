import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { IMAGE_OPTIONS } from "../../../scripts/image.ts";
import { ROOT, runProcess } from "../../support/run-process.ts";

async function temporaryDirectory(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "meshctl-image-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

test("the root file system holds all that its programs load, and no shell", async (t) => {
  const missing = ["nft", "xtables-nft-multi", "xtables-legacy-multi", "ldd"].filter(
    (name) => spawnSync("sh", ["-c", `PATH=$PATH:/usr/sbin:/sbin; command -v ${name}`]).status !== 0,
  );
  if (missing.length > 0 || process.platform !== "linux") {
    t.skip(`needs Linux with nftables and iptables; missing: ${missing.join(", ")}`);
    return;
  }
  const dir = join(await temporaryDirectory(t), "rootfs");
  const { stdout } = await runProcess(process.execPath, [`${ROOT}scripts/image.ts`, dir, "--no-size"]);
  assert.match(
    stdout,
    /image\.sh" meshctl:dev .* --entrypoint \/usr\/bin\/node --entrypoint \/app\/dist\/meshctl\.js/,
  );
  for (const path of [
    "bin/sh",
    "usr/bin/npm",
    "app/dist/meta.json",
    "app/src",
    "app/node_modules/koffi/vendor",
  ]) {
    assert.ok(!existsSync(join(dir, path)), `${path} is not in it`);
  }
  if (process.getuid!() !== 0) return;
  // In the directory and nowhere else: what was forgotten is not found.
  const inside = (...command: string[]) => runProcess("chroot", [dir, ...command]);
  const entry = ["/usr/bin/node", "/app/dist/meshctl.js"];
  assert.match((await inside(...entry, "version", "--client", "--short")).stdout, /^\d+\.\d+\.\d+$/m);
  assert.match((await inside(...entry, "proxy-init", "--dry-run")).stdout, /redirect to :4143/);
  for (const program of ["nft", "iptables-nft", "ip6tables-nft", "iptables-legacy"]) {
    assert.match((await inside(`/usr/sbin/${program}`, "--version")).stdout, /v\d/);
  }
});

test("a directory that holds something else is not emptied", async (t) => {
  const dir = await temporaryDirectory(t);
  mkdirSync(join(dir, "precious"));
  writeFileSync(join(dir, "precious/file"), "kept");
  const { stderr } = await runProcess(process.execPath, [`${ROOT}scripts/image.ts`, dir], { expectExit: 1 });
  assert.match(stderr, /neither empty nor an earlier root file system/);
  assert.equal(readFileSync(join(dir, "precious/file"), "utf8"), "kept");
});

test("the Dockerfile makes the same image: entrypoint, environment, user, folder and Node", () => {
  const lines = readFileSync(`${ROOT}Dockerfile`, "utf8").split("\n");
  const after = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  const options = (flag: string) => IMAGE_OPTIONS.filter((_, index) => IMAGE_OPTIONS[index - 1] === flag);
  assert.deepEqual(JSON.parse(after("ENTRYPOINT").at(-1)!), options("--entrypoint"));
  assert.deepEqual(after("ENV").at(-1)!.split(" "), options("--env"));
  assert.deepEqual(after("USER"), options("--user"));
  assert.equal(after("WORKDIR").at(-1), options("--workdir")[0]);
  const { devDependencies } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8"));
  assert.equal(after("ARG")[0], `NODE_VERSION=${devDependencies.node}`);
});
