import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { connect, createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { freePort } from "../../support/free-port.ts";
import { createMesh, HOST, SERVER_ID, SERVICE } from "./harness.ts";

/** An application on a Unix socket behind one proxy, and a service that another proxy listens for on another. */
async function unixMesh(t: TestContext, app: Server) {
  const folder = await mkdtemp(join(tmpdir(), "meshctl-sock-"));
  const paths = { app: join(folder, "app.sock"), service: join(folder, "web.sock") };
  app.listen(paths.app);
  await once(app, "listening");
  t.after(async () => {
    app.close();
    await rm(folder, { recursive: true, force: true });
  });
  const podPort = await freePort();
  const mesh = await createMesh(t, {
    appPort: 1,
    protocolHint: "h2",
    config: {
      inbound: { listeners: [{ listen: { host: HOST, port: podPort }, target: { path: paths.app } }] },
      outbound: { services: [{ listen: { path: paths.service }, name: SERVICE, port: 80 }] },
    },
  });
  // The endpoint that discovery names is the port behind which the socket is.
  const [known] = mesh.endpoints.current.endpoints.values();
  const moved = { ...known!, address: `${HOST}:${podPort}`, port: podPort };
  mesh.endpoints.set({ known: true, exists: true, endpoints: new Map([[moved.address, moved]]) });
  return { mesh, paths };
}

test("an application and a service's listener may be Unix sockets: requests go through, with mesh TLS between", async (t) => {
  const { mesh, paths } = await unixMesh(
    t,
    createServer((request, response) => void response.end(`${request.url} for ${request.headers.host}`)),
  );
  const get = async (path: string): Promise<string> => {
    const request = httpRequest({ socketPath: paths.service, path, headers: { host: SERVICE } });
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
    return text;
  };
  assert.equal(await get("/a"), `/a for ${SERVICE}`);
  assert.equal(await get("/b"), `/b for ${SERVICE}`);
  const [record] = await mesh.client.closedCount(2);
  assert.equal(record!.client, "unix");
  assert.equal(record!.target, `${SERVICE}:80`);
  assert.equal(record!.peerIdentity, SERVER_ID);
  assert.deepEqual(mesh.client.violations, []);
  assert.deepEqual(mesh.server.violations, []);
});

test("opaque bytes pass Unix sockets on both ends, and each half closes for itself", async (t) => {
  const { paths } = await unixMesh(
    t,
    createTcpServer({ allowHalfOpen: true }, (socket) => void socket.pipe(socket)),
  );
  const client = connect({ path: paths.service, allowHalfOpen: true });
  client.end("\x00\x01 not HTTP");
  let text = "";
  for await (const chunk of client.setEncoding("latin1")) text += chunk;
  assert.equal(text, "\x00\x01 not HTTP");
});

test("a drained proxy leaves no socket file behind", async (t) => {
  const { mesh, paths } = await unixMesh(t, createTcpServer());
  assert.ok((await stat(paths.service)).isSocket());
  await mesh.outbound.drain(new AbortController().signal);
  await assert.rejects(stat(paths.service), { code: "ENOENT" });
});
