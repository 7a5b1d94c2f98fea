/** HTTP/1 clients that have closed their half of the connection: they may be reading, or they may be gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../../support/clock.ts";
import { until } from "../../support/until.ts";
import { createMesh, listenRaw, SERVICE } from "./harness.ts";
import { dialRaw, RawClient } from "./raw-client.ts";

const GET = `GET / HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`;
const SILENCE_MS = 5000;

for (const protocolHint of [undefined, "h2"] as const) {
  const hop = protocolHint === "h2" ? "HTTP/2" : "HTTP/1";

  test(`a client that closes while its application hangs is given up after a silence, and so is its request (${hop} between proxies)`, async (t) => {
    const clock = new FakeClock();
    const arrived = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const appPort = await listenRaw(t, async (socket) => {
      socket.once("end", () => gone.resolve());
      await new RawClient(socket).until("\r\n\r\n");
      arrived.resolve();
    });
    const mesh = await createMesh(t, { appPort, protocolHint, clock });
    const client = dialRaw(t, mesh.servicePort);
    client.write(GET);
    await arrived.promise;
    const timers = clock.pending;
    client.socket.destroy();
    await until("the proxy to see it", () => clock.pending > timers);
    clock.advance(SILENCE_MS - 1);
    assert.equal(mesh.client.openExchanges, 1, "it could still be reading");
    clock.advance(1);
    const [record] = await mesh.client.closedCount(1);
    assert.deepEqual([record!.errorCode, record!.status], ["CLIENT_GONE", 0]);
    // By HTTP/1 the server's proxy hears of it as this one did.
    await until("the server's proxy to give up too", () => {
      clock.advance(SILENCE_MS);
      return mesh.server.openExchanges === 0;
    });
    await gone.promise;
  });

  test(`a client that closed its half gets a response that takes long, as long as it goes on (${hop} between proxies)`, async (t) => {
    const clock = new FakeClock();
    const app = Promise.withResolvers<RawClient>();
    const appPort = await listenRaw(t, async (socket) => {
      const raw = new RawClient(socket);
      await raw.until("\r\n\r\n");
      raw.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
      app.resolve(raw);
    });
    const mesh = await createMesh(t, { appPort, protocolHint, clock });
    const client = dialRaw(t, mesh.servicePort);
    const timers = clock.pending;
    client.write(GET).end();
    const raw = await app.promise;
    await client.until("\r\n\r\n");
    await until("the proxy to see its end", () => clock.pending > timers);
    for (const part of ["#a", "#b", "#c", "#d"]) {
      raw.write(part);
      await client.until(part);
      clock.advance(SILENCE_MS);
    }
    raw.write("#e");
    assert.match(await client.untilEnd(), /\r\n\r\n#a#b#c#d#e$/);
  });
}
