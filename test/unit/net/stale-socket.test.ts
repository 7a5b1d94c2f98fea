import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { listen } from "../../../src/net/listen.ts";

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "meshctl-unix-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("a Unix socket that a killed process left behind is taken over", async (t) => {
  const folder = await directory(t);
  const path = join(folder, "app.sock");
  const script = join(folder, "leave.mjs");
  await writeFile(
    script,
    `import { createServer } from "node:net";
     createServer().listen(${JSON.stringify(path)}, () => process.send("listening"));`,
  );
  const child = fork(script);
  await once(child, "message");
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.ok((await stat(path)).isSocket());
  const listener = await listen({ path }, "test", () => {});
  await listener.stop();
});

test("a Unix socket that somebody listens on is not taken away", async (t) => {
  const path = join(await directory(t), "app.sock");
  const first = await listen({ path }, "first", () => {});
  t.after(() => first.stop());
  await assert.rejects(
    listen({ path }, "second", () => {}),
    { code: "LISTEN_FAILED" },
  );
});

test("a file that is no socket stays, and listening there fails", async (t) => {
  const path = join(await directory(t), "notes.txt");
  await writeFile(path, "keep me");
  await assert.rejects(
    listen({ path }, "test", () => {}),
    { code: "LISTEN_FAILED" },
  );
  assert.ok((await stat(path)).isFile());
});
