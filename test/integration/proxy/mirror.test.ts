import assert from "node:assert/strict";
import { createServer, request as httpRequest, type RequestListener } from "node:http";
import { type TestContext, test } from "node:test";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { RequestMirror } from "../../../src/policy/outbound.ts";
import { createMesh, endpoint, HOST, listenRaw, type Mesh, rule, SERVICE } from "./harness.ts";

async function listenHttp(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as { port: number }).port;
}

interface Copy {
  readonly method: string;
  readonly url: string;
  readonly host: string | undefined;
  readonly body: string;
}

/** Collects what reaches it, and answers nonsense, which nobody may see. */
async function listenMirror(t: TestContext): Promise<{ port: number; next(): Promise<Copy> }> {
  const copies: Copy[] = [];
  const waiting: ((copy: Copy) => void)[] = [];
  const port = await listenHttp(t, async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("latin1")) body += chunk;
    response.writeHead(500, { "x-mirror": "yes" });
    response.end("mirrored");
    const copy = { method: request.method!, url: request.url!, host: request.headers.host, body };
    const resolve = waiting.shift();
    if (resolve) resolve(copy);
    else copies.push(copy);
  });
  const next = async () => copies.shift() ?? (await new Promise<Copy>((resolve) => waiting.push(resolve)));
  return { port, next };
}

function mirrorTo(port: number, ratio = 1): RequestMirror {
  return {
    backend: { meta: defaultMeta("mirror"), target: { kind: "forward", endpoint: endpoint(port) } },
    ratio,
  };
}

/** The service answers with the length of the body that it got. */
async function mirrored(t: TestContext, mirrors: readonly RequestMirror[]): Promise<Mesh> {
  const appPort = await listenHttp(t, async (request, response) => {
    let bytes = 0;
    for await (const chunk of request) bytes += (chunk as Buffer).length;
    response.end(`app ${request.url} ${bytes}`);
  });
  const route = { meta: defaultMeta("http"), hosts: [], rules: [rule(`${SERVICE}:80`, { mirrors })] };
  return await createMesh(t, { appPort, outboundPolicy: { httpRoutes: [route] } });
}

function ask(mesh: Mesh, method: string, path: string, body?: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { host: HOST, port: mesh.servicePort, method, path, headers: { host: SERVICE }, agent: false },
      async (response) => {
        let text = `${response.statusCode} `;
        for await (const chunk of response.setEncoding("utf8")) text += chunk;
        resolve(text);
      },
    );
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

test("a mirror gets a copy of each request, with its body; the answer is the service's, and so is the record", async (t) => {
  const mirror = await listenMirror(t);
  const mesh = await mirrored(t, [mirrorTo(mirror.port)]);
  assert.equal(await ask(mesh, "GET", "/a?b=c"), "200 app /a?b=c 0");
  assert.deepEqual(await mirror.next(), { method: "GET", url: "/a?b=c", host: SERVICE, body: "" });
  const body = Buffer.alloc(40_000, "x");
  assert.equal(await ask(mesh, "POST", "/post", body), "200 app /post 40000");
  const copy = await mirror.next();
  assert.equal(copy.body, body.toString("latin1"));
  const records = await mesh.client.closedCount(2);
  assert.deepEqual(
    records.map(({ method, status }) => `${method} ${status}`),
    ["GET 200", "POST 200"],
  );
  assert.equal(mesh.client.openExchanges, 0);
  assert.deepEqual(mesh.client.violations, []);
});

test("a mirror that is not there, does not answer or does not read holds nothing up", async (t) => {
  const silent = await listenRaw(t, (socket) => socket.pause());
  const refusing = await listenRaw(t, (socket) => socket.destroy());
  const mesh = await mirrored(t, [mirrorTo(silent), mirrorTo(refusing), mirrorTo(1)]);
  assert.equal(await ask(mesh, "GET", "/"), "200 app / 0");
  // More than what may wait for a mirror and lie in the system's buffers.
  const body = Buffer.alloc(16 * 1024 * 1024, "x");
  assert.equal(await ask(mesh, "POST", "/big", body), `200 app /big ${body.length}`);
  const records = await mesh.client.closedCount(2);
  assert.equal(records.length, 2);
});

test("a share of nothing is nothing, and a backend's mirror follows that backend", async (t) => {
  const never = await listenMirror(t);
  const followed = await listenMirror(t);
  const mesh = await mirrored(t, [mirrorTo(never.port, 0)]);
  const current = mesh.outboundPolicy.current;
  const [only] = current.httpRoutes[0]!.rules;
  const [weighted] = only!.backends.backends;
  const backends = {
    ...only!.backends,
    backends: [{ ...weighted!, mirrors: [mirrorTo(followed.port), mirrorTo(never.port, 0)] }],
  };
  mesh.outboundPolicy.set({
    ...current,
    httpRoutes: [{ ...current.httpRoutes[0]!, rules: [{ ...only!, backends }] }],
  });
  let reached = false;
  void never.next().then(() => {
    reached = true;
  });
  for (let count = 0; count < 5; count++) {
    assert.equal(await ask(mesh, "GET", `/${count}`), `200 app /${count} 0`);
    assert.equal((await followed.next()).url, `/${count}`);
  }
  assert.equal(reached, false);
});
