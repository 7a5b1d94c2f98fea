import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { type TestContext, test } from "node:test";
import {
  CLIENT_ID,
  createMesh,
  endpoint,
  HOST,
  listenRaw,
  type MeshOptions,
  onlyIdentity,
  SERVICE,
} from "./harness.ts";
import { dialRaw, RawClient } from "./raw-client.ts";

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

async function listenHttp2(t: TestContext, onStream: OnStream, settings = {}): Promise<number> {
  const server: Http2Server = createServer({ settings });
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => {});
    onStream(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

async function listenHttp1(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createHttpServer(listener);
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as { port: number }).port;
}

async function http2Mesh(t: TestContext, onStream: OnStream, options: Partial<MeshOptions> = {}) {
  return await createMesh(t, { appPort: await listenHttp2(t, onStream), ...options });
}

/** HTTP/1 applications behind proxies that carry HTTP/1 over HTTP/2. */
async function upgradedMesh(t: TestContext, listener: RequestListener, options: Partial<MeshOptions> = {}) {
  return await createMesh(t, { appPort: await listenHttp1(t, listener), protocolHint: "h2", ...options });
}

function open(t: TestContext, port: number): ClientHttp2Session {
  const session = connect(`http://${HOST}:${port}`);
  session.on("error", () => {});
  t.after(() => session.destroy());
  return session;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
  readonly resetCode: number;
}

function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Answer> {
  const stream = session.request({ ":authority": SERVICE, ...headers }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve) => {
    let headers: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on("response", (received) => (headers = received));
    stream.on("trailers", (received) => (trailers = received));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", () => {});
    stream.on("close", () =>
      resolve({
        status: Number(headers[":status"]),
        headers,
        body: Buffer.concat(chunks),
        trailers,
        resetCode: stream.rstCode ?? 0,
      }),
    );
  });
}

const echo: OnStream = (stream, headers) => {
  stream.respond({ ":status": 200, "x-path": headers[":path"], "x-authority": headers[":authority"] });
  stream.pipe(stream);
};

test("HTTP/2 passes as requests through both proxies, many on one connection", async (t) => {
  const seen: IncomingHttpHeaders[] = [];
  const mesh = await http2Mesh(t, (stream, headers) => {
    seen.push(headers);
    echo(stream, headers);
  });
  const session = open(t, mesh.servicePort);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      ask(session, { ":method": "POST", ":path": `/${index}?q`, "l5d-client-id": "liar" }, `body ${index}`),
    ),
  );
  for (const [index, { status, headers, body }] of answers.entries()) {
    assert.equal(status, 200);
    assert.deepEqual([headers["x-path"], headers["x-authority"]], [`/${index}?q`, SERVICE]);
    assert.equal(body.toString(), `body ${index}`);
  }
  assert.ok(seen.every((headers) => headers["l5d-client-id"] === CLIENT_ID));
  const records = await mesh.client.closedCount(50);
  for (const record of [...records, ...(await mesh.server.closedCount(50))]) {
    assert.equal(record.protocol, "http/2");
    assert.deepEqual([record.status, record.error, record.tls], [200, "", "true"]);
    assert.equal(record.responseBytes, record.requestBytes);
  }
  // To the other proxy, and from there to the application.
  assert.equal(mesh.client.transports.filter(({ peer }) => peer === "dst").length, 1);
  assert.equal(mesh.server.transports.filter(({ peer }) => peer === "dst").length, 1);
  assert.deepEqual([...mesh.client.violations, ...mesh.server.violations], []);
});

test("HTTP/2 bodies of many windows arrive whole both ways", async (t) => {
  const mesh = await http2Mesh(t, echo);
  const session = open(t, mesh.servicePort);
  const body = Buffer.alloc(3_000_000, "0123456789abcdef");
  const answers = await Promise.all([1, 2, 3].map(() => ask(session, { ":method": "POST" }, body)));
  for (const answer of answers) assert.ok(answer.body.equals(body));
});

test("HTTP/2 reaches an endpoint outside the mesh, and one whose policy says gRPC unsniffed", async (t) => {
  for (const options of [{ isMeshed: false }, { outboundPolicy: { protocol: "grpc" } }] as const) {
    const mesh = await http2Mesh(t, echo, options);
    assert.equal((await ask(open(t, mesh.servicePort), { ":path": "/a" })).headers["x-path"], "/a");
  }
});

test("HTTP/2 is served on the HTTP proxy port, by authority", async (t) => {
  const mesh = await http2Mesh(t, echo);
  const answer = await ask(open(t, mesh.httpProxyPort), { ":path": "/p", ":authority": `${SERVICE}:80` });
  assert.equal(answer.headers["x-authority"], `${SERVICE}:80`);
  const [record] = await mesh.client.closedCount(1);
  assert.equal(record!.target, `${SERVICE}:80`);
});

test("HTTP/1 travels over HTTP/2 between proxies and arrives as it was", async (t) => {
  const seen: unknown[] = [];
  const mesh = await upgradedMesh(t, (request, response) => {
    seen.push([
      request.httpVersion,
      request.method,
      request.url,
      request.headers.host,
      request.headers["l5d-orig-proto"],
    ]);
    response.setHeader("x-reply", "1");
    response.end(request.method === "HEAD" ? "" : "hello");
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(`GET /a HTTP/1.1\r\nHost: ${SERVICE}\r\nConnection: x-hop\r\nx-hop: 1\r\n\r\n`);
  const text = await client.until("hello");
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
  assert.doesNotMatch(text, /l5d-/);
  client.clear();
  client.write(`HEAD /b HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\nGET /c HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`);
  await client.until("hello");
  const old = dialRaw(t, mesh.servicePort);
  old.write(`GET /d HTTP/1.0\r\nHost: ${SERVICE}\r\n\r\n`);
  assert.match(await old.untilEnd(), /^HTTP\/1\.0 200 OK\r\n[\s\S]*hello$/);
  assert.deepEqual(seen, [
    ["1.1", "GET", "/a", SERVICE, undefined],
    ["1.1", "HEAD", "/b", SERVICE, undefined],
    ["1.1", "GET", "/c", SERVICE, undefined],
    ["1.0", "GET", "/d", SERVICE, undefined],
  ]);
  for (const record of [...(await mesh.client.closedCount(4)), ...(await mesh.server.closedCount(4))]) {
    assert.deepEqual([record.protocol, record.status, record.tls], ["http/1", 200, "true"]);
  }
  assert.equal(mesh.client.transports.filter(({ peer }) => peer === "dst").length, 1);
  assert.deepEqual([...mesh.client.violations, ...mesh.server.violations], []);
});

test("HTTP/1 over HTTP/2 keeps bodies, chunks, trailers, 100-continue and answers without a body", async (t) => {
  const mesh = await upgradedMesh(t, (request, response) => {
    if (request.url === "/204") return void response.writeHead(204).end();
    if (request.url === "/304") return void response.writeHead(304, { etag: '"a"' }).end();
    if (request.url === "/empty") return void response.writeHead(200, { "content-length": "0" }).end();
    response.writeHead(200, { trailer: "x-sum" });
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.write(Buffer.concat(chunks));
      response.addTrailers({
        "x-sum": String(Buffer.concat(chunks).length),
        "x-got": request.trailers["x-in"] ?? "",
      });
      response.end();
    });
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(
    `POST /echo HTTP/1.1\r\nHost: ${SERVICE}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-in: 7\r\n\r\n`,
  );
  const text = await client.until("x-got: 7\r\n\r\n");
  assert.match(text, /transfer-encoding: chunked/i);
  assert.match(text, /\r\nabc\r\n0\r\nx-sum: 3/);
  client.clear();
  client.write(
    `POST /echo HTTP/1.1\r\nHost: ${SERVICE}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n`,
  );
  await client.until("HTTP/1.1 100 Continue\r\n\r\n");
  client.write("body");
  await client.until("x-sum: 4");
  for (const [path, status] of [
    ["/204", 204],
    ["/304", 304],
    ["/empty", 200],
  ] as const) {
    client.clear();
    client.write(`GET ${path} HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`);
    assert.match(await client.until("\r\n\r\n"), new RegExp(`^HTTP/1.1 ${status} `));
  }
  await mesh.client.closedCount(5);
  assert.deepEqual([...mesh.client.violations, ...mesh.server.violations], []);
});

test("upgrades stay on HTTP/1 between proxies that carry the rest over HTTP/2", async (t) => {
  const appPort = await listenRaw(t, async (socket) => {
    const app = new RawClient(socket);
    await app.until("\r\n\r\n");
    app.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nwelcome");
    await app.until("ping");
    app.write("pong").end();
  });
  const mesh = await createMesh(t, { appPort, protocolHint: "h2" });
  const client = dialRaw(t, mesh.servicePort);
  client.write(`GET /ws HTTP/1.1\r\nHost: ${SERVICE}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
  await client.until("welcome");
  client.write("ping").end();
  assert.match(await client.untilEnd(), /^HTTP\/1\.1 101 [\s\S]*welcomepong$/);
});

function callHeaders(path = "/pkg.Service/Method"): OutgoingHttpHeaders {
  return { ":method": "POST", ":path": path, "content-type": "application/grpc+proto", te: "trailers" };
}

test("gRPC streams both ways, its status is in trailers and in the records", async (t) => {
  const mesh = await http2Mesh(t, (stream, headers) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () =>
      stream.sendTrailers({ "grpc-status": "9", "x-te": headers.te as string }),
    );
    stream.on("data", (chunk: Buffer) => stream.write(`<${chunk}>`));
    stream.on("end", () => stream.end());
  });
  const session = open(t, mesh.servicePort);
  const stream = session.request({ ":authority": SERVICE, ...callHeaders() });
  const answered = answerOf(stream);
  for (const message of ["one", "two", "three"]) {
    const echoed = new Promise<void>((resolve) => stream.once("data", () => resolve()));
    stream.write(message);
    await echoed;
  }
  stream.end();
  const answer = await answered;
  assert.equal(answer.body.toString(), "<one><two><three>");
  assert.deepEqual([answer.trailers["grpc-status"], answer.trailers["x-te"]], ["9", "trailers"]);
  for (const [record] of [await mesh.client.closedCount(1), await mesh.server.closedCount(1)]) {
    assert.deepEqual([record!.protocol, record!.status, record!.grpcStatus], ["grpc", 200, 9]);
  }
});

const GRPC_ANSWERS: readonly [string, Partial<MeshOptions>, string][] = [
  ["unauthorized", { serverPolicy: { authorizations: [onlyIdentity("nobody")] } }, "7"],
  ["without route", { outboundPolicy: { httpRoutes: [] } }, "5"],
  ["to an application that is away", { appPort: 1 }, "14"],
];

for (const [what, options, status] of GRPC_ANSWERS) {
  test(`a gRPC call ${what} is answered by trailers alone`, async (t) => {
    const mesh = await http2Mesh(t, echo, options);
    const answer = await ask(open(t, mesh.servicePort), callHeaders(), "message");
    assert.deepEqual([answer.status, answer.headers["content-type"]], [200, "application/grpc"]);
    assert.equal(answer.headers["grpc-status"], status);
    assert.equal(answer.body.length, 0);
    const [record] = await mesh.client.closedCount(1);
    assert.deepEqual([record!.protocol, record!.grpcStatus], ["grpc", Number(status)]);
  });
}

test("a gRPC answer that breaks off ends with a status in its trailers", async (t) => {
  const mesh = await http2Mesh(t, (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.write("half", () => setImmediate(() => stream.session?.destroy()));
  });
  const answer = await ask(open(t, mesh.servicePort), callHeaders(), "message");
  assert.deepEqual([answer.body.toString(), answer.resetCode], ["half", 0]);
  assert.equal(answer.trailers["grpc-status"], "14");
  const [inbound] = await mesh.server.closedCount(1);
  assert.deepEqual([inbound!.status, inbound!.grpcStatus], [200, 14]);
  assert.match(inbound!.error, /server was lost within its response/);
});

test("a denied HTTP/2 request is 403 and leaves its connection open", async (t) => {
  const mesh = await http2Mesh(t, echo, { serverPolicy: { authorizations: [onlyIdentity("nobody")] } });
  const session = open(t, mesh.servicePort);
  for (const path of ["/1", "/2"]) assert.equal((await ask(session, { ":path": path })).status, 403);
});

test("a reset of the server's reaches an HTTP/2 client with its code", async (t) => {
  const mesh = await http2Mesh(t, (stream, headers) => {
    if (headers[":path"] === "/later") stream.respond({ ":status": 200 });
    stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });
  const session = open(t, mesh.servicePort);
  const early = await ask(session, { ":path": "/early" });
  assert.deepEqual([early.resetCode, early.status], [constants.NGHTTP2_ENHANCE_YOUR_CALM, Number.NaN]);
  assert.equal((await ask(session, { ":path": "/later" })).resetCode, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  const [record] = await mesh.client.closedCount(1);
  assert.match(record!.error, /ENHANCE_YOUR_CALM/);
  assert.deepEqual([...mesh.client.violations, ...mesh.server.violations], []);
});

test("a reset of an HTTP/2 server's is 502 for an HTTP/1 client, whose connection ends with it", async (t) => {
  // What speaks HTTP/2 and is no proxy of ours: it resets what it was asked in HTTP/1's name.
  const peerPort = await listenHttp2(t, (stream) => stream.close(constants.NGHTTP2_CANCEL));
  const mesh = await createMesh(t, { appPort: peerPort });
  const known = { protocolHint: "h2" } as const;
  const server = endpoint(peerPort, known);
  mesh.endpoints.set({ known: true, exists: true, endpoints: new Map([[server.address, server]]) });
  const client = dialRaw(t, mesh.servicePort);
  client.write(`GET / HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`);
  const answer = await client.untilEnd();
  assert.match(answer, /^HTTP\/1\.1 502 /);
  assert.match(answer, /\r\nconnection: close\r\n/i);
  const [record] = await mesh.client.closedCount(1);
  assert.equal(record!.errorCode, "UPSTREAM_RESET");
});

test("an HTTP/1 application that breaks off is 502 for its HTTP/1 client, over HTTP/2 too", async (t) => {
  const mesh = await upgradedMesh(t, (request) => void request.socket.destroy());
  const client = dialRaw(t, mesh.servicePort);
  client.write(`GET / HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`);
  assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 502 /);
});

test("a client that resets its stream takes the request back at the application, and only that", async (t) => {
  const arrived: (() => void)[] = [];
  const closed: number[] = [];
  const bothArrived = new Promise<void>((resolve) => arrived.push(resolve));
  const streams: ServerHttp2Stream[] = [];
  let onClosed: () => void = () => {};
  const mesh = await http2Mesh(t, (stream) => {
    streams.push(stream);
    stream.on("close", () => {
      closed.push(stream.rstCode ?? 0);
      onClosed();
    });
    if (streams.length === 2) arrived[0]!();
  });
  const session = open(t, mesh.servicePort);
  const one = session.request({ ":authority": SERVICE, ":path": "/1" });
  one.on("error", () => {});
  const two = ask(session, { ":path": "/2" });
  await bothArrived;
  const gone = new Promise<void>((resolve) => (onClosed = resolve));
  one.close(constants.NGHTTP2_CANCEL);
  await gone;
  assert.deepEqual(closed, [constants.NGHTTP2_CANCEL]);
  for (const stream of streams)
    if (!stream.destroyed) stream.respond({ ":status": 204 }, { endStream: true });
  assert.equal((await two).status, 204);
  await mesh.server.closedCount(2);
  assert.deepEqual([...mesh.client.violations, ...mesh.server.violations], []);
});

test("a further connection is opened when the streams of the first run out", async (t) => {
  const held: ServerHttp2Stream[] = [];
  let onFive: () => void = () => {};
  const five = new Promise<void>((resolve) => (onFive = resolve));
  const appPort = await listenHttp2(
    t,
    (stream) => {
      held.push(stream);
      if (held.length === 5) onFive();
    },
    { maxConcurrentStreams: 2 },
  );
  const mesh = await createMesh(t, { appPort });
  const session = open(t, mesh.servicePort);
  const answers = [1, 2, 3, 4, 5].map(() => ask(session, { ":path": "/" }));
  await five;
  for (const stream of held) stream.respond({ ":status": 204 }, { endStream: true });
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 204);
  assert.equal(mesh.server.transports.filter(({ peer }) => peer === "dst").length, 3);
});

test("a server that takes one stream at a time gets 64 connections and no more; further requests wait for theirs", async (t) => {
  const held: ServerHttp2Stream[] = [];
  const all = Promise.withResolvers<void>();
  let isAnswering = false;
  const answer = (stream: ServerHttp2Stream) => stream.respond({ ":status": 204 }, { endStream: true });
  const appPort = await listenHttp2(
    t,
    (stream) => {
      if (isAnswering) return answer(stream);
      held.push(stream);
      if (held.length === 64) all.resolve();
    },
    { maxConcurrentStreams: 1 },
  );
  const mesh = await createMesh(t, { appPort, config: { inbound: { failfastTimeoutMs: 60_000 } } });
  const session = open(t, mesh.podPort);
  const answers = Array.from({ length: 70 }, () => ask(session, { ":path": "/" }));
  await all.promise;
  isAnswering = true;
  held.forEach(answer);
  for (const { status } of await Promise.all(answers)) assert.equal(status, 204);
  assert.equal(mesh.server.transports.filter(({ peer }) => peer === "dst").length, 64);
});

test("drain says GOAWAY, lets requests end, and closes", async (t) => {
  let release: () => void = () => {};
  let onArrived: () => void = () => {};
  const arrived = new Promise<void>((resolve) => (onArrived = resolve));
  const mesh = await http2Mesh(t, (stream) => {
    release = () => {
      stream.respond({ ":status": 200 });
      stream.end("late");
    };
    onArrived();
  });
  const session = open(t, mesh.servicePort);
  const goneAway = new Promise<void>((resolve) => session.once("goaway", () => resolve()));
  const answer = ask(session, { ":path": "/" });
  await arrived;
  const drained = mesh.outbound.drain(new AbortController().signal);
  await goneAway;
  release();
  assert.equal((await answer).body.toString(), "late");
  await drained;
  await mesh.client.allTransportsClosed();
});

test("a client that does not read stops its application through both proxies, and nobody else's", async (t) => {
  // Far more than the windows and socket buffers on the way hold.
  const bytes = 64 * 1024 * 1024;
  let sent = 0;
  const mesh = await upgradedMesh(t, (request, response) => {
    if (request.method === "POST") {
      response.writeHead(200, { "content-length": "0" }).end();
      request.resume();
      return;
    }
    response.writeHead(200, { "content-length": String(bytes) });
    const chunk = Buffer.alloc(65_536);
    const write = (): void => {
      while (sent < bytes) {
        sent += chunk.length;
        if (!response.write(chunk)) break;
      }
      if (sent < bytes) response.once("drain", write);
      else response.end();
    };
    write();
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(`GET / HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`);
  client.socket.removeAllListeners("data");
  await new Promise<void>((resolve) => {
    client.socket.once("data", () => {
      client.socket.pause();
      resolve();
    });
  });
  // Another exchange goes round while the first is stuck: its stream alone waits.
  for (let round = 0; round < 20; round++) {
    const other = dialRaw(t, mesh.servicePort);
    other.write(`POST / HTTP/1.1\r\nHost: ${SERVICE}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi`);
    assert.match(await other.untilEnd(), /^HTTP\/1\.1 200 /);
  }
  assert.ok(sent < bytes / 2, `${sent} bytes were sent to a client that reads nothing`);
  client.socket.on("data", () => {});
  client.socket.resume();
  const [record] = (await mesh.client.closedCount(21)).slice(-1);
  assert.equal(record!.responseBytes, bytes);
});

test("an application that does not read stops its client through both proxies, and nobody else", async (t) => {
  const bytes = 64 * 1024 * 1024;
  let resume: () => void = () => {};
  const mesh = await upgradedMesh(t, (request, response) => {
    if (request.method === "GET") return void response.end("other");
    resume = () => {
      request.resume();
      request.on("end", () => response.end("read"));
    };
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(`POST / HTTP/1.1\r\nHost: ${SERVICE}\r\nContent-Length: ${bytes}\r\n\r\n`);
  let left = bytes;
  const chunk = Buffer.alloc(65_536);
  const write = (): void => {
    for (; left > 0; ) {
      left -= chunk.length;
      if (!client.socket.write(chunk)) break;
    }
  };
  client.socket.on("drain", write);
  write();
  for (let round = 0; round < 20; round++) {
    const other = dialRaw(t, mesh.servicePort);
    other.write(`GET / HTTP/1.1\r\nHost: ${SERVICE}\r\nConnection: close\r\n\r\n`);
    assert.match(await other.untilEnd(), /other$/);
  }
  assert.ok(left > bytes / 2, `${bytes - left} bytes were taken for an application that reads nothing`);
  resume();
  await client.until("read");
  const [record] = (await mesh.server.closedCount(21)).slice(-1);
  assert.equal(record!.requestBytes, bytes);
});

test("an HTTP/2 client that was slow to begin is still seen as HTTP/2, on both sides", async (t) => {
  for (const side of ["servicePort", "podPort"] as const) {
    let onDialled: () => void = () => {};
    const dialled = new Promise<void>((resolve) => {
      onDialled = resolve;
    });
    const server = createServer((_request, response) => response.end("late"));
    server.on("connection", () => onDialled());
    await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
    t.after(() => server.close());
    const mesh = await createMesh(t, { appPort: (server.address() as { port: number }).port });
    const { Socket } = await import("node:net");
    const socket = new Socket();
    socket.connect(mesh[side], HOST);
    // The proxy has given up waiting, and has dialled the application as opaque.
    await dialled;
    const session = connect(`http://${HOST}`, { createConnection: () => socket });
    session.on("error", () => {});
    t.after(() => session.destroy());
    assert.equal((await ask(session, { ":path": "/" })).body.toString(), "late");
    // On the server's side the connection without bytes is an exchange as well.
    const [record] = await mesh[side === "servicePort" ? "client" : "server"].closedCount(1);
    assert.equal(record!.protocol, "http/2");
  }
});

const curl = spawnSync("curl", ["--version"], { encoding: "utf8" });

test("curl speaks HTTP/2 with prior knowledge through both proxies", {
  skip: /\bHTTP2\b/.test(curl.stdout ?? "") ? false : "curl without HTTP/2",
}, async (t) => {
  const mesh = await http2Mesh(t, echo);
  const { spawn } = await import("node:child_process");
  const url = `http://${HOST}:${mesh.servicePort}/curl`;
  const child = spawn("curl", ["-sS", "-i", "--http2-prior-knowledge", "-d", "@-", url]);
  child.stdin.end("x".repeat(200_000));
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0);
  assert.match(output.slice(0, 1000), /^HTTP\/2 200 [\s\S]*x-path: \/curl/);
  assert.ok(output.endsWith(`\n${"x".repeat(200_000)}`));
});
