import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http2";
import { test } from "node:test";
import { createMesh, HOST } from "./harness.ts";

/** Path of h2spec (`go install github.com/summerwind/h2spec/cmd/h2spec@latest`); without it there is nothing to run. */
const H2SPEC = process.env.H2SPEC;

async function h2spec(port: number): Promise<{ code: number; output: string }> {
  const child = spawn(H2SPEC!, ["--host", HOST, "--port", String(port), "--timeout", "5", "--strict"]);
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const code = await new Promise<number>((resolve) => child.on("close", resolve));
  return { code, output };
}

for (const side of ["outbound", "inbound"] as const) {
  test(`h2spec finds nothing wrong with the ${side} listener`, {
    skip: !H2SPEC && "H2SPEC is not set",
  }, async (t) => {
    const server = createServer((request, response) => {
      request.resume();
      request.on("end", () => response.end("hello"));
    });
    await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
    t.after(() => server.close());
    const mesh = await createMesh(t, { appPort: (server.address() as { port: number }).port });
    const { code, output } = await h2spec(side === "outbound" ? mesh.servicePort : mesh.podPort);
    assert.equal(code, 0, output);
    assert.match(output, /\d+ tests, \d+ passed, 0 skipped, 0 failed/);
  });
}
