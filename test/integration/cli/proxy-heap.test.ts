import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../../commands/main.ts", import.meta.url));
/** Says with which flags the process ran that ends. */
const PROBE = `--import=data:text/javascript,process.on("exit",()=>console.log(process.execArgv.join()))`;

/** A proxy without configuration: it ends at once, with status 64. */
function runProxy(flags: readonly string[], env: Record<string, string>) {
  const { status, stdout } = spawnSync(process.execPath, [...flags, PROBE, MAIN, "proxy"], {
    env: { PATH: process.env.PATH, ...env },
    encoding: "utf8",
  });
  return { status, flags: stdout.trim() };
}

test("a proxy restarts itself with little room for new objects, and keeps its flags, its streams and its status", () => {
  const { status, flags } = runProxy(["--no-warnings"], {});
  assert.equal(status, 64);
  assert.match(flags, /^--max-semi-space-size=2,--no-warnings,--import=/);
});

test("a proxy keeps the room that its starter gives, as a flag or in NODE_OPTIONS", () => {
  assert.match(runProxy(["--max-semi-space-size=8"], {}).flags, /^--max-semi-space-size=8,--import=/);
  assert.match(runProxy([], { NODE_OPTIONS: "--max-semi-space-size=8" }).flags, /^--import=/);
});
