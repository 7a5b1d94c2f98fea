import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import * as http from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openPki } from "../../../src/local/apiserver/auth/pki.ts";
import { runMeshctl } from "../../support/run-process.ts";

const MANIFEST = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers: []
`;

async function startSite(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), "meshctl-fetch-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const pki = await openPki(join(dir, "pki"), Date.now());
  const { certPem, keyPem } = await pki.serverCertificate(["127.0.0.1"]);
  const ca = join(dir, "ca.pem");
  await writeFile(ca, pki.caPem);
  const server = createServer({ cert: certPem, key: keyPem }, (request, response) => {
    if (request.url === "/web.yaml") response.end(MANIFEST);
    else response.writeHead(404).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // A proxy of the machine that runs the test must not take part.
  return { url, env: { NODE_EXTRA_CA_CERTS: ca, HTTPS_PROXY: undefined, NO_PROXY: undefined } };
}

/** An HTTP proxy that knows CONNECT, and what it was asked for. */
async function startConnectProxy(t: TestContext) {
  const asked: string[] = [];
  const proxy = http.createServer();
  proxy.on("connect", (request, socket) => {
    asked.push(request.url!);
    const [host, port] = request.url!.split(":");
    const upstream = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => proxy.close());
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, asked };
}

test("inject reads a manifest over https", async (t) => {
  const site = await startSite(t);
  const result = await runMeshctl(["inject", `${site.url}/web.yaml`], { env: site.env });
  assert.equal(result.exitCode, 0, result.stderr);
  assert.match(result.stdout, /meshctl\.io\/inject: enabled/);
});

test("inject goes through HTTPS_PROXY, and past it where NO_PROXY says so", async (t) => {
  const site = await startSite(t);
  const proxy = await startConnectProxy(t);
  const env = { ...site.env, HTTPS_PROXY: proxy.url };
  const through = await runMeshctl(["inject", `${site.url}/web.yaml`], { env });
  assert.equal(through.exitCode, 0, through.stderr);
  assert.deepEqual(proxy.asked, [new URL(site.url).host]);
  const past = await runMeshctl(["inject", `${site.url}/web.yaml`], {
    env: { ...env, NO_PROXY: "127.0.0.1" },
  });
  assert.equal(past.exitCode, 0, past.stderr);
  assert.equal(proxy.asked.length, 1);
});

test("inject names the address that answers with something else than the file", async (t) => {
  const site = await startSite(t);
  const result = await runMeshctl(["inject", `${site.url}/nothing.yaml`], {
    env: site.env,
    expectExit: 1,
  });
  assert.equal(result.stdout, "");
  assert.match(result.stderr, /nothing\.yaml answered 404 Not Found, not 200/);
});
