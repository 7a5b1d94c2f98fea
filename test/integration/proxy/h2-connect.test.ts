import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from "node:http2";
import type { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { createMesh, HOST, listenRaw, onlyIdentity, SERVICE } from "./harness.ts";

function open(t: TestContext, port: number): ClientHttp2Session {
  const session = connect(`http://${HOST}:${port}`);
  session.on("error", () => {});
  t.after(() => session.destroy());
  return session;
}

/** Opens a tunnel; resolves with the answer. */
async function tunnel(
  session: ClientHttp2Session,
  authority: string,
): Promise<{ stream: ClientHttp2Stream; headers: IncomingHttpHeaders }> {
  const stream = session.request({ ":method": "CONNECT", ":authority": authority });
  stream.on("error", () => {});
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
  return { stream, headers };
}

async function readAll(stream: ClientHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const echo = (socket: Socket): void => void socket.pipe(socket);

test("a tunnel through the HTTP proxy port carries bytes both ways, and each half closes for itself", async (t) => {
  const mesh = await createMesh(t, { appPort: await listenRaw(t, echo) });
  const { stream, headers } = await tunnel(open(t, mesh.httpProxyPort), `${SERVICE}:80`);
  assert.equal(headers[":status"], 200);
  stream.end("\x00\x01 bytes that are no HTTP");
  assert.equal((await readAll(stream)).toString("latin1"), "\x00\x01 bytes that are no HTTP");
  const [record] = await mesh.client.closedCount(1);
  assert.equal(record!.protocol, "opaque");
  assert.equal(record!.target, `${SERVICE}:80`);
  assert.deepEqual(mesh.client.violations, []);
});

test("a tunnel is slowed down by whoever does not read, and arrives whole", async (t) => {
  const size = 8 * 1024 * 1024;
  const mesh = await createMesh(t, { appPort: await listenRaw(t, echo) });
  const { stream } = await tunnel(open(t, mesh.httpProxyPort), `${SERVICE}:80`);
  const sent = Buffer.alloc(size);
  for (let at = 0; at < size; at += 4) sent.writeUInt32LE(at, at);
  stream.end(sent);
  assert.ok((await readAll(stream)).equals(sent));
});

test("HTTP inside a tunnel is seen as HTTP, and tunnels share a connection", async (t) => {
  const app = createServer((request, response) => void response.end(`saw ${request.url}`));
  await new Promise<void>((resolve) => app.listen(0, HOST, resolve));
  t.after(() => {
    app.close();
    app.closeAllConnections();
  });
  const mesh = await createMesh(t, { appPort: (app.address() as { port: number }).port });
  const session = open(t, mesh.httpProxyPort);
  const tunnels = await Promise.all([tunnel(session, `${SERVICE}:80`), tunnel(session, `${SERVICE}:80`)]);
  for (const [index, { stream }] of tunnels.entries()) {
    stream.end(`GET /${index} HTTP/1.1\r\nHost: ${SERVICE}\r\nConnection: close\r\n\r\n`);
    assert.match((await readAll(stream)).toString(), new RegExp(`^HTTP/1.1 200 OK[^]*saw /${index}`));
  }
  const records = await mesh.client.closedCount(2);
  assert.deepEqual(records.map(({ path }) => path).sort(), ["/0", "/1"]);
});

test("an application that takes CONNECT gets it as HTTP/1, and its answer opens the tunnel", async (t) => {
  const app = createServer();
  const targets: string[] = [];
  app.on("connect", (request, socket: Socket) => {
    targets.push(request.url!);
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => app.listen(0, HOST, resolve));
  t.after(() => {
    app.close();
    app.closeAllConnections();
  });
  const mesh = await createMesh(t, { appPort: (app.address() as { port: number }).port, protocolHint: "h2" });
  const { stream, headers } = await tunnel(open(t, mesh.servicePort), "inside:5432");
  assert.equal(headers[":status"], 200);
  stream.write("ping");
  const [chunk] = (await once(stream, "data")) as [Buffer];
  assert.equal(chunk.toString(), "ping");
  stream.end();
  await once(stream, "close");
  assert.deepEqual(targets, ["inside:5432"]);
  const [record] = await mesh.client.closedCount(1);
  assert.equal(record!.method, "CONNECT");
  assert.equal(record!.status, 200);
});

test("a client that resets its tunnel leaves nothing open, and other streams go on", async (t) => {
  const mesh = await createMesh(t, { appPort: await listenRaw(t, echo) });
  const session = open(t, mesh.httpProxyPort);
  const { stream } = await tunnel(session, `${SERVICE}:80`);
  stream.write("\x00 one");
  await once(stream, "data");
  const other = await tunnel(session, `${SERVICE}:80`);
  stream.close(8);
  await mesh.client.closedCount(1);
  other.stream.end("\x00 two");
  assert.equal((await readAll(other.stream)).toString(), "\x00 two");
  session.close();
  await mesh.client.allTransportsClosed();
});

test("a CONNECT that policy forbids is answered, and opens nothing", async (t) => {
  let connections = 0;
  const appPort = await listenRaw(t, () => void connections++);
  const mesh = await createMesh(t, {
    appPort,
    serverPolicy: { authorizations: [onlyIdentity("somebody.else")] },
  });
  const { stream, headers } = await tunnel(open(t, mesh.servicePort), "inside:5432");
  assert.equal(headers[":status"], 403);
  stream.end();
  await readAll(stream);
  assert.equal(connections, 0);
});
