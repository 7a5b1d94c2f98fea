/** Go's net/http as server and as client, HTTP/1 and HTTP/2, through two proxies and through the server's alone. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type RunningProcess, runProcess, startProcess } from "../support/run-process.ts";
import { goTool } from "./support/go-tools.ts";
import { type MeshPair, PAIR_MISSING, startMeshPair } from "./support/mesh-pair.ts";

const APPS = await goTool("apps");
/** The client names its cases; fewer would mean that it stopped early. */
const CASES = 24;

describe("Go's net/http", { skip: APPS.missing || PAIR_MISSING }, () => {
  let pair: MeshPair;
  let server: RunningProcess;

  before(async () => {
    pair = await startMeshPair();
    server = startProcess(APPS.path, ["server", `${pair.server.appHost}:${pair.appPort}`]);
    await server.waitFor(/listening/);
  });
  after(async () => {
    server?.child.kill();
    await pair?.stop();
  });

  for (const way of ["through both proxies", "from outside the mesh"] as const) {
    test(`client and server work as without proxies ${way}`, async () => {
      const { host, port } =
        way === "through both proxies" ? pair.entrance : { host: pair.server.podHost, port: pair.port };
      const { stdout } = await runProcess(APPS.path, ["client", `http://${host}:${port}`], {
        expectExit: "any",
        limitMs: 120_000,
      });
      const lines = stdout.trimEnd().split("\n");
      assert.deepEqual(
        lines.filter((line) => !line.startsWith("ok ")),
        [],
        stdout,
      );
      assert.equal(lines.length, CASES, stdout);
    });
  }
});
