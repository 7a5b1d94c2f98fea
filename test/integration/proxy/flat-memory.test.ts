import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { createMesh, HOST, listenRaw, SERVICE } from "./harness.ts";

const BODY_BYTES = 200 * 1024 * 1024;
const CHUNK = Buffer.alloc(256 * 1024, "x");
/** Far less than the body, far more than what all sockets, codecs and the garbage of both proxies, client and application take. */
const GROWTH_BYTES_MAX = 100 * 1024 * 1024;

/** As fast as its reader lets it. */
function pour(socket: Socket): void {
  let left = BODY_BYTES;
  const more = () => {
    while (left > 0) {
      left -= CHUNK.length;
      if (!socket.write(CHUNK)) return;
    }
    socket.end();
  };
  socket.on("drain", more);
  more();
}

const WAYS = {
  "HTTP/1": {},
  "HTTP/1 over HTTP/2": { protocolHint: "h2" },
  opaque: { outboundPolicy: { protocol: "opaque" }, serverPolicy: { protocol: { kind: "opaque" } } },
} as const;

for (const [name, options] of Object.entries(WAYS)) {
  test(`memory stays flat while a slow client reads 200 MB (${name})`, async (t) => {
    const appPort = await listenRaw(t, (socket) =>
      socket.once("data", () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`);
        pour(socket);
      }),
    );
    const mesh = await createMesh(t, { appPort, ...options });
    const client = connect({ host: HOST, port: mesh.servicePort });
    t.after(() => client.destroy());
    client.write(`GET / HTTP/1.1\r\nHost: ${SERVICE}\r\nConnection: close\r\n\r\n`);
    const before = process.memoryUsage.rss();
    let bytes = 0;
    let most = 0;
    // Every chunk costs it a few turns of the event loop, in which everybody else goes on.
    for await (const chunk of client) {
      bytes += (chunk as Buffer).length;
      for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
      most = Math.max(most, process.memoryUsage.rss());
    }
    assert.ok(bytes > BODY_BYTES, `${bytes} bytes came`);
    assert.ok(most - before < GROWTH_BYTES_MAX, `grew by ${Math.round((most - before) / 2 ** 20)} MB`);
  });
}
