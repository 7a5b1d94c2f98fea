/** Requests that wait for 100 Continue before they send their body (RFC 9110 section 10.1.1). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMesh, listenRaw } from "./harness.ts";
import { dialRaw, RawClient } from "./raw-client.ts";

const HEAD = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";

for (const protocolHint of [undefined, "h2"] as const) {
  const hop = protocolHint === "h2" ? "HTTP/2" : "HTTP/1";

  test(`a client whose expectation is refused hears that the connection ends, and keeps its body (${hop} between proxies)`, async (t) => {
    const appPort = await listenRaw(t, async (socket) => {
      const app = new RawClient(socket);
      await app.until("\r\n\r\n");
      // No `Connection: close`: without it a client would have to send the body that nobody wants.
      app.write("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno");
    });
    const mesh = await createMesh(t, { appPort, protocolHint });
    const client = dialRaw(t, mesh.servicePort);
    const text = await client.write(HEAD).untilEnd();
    assert.match(text, /^HTTP\/1\.1 417 /);
    assert.match(text, /\r\nconnection: close\r\n/i);
    assert.match(text, /\r\n\r\nno$/);
  });

  test(`after 100 Continue and the body the connection goes on (${hop} between proxies)`, async (t) => {
    const appPort = await listenRaw(t, async (socket) => {
      const app = new RawClient(socket);
      for (let round = 0; round < 2; round++) {
        await app.until("\r\n\r\n");
        app.write("HTTP/1.1 100 Continue\r\n\r\n");
        await app.until("body");
        app.clear();
        app.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      }
    });
    const mesh = await createMesh(t, { appPort, protocolHint });
    const client = dialRaw(t, mesh.servicePort);
    for (let round = 0; round < 2; round++) {
      client.clear();
      await client.write(HEAD).until("100 Continue\r\n");
      const text = await client.write("body").until("\r\n\r\nok");
      assert.doesNotMatch(text, /connection: close/i);
    }
  });
}
