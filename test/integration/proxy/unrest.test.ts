import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { test } from "node:test";
import { createMesh, HOST, type Mesh, SERVICE } from "./harness.ts";
import { dialRaw } from "./raw-client.ts";

/** A small generator with a fixed seed (mulberry32). */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const REQUESTS = [
  "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
  "HEAD /plain HTTP/1.1\r\nHost: x\r\n\r\n",
  "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
  "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
  "GET /die HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /die-within HTTP/1.1\r\nHost: x\r\n\r\n",
  "POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nstart",
  "GET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  "GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
  "GET /plain HTTP/1.0\r\n\r\n",
  "BROKEN /request\r\n\r\n",
  "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
  "\x00\x01 not http at all",
];

async function unrestfulApp(t: { after(callback: () => void): void }): Promise<number> {
  const server = createServer(async (request, response) => {
    request.on("error", () => {});
    if (request.url === "/die") return void request.socket.destroy();
    if (request.url === "/refuse") return void response.writeHead(413, { Connection: "close" }).end();
    if (request.url === "/large") return void response.end(Buffer.alloc(300_000, "x"));
    if (request.url === "/die-within") {
      response.write("half");
      return void setImmediate(() => request.socket.destroy());
    }
    try {
      for await (const chunk of request) response.write(chunk);
    } catch {
      return;
    }
    response.end("done");
  });
  const upgraded = new Set<Socket>();
  server.on("upgrade", (_request, socket: Socket) => {
    upgraded.add(socket);
    socket.on("error", () => {});
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
  });
  return (server.address() as { port: number }).port;
}

/** One client that sends some requests, cut anywhere, and leaves in some way. Resolves when its connection is over. */
async function misbehave(t: Parameters<typeof dialRaw>[0], mesh: Mesh, random: () => number): Promise<void> {
  const pick = (count: number) => Math.floor(random() * count);
  const port = [mesh.servicePort, mesh.podPort, mesh.httpProxyPort][pick(3)]!;
  const client = dialRaw(t, port);
  const closed = new Promise<void>((resolve) => client.socket.once("close", () => resolve()));
  await new Promise<void>((resolve) => client.socket.once("connect", () => resolve()));
  const count = 1 + pick(4);
  for (let index = 0; index < count; index++) {
    const request = REQUESTS[pick(REQUESTS.length)]!.replace("Host: x", `Host: ${SERVICE}`);
    const cut = pick(3) === 0 ? pick(request.length) : request.length;
    client.write(request.slice(0, cut));
    if (pick(2) === 0) await new Promise((resolve) => setImmediate(resolve));
    if (cut < request.length && pick(2) === 0) client.write(request.slice(cut));
  }
  switch (pick(4)) {
    case 0:
      client.socket.destroy();
      break;
    case 1:
      client.socket.resetAndDestroy();
      break;
    case 2:
      client.end();
      break;
    default:
      await new Promise((resolve) => setTimeout(resolve, pick(20)));
      client.end();
      client.socket.destroySoon();
  }
  await closed;
}

for (const seed of [1, 2, 3]) {
  test(`whatever clients and applications do, every exchange and connection ends once (seed ${seed})`, async (t) => {
    const mesh = await createMesh(t, {
      appPort: await unrestfulApp(t),
      // Nothing that hangs is to be saved by this limit.
      config: { inbound: { detectTimeoutMs: 86_400_000 } },
    });
    const random = seeded(seed);
    for (let round = 0; round < 12; round++) {
      const clients = [];
      for (let index = 0; index < 10; index++) clients.push(misbehave(t, mesh, random));
      await Promise.all(clients);
    }
    // Still well after all that.
    const last = dialRaw(t, mesh.servicePort);
    last.write(REQUESTS[0]!);
    await last.until("done");
    last.end();
    await last.untilEnd();
    const never = new AbortController().signal;
    await mesh.outbound.drain(never);
    await mesh.inbound.drain(never);
    assert.deepEqual(mesh.client.violations, []);
    assert.deepEqual(mesh.server.violations, []);
    assert.deepEqual([mesh.client.openExchanges, mesh.server.openExchanges], [0, 0]);
    await mesh.client.allTransportsClosed();
    await mesh.server.allTransportsClosed();
    for (const held of [mesh.serverPolicy, mesh.outboundPolicy, mesh.endpoints]) {
      assert.deepEqual([held.holders, held.listenerCount], [0, 0]);
    }
  });
}
