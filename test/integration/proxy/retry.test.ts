import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import type { OutboundPolicy, RetryPolicy } from "../../../src/policy/outbound.ts";
import { createMesh, endpoint, HOST, listenRaw, type Mesh, rule, SERVICE } from "./harness.ts";
import { dialRaw } from "./raw-client.ts";

const RETRY: RetryPolicy = {
  maxRetries: 2,
  maxRequestBytes: 65_536,
  statuses: [[500, 599]],
  grpcCodes: new Set(),
  timeoutMs: undefined,
  backoff: { minMs: 1, maxMs: 2, jitterRatio: 0 },
};
const META = { group: "", kind: "HTTPRoute", namespace: "", name: "r", section: "", port: 0 };
const GET = `GET / HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`;

/** Routes to the service's endpoints, with a filter of the backend's. */
function routes(retry: RetryPolicy): Pick<OutboundPolicy, "httpRoutes"> {
  const plain = rule(`${SERVICE}:80`);
  const [weighted] = plain.backends.backends;
  const modifier = { add: [["x-backend", "a"]] as const, set: [], remove: [] };
  const backends = {
    ...plain.backends,
    backends: [{ ...weighted!, filters: [{ kind: "request-headers" as const, modifier }] }],
  };
  return { httpRoutes: [{ meta: META, hosts: [], rules: [{ ...plain, retry, backends }] }] };
}

async function listenHttp(
  t: TestContext,
  onRequest: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<number> {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("latin1").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => onRequest(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as { port: number }).port;
}

/** A server that answers with these statuses in turn and notes what it was asked, behind a route that retries. */
async function retryMesh(t: TestContext, statuses: readonly number[], change: Partial<RetryPolicy> = {}) {
  const asked: string[] = [];
  const appPort = await listenHttp(t, (request, response, body) => {
    asked.push(`${request.method} ${request.headers["x-backend"]}${body && ` ${body}`}`);
    response.statusCode = statuses[asked.length - 1] ?? 200;
    response.end(`#${asked.length}`);
  });
  const mesh = await createMesh(t, { appPort, outboundPolicy: routes({ ...RETRY, ...change }) });
  return { mesh, asked };
}

/** Replaces the endpoints by these servers, without proxies of their own. */
function serve(mesh: Mesh, ...ports: number[]): void {
  const endpoints = new Map(ports.map((port) => [`${HOST}:${port}`, endpoint(port)]));
  mesh.endpoints.set({ known: true, exists: true, endpoints });
}

test("a failing request is repeated until it succeeds, with the request as it was at first", async (t) => {
  const { mesh, asked } = await retryMesh(t, [500, 503]);
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  assert.match(await client.until("#3"), /^HTTP\/1\.1 200 /);
  assert.deepEqual(asked, ["GET a", "GET a", "GET a"]);
  const [record] = await mesh.client.closedCount(1);
  assert.deepEqual([record!.attempts, record!.status, record!.retryOutcome], [3, 200, "success"]);
  assert.deepEqual(mesh.client.violations, []);
  client.write(GET);
  await client.until("#4");
});

test("the last answer stands when the retries are used up", async (t) => {
  const { mesh, asked } = await retryMesh(t, [500, 500, 502, 500]);
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  assert.match(await client.until("#3"), /^HTTP\/1\.1 502 /);
  assert.equal(asked.length, 3);
  assert.equal((await mesh.client.closedCount(1))[0]!.retryOutcome, "limit");
});

test("a request with a body is repeated with its body", async (t) => {
  const { mesh, asked } = await retryMesh(t, [500, 500]);
  const client = dialRaw(t, mesh.servicePort);
  client.write(`PUT / HTTP/1.1\r\nHost: ${SERVICE}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  client.write("3\r\none\r\n4\r\n two\r\n0\r\n\r\n");
  assert.match(await client.until("#3"), /^HTTP\/1\.1 200 /);
  assert.deepEqual(asked, ["PUT a one two", "PUT a one two", "PUT a one two"]);
});

test("a body that is larger than is kept is sent once", async (t) => {
  const { mesh, asked } = await retryMesh(t, [500, 500], { maxRequestBytes: 10 });
  const client = dialRaw(t, mesh.servicePort);
  client.write(`PUT / HTTP/1.1\r\nHost: ${SERVICE}\r\nContent-Length: 11\r\n\r\n01234567890`);
  assert.match(await client.until("#1"), /^HTTP\/1\.1 500 /);
  client.write(`PUT / HTTP/1.1\r\nHost: ${SERVICE}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  client.write("b\r\n01234567890\r\n0\r\n\r\n");
  assert.match(await client.until("#2"), /^HTTP\/1\.1 500 /);
  assert.deepEqual(asked, ["PUT a 01234567890", "PUT a 01234567890"]);
});

test("a response that comes before the request's body has ended stands", async (t) => {
  const port = await listenRaw(t, (socket) =>
    socket.on("data", () => socket.write("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")),
  );
  const { mesh } = await retryMesh(t, []);
  serve(mesh, port);
  const client = dialRaw(t, mesh.servicePort);
  client.write(`PUT / HTTP/1.1\r\nHost: ${SERVICE}\r\nContent-Length: 10\r\n\r\nfive!`);
  await client.until("HTTP/1.1 500 ");
  assert.equal((await mesh.client.closedCount(1))[0]!.attempts, 1);
});

test("what may not be done twice is not, unless the policy says so", async (t) => {
  const POST = `POST / HTTP/1.1\r\nHost: ${SERVICE}\r\nContent-Length: 1\r\n\r\nx`;
  const careful = await retryMesh(t, [500, 500]);
  const client = dialRaw(t, careful.mesh.servicePort);
  client.write(POST);
  assert.match(await client.until("#1"), /^HTTP\/1\.1 500 /);
  const bold = await retryMesh(t, [500], { repeatsAnyMethod: true });
  const other = dialRaw(t, bold.mesh.servicePort);
  other.write(POST);
  assert.match(await other.until("#2"), /^HTTP\/1\.1 200 /);
  assert.deepEqual(bold.asked, ["POST a x", "POST a x"]);
});

test("another attempt goes to another instance", async (t) => {
  const counts = [0, 0, 0];
  const ports: number[] = [];
  for (const index of counts.keys()) {
    ports.push(
      await listenHttp(t, (_request, response) => {
        counts[index]!++;
        response.statusCode = 503;
        response.end();
      }),
    );
  }
  const { mesh } = await retryMesh(t, []);
  serve(mesh, ...ports);
  const client = dialRaw(t, mesh.servicePort);
  for (let round = 1; round <= 5; round++) {
    client.write(GET);
    await mesh.client.closedCount(round);
    assert.deepEqual(counts, [round, round, round], "each had each request once");
  }
});

test("a connection that is lost before a response costs an idempotent request another attempt, and others their answer", async (t) => {
  const lossy = await listenRaw(t, (socket) => socket.once("data", () => socket.destroy()));
  let served = 0;
  const well = await listenHttp(t, (_request, response) => void response.end(`well ${++served}`));
  const { mesh } = await retryMesh(t, []);
  serve(mesh, lossy);
  const client = dialRaw(t, mesh.servicePort);
  client.write(`POST / HTTP/1.1\r\nHost: ${SERVICE}\r\nContent-Length: 0\r\n\r\n`);
  await client.until("HTTP/1.1 502 ");
  serve(mesh, lossy, well);
  for (let round = 1; round <= 8; round++) {
    const other = dialRaw(t, mesh.servicePort);
    other.write(GET);
    assert.match(await other.until("well"), /^HTTP\/1\.1 200 /);
  }
  assert.equal(served, 8);
  const records = await mesh.client.closedCount(9);
  assert.ok(
    records.slice(1).every(({ attempts, status }) => attempts <= 2 && status === 200),
    "one attempt more is enough",
  );
});

test("without a backend that is ready the answer stands, as overflow", async (t) => {
  const { mesh } = await retryMesh(t, []);
  // An empty set is available until the failfast time has passed: a request that waited for it makes it known.
  serve(mesh);
  const first = dialRaw(t, mesh.servicePort);
  first.write(GET);
  await first.until("HTTP/1.1 504 ");
  const [record] = await mesh.client.closedCount(1);
  assert.equal(record!.retryOutcome, "overflow");
  assert.equal(record!.attempts, 1);
});

test("a budget bounds the retries of all requests of its route together", async (t) => {
  const budget = { ratio: 0.5, minPerSecond: 1 / 60, ttlMs: 60_000 };
  const { mesh, asked } = await retryMesh(t, new Array(20).fill(500), {
    budget,
    backoff: { minMs: 0, maxMs: 1, jitterRatio: 0 },
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  await client.until("#2");
  const [record] = await mesh.client.closedCount(1);
  // One retry is in reserve; the second would need two requests that paid.
  assert.deepEqual([record!.attempts, record!.retryOutcome, asked.length], [2, "budget", 2]);
});

test("a client that leaves during the pause is not served", async (t) => {
  const { mesh, asked } = await retryMesh(t, [500]);
  const retry = { ...RETRY, backoff: { minMs: 3_600_000, maxMs: 3_600_000, jitterRatio: 0 } };
  mesh.outboundPolicy.set({ ...mesh.outboundPolicy.current, ...routes(retry) });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  await mesh.server.closedCount(1);
  client.socket.resetAndDestroy();
  const [record] = await mesh.client.closedCount(1);
  assert.equal(record!.error, "client closed the connection");
  assert.equal(asked.length, 1);
});

test("each attempt draws anew whether its rule lets it fail on purpose", async (t) => {
  let drawn = 0.99;
  const appPort = await listenHttp(t, (_request, response) => {
    drawn = 0;
    response.statusCode = 503;
    response.end();
  });
  const failure = { kind: "failure", status: 418, message: "on purpose", ratio: 0.5 } as const;
  const rules = [rule(`${SERVICE}:80`, { retry: RETRY, filters: [failure] })];
  const mesh = await createMesh(t, {
    appPort,
    random: () => drawn,
    outboundPolicy: { httpRoutes: [{ meta: META, hosts: [], rules }] },
  });
  await dialRaw(t, mesh.servicePort).write(GET).until("HTTP/1.1 418 ");
  assert.equal((await mesh.client.closedCount(1))[0]!.attempts, 2);
});
