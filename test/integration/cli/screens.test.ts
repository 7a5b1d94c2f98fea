/** Live screens on a real terminal (tmux): what stands on it at three sizes, and after it became narrower. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startClusterServer } from "../../support/cluster-server.ts";
import { ROOT } from "../../support/run-process.ts";
import { until } from "../../support/until.ts";

const NO_TMUX = spawnSync("tmux", ["-V"]).error ? "tmux is not installed" : false;
const CLUSTER = fileURLToPath(new URL("../../golden/clusters/demo", import.meta.url));
const FRAMES = fileURLToPath(new URL("../../golden/screens/", import.meta.url));
/** A hang ends as a failure; it says nothing about speed. */
const LIMIT_MS = 60_000;

const run = promisify(execFile);
let sessions = 0;

interface Screen {
  text(): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
  press(...keys: string[]): Promise<void>;
}

/** A terminal of its own server, in which a line of meshctl runs, and after it a mark. */
async function startScreen(t: TestContext, line: string, columns: number, rows: number): Promise<Screen> {
  const server = await startClusterServer(CLUSTER);
  const socket = `meshctl-${process.pid}-${sessions++}`;
  const tmux = async (...args: string[]) =>
    (await run("tmux", ["-L", socket, "-f", "/dev/null", ...args])).stdout;
  t.after(async () => {
    await tmux("kill-server").catch(() => {});
    await server.close();
  });
  // A shell's lines are there before, and the screen begins at the top all the same.
  const command = `seq ${rows - 2}; env KUBECONFIG='${server.kubeconfig}' NO_COLOR=1 '${process.execPath}' --no-warnings '${ROOT}commands/main.ts' ${line}; echo "left with $?"; cat`;
  await tmux("new-session", "-d", "-x", String(columns), "-y", String(rows), command);
  return {
    text: async () => (await tmux("capture-pane", "-p")).trimEnd(),
    resize: async (width, height) => {
      await tmux("resize-window", "-x", String(width), "-y", String(height));
    },
    press: async (...keys) => {
      await tmux("send-keys", ...keys);
    },
  };
}

/** Waits for the frame of a file; `UPDATE_GOLDEN=1` writes it instead, when the screen shows `ready`. */
async function expectFrame(screen: Screen, name: string, ready: RegExp): Promise<void> {
  const path = `${FRAMES}${name}.txt`;
  if (process.env.UPDATE_GOLDEN === "1") {
    assert.ok(!process.env.CI, "golden files are not written in CI");
    await until("the screen", async () => ready.test(await screen.text()), LIMIT_MS);
    mkdirSync(FRAMES, { recursive: true });
    writeFileSync(path, `${await screen.text()}\n`);
    return;
  }
  assert.ok(existsSync(path), `there is no frame ${path}`);
  const expected = readFileSync(path, "utf8").trimEnd();
  let last = "";
  await until(name, async () => (last = await screen.text()) === expected, LIMIT_MS).catch(() => {});
  assert.equal(last, expected, name);
}

const READY = /prox(?:y|ies) answered[\s\S]*press q to quit/;

for (const [name, line] of [
  ["stat", "stat deploy -n demo --unmeshed -o wide --watch"],
  ["edges", "edges po -A -o wide --watch"],
  ["routes", "routes deploy/web --to svc/orders -n demo -o wide --watch"],
] as const) {
  for (const [columns, rows] of [
    [80, 24],
    [120, 30],
    [200, 50],
  ] as const) {
    test(`${name} on a terminal of ${columns} columns`, { skip: NO_TMUX }, async (t) => {
      const screen = await startScreen(t, line, columns, rows);
      await expectFrame(screen, `${name}-${columns}`, READY);
      await screen.press("q");
      await until("its end", async () => /left with 0/.test(await screen.text()), LIMIT_MS);
    });
  }
}

test("a terminal that becomes narrower and lower keeps no remains, and a wider one gets its columns back", {
  skip: NO_TMUX,
}, async (t) => {
  const screen = await startScreen(t, "stat deploy -n demo --unmeshed -o wide --watch", 120, 30);
  await expectFrame(screen, "stat-120", READY);
  await screen.resize(60, 12);
  await expectFrame(screen, "stat-60", /no room for/);
  await screen.resize(120, 30);
  await expectFrame(screen, "stat-120", READY);
});

test("p pauses, Ctrl-C leaves the terminal as it was, with the last table", { skip: NO_TMUX }, async (t) => {
  const screen = await startScreen(t, "stat deploy/web -n demo -w", 100, 24);
  await until("the table", async () => READY.test(await screen.text()), LIMIT_MS);
  await screen.press("p");
  await until("the pause", async () => /p to go on/.test(await screen.text()), LIMIT_MS);
  await screen.press("C-c");
  await until("its end", async () => /left with 0/.test(await screen.text()), LIMIT_MS);
  assert.match(await screen.text(), /^22\nNAME +MESHED.*\nweb +1\/1 +100\.00%/m);
  assert.doesNotMatch(await screen.text(), /press q/);
});
