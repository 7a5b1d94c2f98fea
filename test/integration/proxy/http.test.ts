import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createServer, type RequestListener } from "node:http";
import { type TestContext, test } from "node:test";
import { CLIENT_ID, createMesh, HOST, listenRaw, type MeshOptions, SERVER_ID, SERVICE } from "./harness.ts";
import { dialRaw, RawClient } from "./raw-client.ts";

async function listenHttp(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as { port: number }).port;
}

async function httpMesh(t: TestContext, listener: RequestListener, options: Partial<MeshOptions> = {}) {
  return await createMesh(t, { appPort: await listenHttp(t, listener), ...options });
}

const GET = `GET /a?b HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`;

for (const isMeshed of [true, false]) {
  test(`a request passes both ways, its headers as they were written (${isMeshed ? "mesh TLS" : "plaintext endpoint"})`, async (t) => {
    const seen: string[][] = [];
    const mesh = await httpMesh(
      t,
      (request, response) => {
        seen.push(request.rawHeaders);
        response.setHeader("X-Reply", request.url!);
        response.end("hello");
      },
      { isMeshed },
    );
    const client = dialRaw(t, mesh.servicePort);
    client.write(`GET /a?b HTTP/1.1\r\nhOST: ${SERVICE}\r\nX-Odd-CASE: 1\r\nx-odd-case: 2\r\n\r\n`);
    const text = await client.until("hello");
    assert.match(text, /^HTTP\/1\.1 200 OK\r\nX-Reply: \/a\?b\r\n/);
    const identity = isMeshed ? ["l5d-client-id", CLIENT_ID] : [];
    assert.deepEqual(seen, [["hOST", SERVICE, "X-Odd-CASE", "1", "x-odd-case", "2", ...identity]]);
    const [record] = await mesh.client.closedCount(1);
    assert.equal(record!.status, 200);
    assert.equal(record!.target, `${SERVICE}:80`);
    assert.equal(record!.parent, "core/Service/web");
    assert.equal(record!.path, "/a?b");
    assert.equal(record!.tls, isMeshed ? "true" : "not_provided_by_service_discovery");
    assert.equal(record!.peerIdentity, isMeshed ? SERVER_ID : "");
    assert.equal(record!.responseBytes, 5);
    assert.equal(record!.endpointReason, "p2c 1 of 1 ready");
    assert.deepEqual(mesh.client.violations, []);
    if (!isMeshed) return;
    const [inbound] = await mesh.server.closedCount(1);
    assert.equal(inbound!.peerIdentity, CLIENT_ID);
    assert.equal(inbound!.tls, "true");
    assert.equal(inbound!.target, String(mesh.podPort));
    assert.equal(inbound!.authorization, "/default/all-unauthenticated");
    assert.equal(inbound!.verdict, "allowed");
    assert.deepEqual(mesh.server.violations, []);
  });
}

test("requests of one connection share it upstream, and pipelined ones are answered in order", async (t) => {
  const mesh = await httpMesh(t, (request, response) => response.end(`<${request.url}>`));
  const client = dialRaw(t, mesh.servicePort);
  const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
  client.write(request("/1") + request("/2") + request("/3"));
  const text = await client.until("</3>");
  assert.ok(text.indexOf("</1>") < text.indexOf("</2>"));
  assert.ok(text.indexOf("</2>") < text.indexOf("</3>"));
  client.write(request("/4"));
  await client.until("</4>");
  const dialled = mesh.client.transports.filter((each) => each.peer === "dst");
  assert.equal(dialled.length, 1);
  assert.equal(mesh.server.transports.filter((each) => each.peer === "dst").length, 1);
});

test("chunked bodies and trailers pass both ways", async (t) => {
  const mesh = await httpMesh(t, (request, response) => {
    let body = "";
    request.setEncoding("latin1");
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      response.writeHead(200, { Trailer: "X-Sum" });
      response.write(`${body}|`);
      response.addTrailers({ "X-Sum": String(request.trailers["x-in"]) });
      response.end();
    });
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-In\r\n\r\n3\r\nabc\r\n",
  );
  client.write("4;ext=1\r\ndefg\r\n0\r\nX-In: 42\r\n\r\n");
  const text = await client.until("X-Sum: 42");
  assert.match(text, /abcdefg\|/);
  assert.match(text, /transfer-encoding: chunked/i);
});

test("HEAD, 204 and 304 have no body, and the connection goes on", async (t) => {
  const mesh = await httpMesh(t, (request, response) => {
    if (request.url === "/head") response.setHeader("Content-Length", "10");
    if (request.url === "/204") response.statusCode = 204;
    if (request.url === "/304") response.statusCode = 304;
    response.end(request.url === "/last" ? "last" : undefined);
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write("HEAD /head HTTP/1.1\r\nHost: x\r\n\r\n");
  client.write(
    "GET /204 HTTP/1.1\r\nHost: x\r\n\r\nGET /304 HTTP/1.1\r\nHost: x\r\n\r\nGET /last HTTP/1.1\r\nHost: x\r\n\r\n",
  );
  const text = await client.until("\r\n\r\nlast");
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), [
    "HTTP/1.1 200",
    "HTTP/1.1 204",
    "HTTP/1.1 304",
    "HTTP/1.1 200",
  ]);
  assert.match(text, /Content-Length: 10/);
});

test("100 Continue comes from the application before the body is sent", async (t) => {
  const appPort = await listenRaw(t, async (socket) => {
    const app = new RawClient(socket);
    await app.until("\r\n\r\n");
    app.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    await app.until("body");
    app.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  const mesh = await createMesh(t, { appPort });
  const client = dialRaw(t, mesh.servicePort);
  client.write("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  await client.until("100 Continue");
  await client.until("103 Early Hints\r\nLink: </x>");
  client.write("body");
  await client.until("\r\n\r\nok");
});

test("an upgrade becomes a tunnel whose halves close one after the other", async (t) => {
  const appPort = await listenRaw(t, async (socket) => {
    const app = new RawClient(socket);
    const head = await app.until("\r\n\r\n");
    assert.match(head, /upgrade: echo/i);
    assert.match(head, /connection: upgrade/i);
    app.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nfirst");
    await app.untilEnd();
    app.write("after your end");
    app.end();
  });
  const mesh = await createMesh(t, { appPort });
  const client = dialRaw(t, mesh.servicePort);
  client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\nraw");
  await client.until("first");
  client.end();
  const text = await client.untilEnd();
  assert.match(text, /101 Switching Protocols[\s\S]*upgrade: echo[\s\S]*firstafter your end$/i);
  const [record] = await mesh.client.closedCount(1);
  assert.equal(record!.status, 101);
  assert.equal(record!.requestBytes, 3);
});

test("Upgrade: h2c is not honoured", async (t) => {
  const mesh = await httpMesh(t, (request, response) => response.end(`[${request.headers.upgrade}]`));
  const client = dialRaw(t, mesh.servicePort);
  client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n");
  await client.until("[undefined]");
});

test("HTTP/1.0 is served with HTTP/1.0, without chunks, to the close", async (t) => {
  const mesh = await httpMesh(t, (_request, response) => {
    response.write("part one, ");
    response.end("part two");
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write("GET / HTTP/1.0\r\nHost: x\r\n\r\n");
  const text = await client.untilEnd();
  assert.match(text, /^HTTP\/1\.0 200 OK\r\n/);
  assert.ok(text.endsWith("\r\n\r\npart one, part two"), text);
});

test("a body that lasts until the application closes arrives whole", async (t) => {
  const appPort = await listenRaw(t, async (socket) => {
    const app = new RawClient(socket);
    await app.until("\r\n\r\n");
    app.write("HTTP/1.1 200 OK\r\n\r\neverything").end();
  });
  const mesh = await createMesh(t, { appPort });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  const text = await client.until("0\r\n\r\n");
  assert.match(text, /transfer-encoding: chunked/);
  assert.match(text, /everything/);
});

test("an application that dies within a body cuts the client off, so that it cannot take half for the whole", async (t) => {
  const appPort = await listenRaw(t, async (socket) => {
    const app = new RawClient(socket);
    await app.until("\r\n\r\n");
    app.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    await new Promise((resolve) => socket.write("", resolve));
    socket.end();
  });
  const mesh = await createMesh(t, { appPort });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  const text = await client.untilEnd();
  assert.match(text, /^HTTP\/1\.1 200 OK/);
  const [record] = await mesh.client.closedCount(1);
  assert.match(record!.error, /closed the connection within/);
});

test("an application that closes without an answer gives 502 with the reason", async (t) => {
  const appPort = await listenRaw(t, async (socket) => {
    await new RawClient(socket).until("\r\n\r\n");
    socket.destroy();
  });
  const mesh = await createMesh(t, { appPort });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  const text = await client.until("\r\n\r\n");
  assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\n/);
});

test("an application that is not there gives 502 from its own proxy, not a retry elsewhere", async (t) => {
  const mesh = await createMesh(t, { appPort: 1 });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  const text = await client.until("\r\n\r\n");
  assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\n/);
  const [record] = await mesh.server.closedCount(1);
  assert.match(record!.error, /ECONNREFUSED/);
});

test("an application's malformed response gives 502", async (t) => {
  const appPort = await listenRaw(t, async (socket) => {
    const app = new RawClient(socket);
    await app.until("\r\n\r\n");
    app.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
  });
  const mesh = await createMesh(t, { appPort });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 502 /);
});

for (const [name, bytes, status] of [
  ["two lengths", `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
  [
    "length and chunked",
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    400,
  ],
  ["bare line feeds", `GET /a/long/path HTTP/1.1\r\nHost: x\nA: b\r\n\r\n`, 400],
  ["a bad chunk", `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
  ["an unknown coding", `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n`, 501],
  ["an endless header", `GET /a/long/path HTTP/1.1\r\nHost: x\r\nA: ${"b".repeat(70_000)}`, 431],
] as const) {
  test(`a request with ${name} gets ${status} and the connection closes`, async (t) => {
    const mesh = await httpMesh(t, (request, response) => {
      request.resume();
      response.end("never");
    });
    const client = dialRaw(t, mesh.servicePort);
    client.write(bytes);
    const text = await client.untilEnd();
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.match(text, /l5d-proxy-error: /);
    assert.match(text, /connection: close/);
  });
}

test("a request cut short by a half-close gets 400", async (t) => {
  const mesh = await httpMesh(t, (request) => void request.resume());
  const client = dialRaw(t, mesh.servicePort);
  client.write("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").end();
  assert.match(await client.untilEnd(), /^HTTP\/1\.1 400 /);
});

test("a client that closes its half after the request is still answered", async (t) => {
  const mesh = await httpMesh(t, (_request, response) => response.end("here"));
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET).end();
  assert.match(await client.untilEnd(), /connection: close[\s\S]*here$/);
});

test("an unauthorized request gets 403, the next one is judged by the policy of then", async (t) => {
  const mesh = await httpMesh(t, (_request, response) => response.end("in"), {
    serverPolicy: { authorizations: [] },
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 403 Forbidden/);
  const [denied] = await mesh.server.closedCount(1);
  assert.equal(denied!.verdict, "denied");
  assert.equal(denied!.error, "unauthorized");
  const { anyone } = await import("./harness.ts");
  mesh.serverPolicy.set({ ...mesh.serverPolicy.current, authorizations: [anyone()] });
  client.write(GET);
  await client.until("\r\n\r\nin");
});

test("a client may not claim an identity", async (t) => {
  const mesh = await httpMesh(t, (request, response) =>
    response.end(`[${request.headers["l5d-client-id"]}]`),
  );
  const stranger = dialRaw(t, mesh.podPort);
  stranger.write("GET / HTTP/1.1\r\nHost: x\r\nl5d-client-id: admin\r\n\r\n");
  await stranger.until("[undefined]");
  const client = dialRaw(t, mesh.servicePort);
  client.write("GET / HTTP/1.1\r\nHost: x\r\nl5d-client-id: admin\r\n\r\n");
  await client.until(`[${CLIENT_ID}]`);
  const records = await mesh.server.closedCount(2);
  assert.equal(records[0]!.tls, "no_tls_from_remote");
});

test("a request over the rate limit gets 429", async (t) => {
  const { defaultMeta } = await import("../../../src/policy/meta.ts");
  const mesh = await httpMesh(t, (_request, response) => response.end("in"), {
    serverPolicy: { rateLimit: { meta: defaultMeta("limit"), total: 1, perIdentity: 0, overrides: [] } },
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET + GET);
  await client.until("429 Too Many Requests");
});

test("a server with another identity than discovery says gives 502 at once", async (t) => {
  const mesh = await httpMesh(t, (_request, response) => response.end("never"), {
    expectedIdentity: "other.demo.serviceaccount.identity.meshctl.cluster.local",
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  const text = await client.untilEnd();
  assert.match(text, /^HTTP\/1\.1 502 /);
  assert.match(text, /l5d-proxy-error: certificate does not match TLS identity/);
  const [record] = await mesh.client.closedCount(1);
  assert.equal(record!.error, "identity mismatch");
});

test("without any endpoint a request gets 504 after the failfast time, later ones 503 at once", async (t) => {
  const mesh = await httpMesh(t, (_request, response) => response.end("never"));
  mesh.endpoints.set({ known: true, exists: true, endpoints: new Map() });
  const first = dialRaw(t, mesh.servicePort);
  first.write(GET);
  assert.match(await first.untilEnd(), /^HTTP\/1\.1 504 /);
  const second = dialRaw(t, mesh.servicePort);
  second.write(GET);
  assert.match(await second.untilEnd(), /^HTTP\/1\.1 503 /);
});

test("an endpoint that refuses is left out while another one answers", async (t) => {
  const { endpoint } = await import("./harness.ts");
  const appPort = await listenHttp(t, (_request, response) => response.end("good"));
  const mesh = await createMesh(t, { appPort, isMeshed: false });
  const [good, bad] = [endpoint(appPort), endpoint(1)];
  mesh.endpoints.set({
    known: true,
    exists: true,
    endpoints: new Map([good, bad].map((each) => [each.address, each])),
  });
  for (let count = 0; count < 10; count++) {
    const client = dialRaw(t, mesh.servicePort);
    client.write(GET);
    await client.until("good");
  }
});

test("a reused connection that the server has closed does not fail a request", async (t) => {
  let connections = 0;
  const appPort = await listenRaw(t, async (socket) => {
    const number = ++connections;
    const app = new RawClient(socket);
    await app.until("\r\n\r\n");
    app.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n#${number}`);
    app.clear();
    // Says keep-alive, then closes upon the next request without an answer: what a server's idle timeout looks like.
    await app.until("GET").catch(() => {});
    socket.destroy();
  });
  const mesh = await createMesh(t, { appPort, isMeshed: false });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  await client.until("#1");
  client.write(GET);
  await client.until("#2");
});

test("a redirect filter answers, and a timed-out route gives 504", async (t) => {
  const mesh = await httpMesh(t, () => {});
  const current = mesh.outboundPolicy.current;
  const [route] = current.httpRoutes;
  const redirect = { scheme: "https", host: "new.example", port: undefined, path: undefined, status: 301 };
  mesh.outboundPolicy.set({
    ...current,
    httpRoutes: [{ ...route!, rules: [{ ...route!.rules[0]!, filters: [{ kind: "redirect", redirect }] }] }],
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  assert.match(
    await client.until("\r\n\r\n"),
    /^HTTP\/1\.1 301 [\s\S]*location: https:\/\/new\.example\/a\?b/,
  );
  const timeouts = { requestMs: 50, responseMs: undefined, idleMs: undefined };
  mesh.outboundPolicy.set({
    ...current,
    httpRoutes: [{ ...route!, rules: [{ ...route!.rules[0]!, timeouts }] }],
  });
  client.clear();
  client.write(GET);
  assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 504 /);
});

test("no matching route gives 404 and the connection goes on", async (t) => {
  const mesh = await httpMesh(t, (_request, response) => response.end("in"), {
    outboundPolicy: { httpRoutes: [] },
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 404 /);
  client.clear();
  client.write(GET);
  assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 404 /);
});

test("the HTTP proxy port routes absolute targets, Host and CONNECT tunnels", async (t) => {
  const mesh = await httpMesh(t, (request, response) =>
    response.end(`<${request.url} ${request.headers.host}>`),
  );
  const client = dialRaw(t, mesh.httpProxyPort);
  client.write(`GET http://${SERVICE}/abs HTTP/1.1\r\nHost: other\r\nProxy-Connection: keep-alive\r\n\r\n`);
  await client.until(`</abs ${SERVICE}>`);
  client.write(`GET /rel HTTP/1.1\r\nHost: ${SERVICE}:80\r\n\r\n`);
  await client.until(`</rel ${SERVICE}:80>`);
  const tunnel = dialRaw(t, mesh.httpProxyPort);
  tunnel.write(`CONNECT ${SERVICE}:80 HTTP/1.1\r\nHost: ${SERVICE}:80\r\n\r\n`);
  assert.match(await tunnel.until("\r\n\r\n"), /^HTTP\/1\.1 200 Connection established\r\n\r\n$/);
  tunnel.write("GET /in/the/tunnel HTTP/1.1\r\nHost: h\r\n\r\n");
  await tunnel.until("</in/the/tunnel h>");
  const records = await mesh.client.closedCount(3);
  assert.deepEqual(
    records.map((each) => [each.path, each.target]),
    [
      ["/abs", `${SERVICE}:80`],
      ["/rel", `${SERVICE}:80`],
      ["/in/the/tunnel", `${SERVICE}:80`],
    ],
  );
  const missing = dialRaw(t, mesh.httpProxyPort);
  missing.write("GET / HTTP/1.0\r\n\r\n");
  assert.match(await missing.untilEnd(), /^HTTP\/1\.0 400 /);
});

test("curl is content: chunked upload, proxy environment, keep-alive", (t) => {
  if (spawnSync("curl", ["--version"]).status !== 0) return t.skip("needs curl");
  return curlThroughProxies(t);
});

async function curlThroughProxies(t: TestContext): Promise<void> {
  const mesh = await httpMesh(t, async (request, response) => {
    let bytes = 0;
    for await (const chunk of request) bytes += chunk.length;
    response.end(`${request.method} ${request.url} ${bytes}\n`);
  });
  const body = Buffer.alloc(3_000_000, "x");
  const curl = spawn("curl", [
    ...["-sS", "--fail", "--proxy", `http://${HOST}:${mesh.httpProxyPort}`],
    ...["-H", "Transfer-Encoding: chunked", "--data-binary", "@-"],
    ...[`http://${SERVICE}/one`, `http://${SERVICE}/two`],
  ]);
  curl.stdin.end(body);
  let output = "";
  curl.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const code = await new Promise((resolve) => curl.on("close", resolve));
  assert.equal(code, 0);
  assert.match(output, /^POST \/one 3000000\nPOST \/two \d+\n$/);
}

test("a slow reader stops the application, and a slow application stops the client", async (t) => {
  const size = 64 * 1024 * 1024;
  let sent = 0;
  const appPort = await listenRaw(t, async (socket) => {
    const app = new RawClient(socket);
    await app.until("\r\n\r\n");
    app.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    const block = Buffer.alloc(65_536, "x");
    const fill = () => {
      while (sent < size) {
        sent += block.length;
        if (!socket.write(block)) return void socket.once("drain", fill);
      }
    };
    fill();
  });
  const mesh = await createMesh(t, { appPort });
  const client = dialRaw(t, mesh.servicePort);
  client.socket.pause();
  client.write(GET);
  // What is on its way settles once nothing has moved for some turns of the loop.
  let before = -1;
  for (let still = 0; still < 20; ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    still = sent === before && sent > 0 ? still + 1 : 0;
    before = sent;
  }
  assert.ok(sent < size / 2, `application has sent ${sent} bytes to a client that reads none`);
  client.socket.resume();
  let received = 0;
  client.socket.removeAllListeners("data");
  await new Promise<void>((resolve) => {
    client.socket.on("data", (chunk) => {
      received += chunk.length;
      if (received >= size) resolve();
    });
  });
});

test("drain finishes the running exchange with connection: close and then resolves", async (t) => {
  let answer: (() => void) | undefined;
  const arrived = new Promise<void>((resolve) => {
    answer = resolve;
  });
  let respond: (() => void) | undefined;
  const mesh = await httpMesh(t, (_request, response) => {
    respond = () => void response.end("done");
    answer!();
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  await arrived;
  const drained = mesh.outbound.drain(AbortSignal.timeout(30_000));
  respond!();
  const text = await client.untilEnd();
  assert.match(text, /connection: close[\s\S]*done$/);
  client.end();
  await drained;
  assert.equal(mesh.outboundPolicy.holders, 0);
});
