/** What the HTTP/2 specification asks of a server, sent by h2spec to both listeners of real proxies. */
import assert from "node:assert/strict";
import { createServer } from "node:http2";
import { after, before, describe, test } from "node:test";
import { runProcess } from "../support/run-process.ts";
import { goTool } from "./support/go-tools.ts";
import { type MeshPair, PAIR_MISSING, startMeshPair } from "./support/mesh-pair.ts";

const H2SPEC = await goTool("h2spec");

describe("h2spec", { skip: H2SPEC.missing || PAIR_MISSING }, () => {
  let pair: MeshPair;
  const app = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.end("hello"));
  });

  before(async () => {
    pair = await startMeshPair();
    await new Promise<void>((resolve) => app.listen(pair.appPort, pair.server.appHost, resolve));
  });
  after(async () => {
    await pair?.stop();
    app.close();
  });

  for (const side of ["outbound", "inbound"] as const) {
    test(`finds nothing wrong with the ${side} listener: generic, http2 and hpack, strict`, async (t) => {
      const { host, port } =
        side === "outbound" ? pair.entrance : { host: pair.server.podHost, port: pair.port };
      const args = ["--host", host, "--port", String(port), "--timeout", "5", "--strict"];
      const { stdout } = await runProcess(H2SPEC.path, args, { limitMs: 120_000 });
      const [summary, count] = /(\d+) tests, \d+ passed, 0 skipped, 0 failed/.exec(stdout) ?? [];
      assert.ok(summary, stdout);
      // Should a section go missing, passing would say less than it seems to.
      assert.ok(Number(count) >= 146, summary);
      t.diagnostic(`${side}: ${summary}`);
    });
  }
});
