/** Requests that name no host, which HTTP/1.0 and an empty Host field allow. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMesh, listenRaw } from "./harness.ts";
import { dialRaw, RawClient } from "./raw-client.ts";

for (const protocolHint of [undefined, "h2"] as const) {
  const hop = protocolHint === "h2" ? "HTTP/2" : "HTTP/1";
  for (const [what, request, expected] of [
    ["an empty Host stays one", "GET / HTTP/1.1\r\nHost:\r\n\r\n", /\r\nHost: ?\r\n/i],
    ["HTTP/1.0 without Host gets none", "GET / HTTP/1.0\r\n\r\n", /^GET \/ HTTP\/1\.0\r\n(?!.*host:)/is],
  ] as const) {
    test(`${what} for the application (${hop} between proxies)`, async (t) => {
      let heard = "";
      const appPort = await listenRaw(t, async (socket) => {
        const app = new RawClient(socket);
        heard = await app.until("\r\n\r\n");
        app.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").end();
      });
      const mesh = await createMesh(t, { appPort, protocolHint });
      const text = await dialRaw(t, mesh.servicePort).write(request).until("ok");
      assert.match(text, /^HTTP\/1\.[01] 200 /);
      assert.match(heard, expected);
    });
  }
}
