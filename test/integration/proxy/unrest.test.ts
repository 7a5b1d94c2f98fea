import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect, constants, createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { test } from "node:test";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { OutboundPolicy } from "../../../src/policy/outbound.ts";
import { freePort } from "../../support/free-port.ts";
import { createMesh, endpoint, HOST, type Mesh, rule, SERVICE } from "./harness.ts";
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

async function unrestfulHttp2App(t: { after(callback: () => void): void }): Promise<number> {
  const server = createHttp2Server();
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => {
    session.on("error", () => {});
    sessions.add(session);
  });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => {});
    switch (headers[":path"]) {
      case "/die":
        return stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      case "/die-within":
        stream.respond({ ":status": 200 });
        stream.write("half");
        return void setImmediate(() => stream.session?.destroy());
      case "/refuse":
        stream.respond({ ":status": 413 }, { endStream: true });
        return stream.close(constants.NGHTTP2_NO_ERROR);
      case "/large":
        stream.respond({ ":status": 200 });
        return void stream.end(Buffer.alloc(300_000, "x"));
      default:
        stream.respond({ ":status": 200 });
        stream.pipe(stream);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
  return (server.address() as { port: number }).port;
}

/** One HTTP/2 client: some requests at once, some of which it takes back, before it leaves in some way. */
async function misbehaveHttp2(t: Parameters<typeof dialRaw>[0], mesh: Mesh, random: () => number) {
  const pick = (count: number) => Math.floor(random() * count);
  const port = [mesh.servicePort, mesh.podPort, mesh.httpProxyPort][pick(3)]!;
  const session = connect(`http://${HOST}:${port}`);
  t.after(() => session.destroy());
  session.on("error", () => {});
  const closed = new Promise<void>((resolve) => session.once("close", () => resolve()));
  await new Promise<void>((resolve) => session.once("connect", () => resolve()));
  const paths = ["/plain", "/large", "/echo", "/die", "/die-within", "/refuse"];
  for (let index = 1 + pick(6); index > 0; index--) {
    const hasBody = pick(2) === 0;
    const stream = session.request(
      { ":method": hasBody ? "POST" : "GET", ":path": paths[pick(paths.length)]!, ":authority": SERVICE },
      { endStream: !hasBody },
    );
    stream.on("error", () => {});
    if (pick(4) > 0) stream.resume();
    if (hasBody) stream.write(Buffer.alloc(pick(200_000)));
    if (hasBody && pick(2) === 0) stream.end();
    if (pick(3) === 0) await new Promise((resolve) => setImmediate(resolve));
    if (pick(3) === 0) stream.close(constants.NGHTTP2_CANCEL);
  }
  if (pick(3) > 0) await new Promise((resolve) => setTimeout(resolve, pick(20)));
  session.destroy();
  await closed;
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

interface Case {
  readonly name: string;
  readonly app: typeof unrestfulApp;
  readonly misbehave: typeof misbehave;
  readonly hint: "h2" | undefined;
  /** Retries, breakers and times; with another endpoint that is not there. */
  readonly isResilient?: boolean;
}

const CASES: readonly Case[] = [
  { name: "HTTP/1", app: unrestfulApp, misbehave, hint: undefined },
  { name: "HTTP/1 over HTTP/2", app: unrestfulApp, misbehave, hint: "h2" },
  { name: "HTTP/2", app: unrestfulHttp2App, misbehave: misbehaveHttp2, hint: "h2" },
  { name: "HTTP/1, with retries", app: unrestfulApp, misbehave, hint: undefined, isResilient: true },
  { name: "HTTP/1 over HTTP/2, with retries", app: unrestfulApp, misbehave, hint: "h2", isResilient: true },
  {
    name: "HTTP/2, with retries",
    app: unrestfulHttp2App,
    misbehave: misbehaveHttp2,
    hint: "h2",
    isResilient: true,
  },
];

/** Everything that may send a request again, or give it up, at times that fall among what clients do. */
const RESILIENT: Partial<OutboundPolicy> = {
  httpRoutes: [
    {
      meta: defaultMeta("http"),
      hosts: [],
      rules: [
        rule(`${SERVICE}:80`, {
          timeouts: { requestMs: 60, responseMs: 40, idleMs: 30 },
          retry: {
            maxRetries: 3,
            maxRequestBytes: 65_536,
            statuses: [[400, 599]],
            grpcCodes: new Set([14]),
            timeoutMs: 10,
            backoff: { minMs: 0, maxMs: 4, jitterRatio: 1 },
            repeatsAnyMethod: true,
            budget: { ratio: 0.5, minPerSecond: 100, ttlMs: 10_000 },
          },
        }),
      ],
    },
  ],
  failureAccrual: {
    maxConsecutiveFailures: 3,
    successRateThreshold: 0.5,
    decayMs: 100,
    minRequests: 5,
    countsLimited: true,
    backoff: { minMs: 1, maxMs: 10, jitterRatio: 1 },
  },
};

for (const [{ name, app, misbehave, hint, isResilient }, seed] of CASES.flatMap((each) =>
  [1, 2, 3].map((seed) => [each, seed] as const),
)) {
  test(`whatever clients and applications do, every exchange and connection ends once (${name}, seed ${seed})`, async (t) => {
    const mesh = await createMesh(t, {
      appPort: await app(t),
      protocolHint: hint,
      // Nothing that hangs is to be saved by this limit.
      config: { inbound: { detectTimeoutMs: 86_400_000 } },
      ...(isResilient && { outboundPolicy: RESILIENT }),
    });
    if (isResilient) {
      const gone = endpoint(await freePort());
      const { current } = mesh.endpoints;
      mesh.endpoints.set({ ...current, endpoints: new Map([...current.endpoints, [gone.address, gone]]) });
    }
    const random = seeded(seed);
    for (let round = 0; round < 12; round++) {
      const clients = [];
      for (let index = 0; index < 10; index++) clients.push(misbehave(t, mesh, random));
      await Promise.all(clients);
    }
    // Still well after all that. (With times so short a busy machine may miss them.)
    if (isResilient) {
      assert.ok(mesh.client.exchanges.some(({ attempts }) => attempts > 1));
    } else if (name === "HTTP/2") {
      const last = connect(`http://${HOST}:${mesh.servicePort}`);
      const stream = last.request({ ":path": "/plain", ":authority": SERVICE });
      const status = await new Promise((resolve) =>
        stream.on("response", (head) => resolve(head[":status"])),
      );
      assert.equal(status, 200);
      last.destroy();
    } else {
      const last = dialRaw(t, mesh.servicePort);
      last.write(REQUESTS[0]!);
      await last.until("done");
      last.end();
      await last.untilEnd();
    }
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
