import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { BUILT_ENTRY, describeRun, runMeshctl, runProcess, startProcess } from "../../support/run-process.ts";

const NOT_BUILT = existsSync(BUILT_ENTRY) ? false : "dist/ is missing: npm run build";

test("the built meshctl shows help, and its version without a cluster", { skip: NOT_BUILT }, async () => {
  const help = await runMeshctl(["--help"]);
  assert.match(help.stdout, /^meshctl \d+\.\d+\.\d+: /);
  assert.equal(help.stderr, "");
  const env = { KUBECONFIG: "/nonexistent" };
  const version = await runMeshctl(["version", "--client", "--short"], { env });
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});

test("every verb shows its help, and nothing else", { skip: NOT_BUILT }, async () => {
  const { stdout } = await runMeshctl(["--help"]);
  const verbs = [...stdout.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name]) => name!);
  assert.ok(verbs.includes("version"), stdout);
  for (const verb of verbs) {
    const result = await runMeshctl([verb, "--help"], { env: { KUBECONFIG: "/nonexistent" } });
    assert.ok(
      result.stdout.startsWith(`meshctl ${verb}: `),
      describeRun("meshctl", [verb, "--help"], result),
    );
    assert.equal(result.stderr, "", verb);
  }
});

test("an older Node gets one clear line and exit 1", { skip: NOT_BUILT }, async (t) => {
  const old = await findOldNode();
  if (!old) return t.skip("no Node older than 22.19 on the PATH");
  const { stderr, stdout } = await runProcess(old, [BUILT_ENTRY, "--help"], { expectExit: 1 });
  assert.equal(stdout, "");
  assert.match(stderr, /^error: meshctl needs Node 22\.19 or newer, and this is \d+\.\d+\.\d+ \([^\n]*\)\n$/);
});

async function findOldNode(): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? "").split(":")) {
    const file = join(folder, "node");
    if (folder === "" || !existsSync(file)) continue;
    const { stdout } = await runProcess(file, ["--version"], { expectExit: "any" });
    const [major = 0, minor = 0] = stdout.replace("v", "").split(".").map(Number);
    if (major > 0 && (major < 22 || (major === 22 && minor < 19))) return file;
  }
  return undefined;
}

test("a reader that goes away ends a command quietly and successfully", { skip: NOT_BUILT }, async () => {
  const child = spawn(process.execPath, [BUILT_ENTRY, "completion", "bash"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const exitCode = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(stderr, "");
  assert.equal(exitCode, 0);
});

test("a server of the sample ends on SIGTERM, on Ctrl-C and with its terminal, with exit 0", {
  skip: NOT_BUILT,
}, async () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    const running = startProcess(process.execPath, [BUILT_ENTRY, "demo-app", "kv"], {
      env: { LISTEN_HOST: "127.0.0.1", PORT: "0" },
    });
    await running.waitFor(/listening/);
    running.child.kill(signal);
    const result = await running.done;
    assert.equal(result.exitCode, 0, describeRun("meshctl", ["demo-app", "kv"], result));
  }
});

test("errors go to stderr with a hint, and stdout stays empty", { skip: NOT_BUILT }, async () => {
  const result = await runMeshctl(["verison"], { expectExit: 1 });
  assert.equal(result.stdout, "");
  assert.equal(
    result.stderr,
    'error: meshctl has no command "verison", and there is no meshctl-verison on the PATH\nhint:  did you mean `meshctl version`?\nusage: see `meshctl --help`\n',
  );
});

test("a kubeconfig that is missing is one error with a hint", { skip: NOT_BUILT }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "meshctl-cli-"));
  t.after(() => rm(folder, { recursive: true }));
  const result = await runMeshctl(["version", "--kubeconfig", join(folder, "none")], {
    expectExit: 1,
    cwd: folder,
  });
  assert.match(result.stderr, /^error: kubeconfig [^\n]*none[^\n]*\nhint: {2}[^\n]+\n$/);
  assert.deepEqual(await readdir(folder), []);
});
