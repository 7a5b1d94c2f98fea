import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { type TestContext, test } from "node:test";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { OutboundRule, RetryPolicy } from "../../../src/policy/outbound.ts";
import { call, listenGrpc } from "./grpc-app.ts";
import { createMesh, HOST, type Mesh, rule, SERVICE } from "./harness.ts";
import { dialRaw } from "./raw-client.ts";

const GET = `GET / HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`;
const NONE: OutboundRule["timeouts"] = { requestMs: undefined, responseMs: undefined, idleMs: undefined };

async function meshOf(
  t: TestContext,
  listener: RequestListener,
  change: Partial<OutboundRule>,
): Promise<Mesh> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const rules = [rule(`${SERVICE}:80`, change)];
  return await createMesh(t, {
    appPort: (server.address() as { port: number }).port,
    outboundPolicy: { httpRoutes: [{ meta: defaultMeta("http"), hosts: [], rules }] },
  });
}

function setRules(mesh: Mesh, rules: readonly OutboundRule[]): void {
  mesh.outboundPolicy.set({
    ...mesh.outboundPolicy.current,
    httpRoutes: [{ meta: defaultMeta("http"), hosts: [], rules }],
  });
}

/** The same, once the connections stand: what is left to do within the times is next to nothing. */
async function warmMeshOf(
  t: TestContext,
  listener: RequestListener,
  change: Partial<OutboundRule>,
): Promise<Mesh> {
  const mesh = await meshOf(
    t,
    (request, response) => {
      if (request.url === "/warm") response.end("warm");
      else listener(request, response);
    },
    {},
  );
  await dialRaw(t, mesh.servicePort).write(GET.replace("/", "/warm")).until("warm");
  await mesh.client.closedCount(1);
  mesh.client.exchanges.length = 0;
  const rules = [rule(`${SERVICE}:80`, change)];
  mesh.outboundPolicy.set({
    ...mesh.outboundPolicy.current,
    httpRoutes: [{ meta: defaultMeta("http"), hosts: [], rules }],
  });
  return mesh;
}

for (const limit of ["requestMs", "responseMs", "idleMs"] as const) {
  const timeouts = { ...NONE, [limit]: 50 };

  test(`a server that does not answer gives 504 after ${limit}, and the client's connection goes on`, async (t) => {
    const mesh = await meshOf(
      t,
      (request, response) => {
        if (request.url === "/again") response.end("second");
      },
      { timeouts },
    );
    const client = dialRaw(t, mesh.servicePort);
    client.write(GET);
    await client.until("HTTP/1.1 504 ");
    // However long it takes on a busy machine: this one is no question of time.
    setRules(mesh, [rule(`${SERVICE}:80`, {})]);
    client.write(GET.replace("/", "/again"));
    await client.until("second");
    assert.equal((await mesh.client.closedCount(1))[0]!.status, 504);
    assert.deepEqual(mesh.client.violations, []);
  });

  test(`a response that does not go on is cut after ${limit}`, async (t) => {
    const mesh = await warmMeshOf(
      t,
      (_request, response) => {
        response.writeHead(200, { "content-length": "10" });
        response.write("five!");
      },
      { timeouts: { ...NONE, [limit]: 300 } },
    );
    const client = dialRaw(t, mesh.servicePort);
    client.write(GET);
    assert.match(await client.untilEnd(), /^HTTP\/1\.1 200 [\s\S]*five!$/);
    const [record] = await mesh.client.closedCount(1);
    assert.match(record!.error, /timeout 300 ms/);
  });
}

test("an attempt that is not answered in its time is given up for another; the last one has no such limit", async (t) => {
  const retry: RetryPolicy = {
    maxRetries: 1,
    maxRequestBytes: 65_536,
    statuses: [[500, 599]],
    grpcCodes: new Set(),
    timeoutMs: 50,
    backoff: { minMs: 1, maxMs: 2, jitterRatio: 0 },
  };
  let asked = 0;
  const mesh = await warmMeshOf(
    t,
    (_request, response) => {
      asked++;
      // The second answer takes longer than an attempt may.
      if (asked === 2) setTimeout(() => response.end("answer"), 120);
    },
    { retry },
  );
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  assert.match(await client.until("answer"), /^HTTP\/1\.1 200 /);
  const [record] = await mesh.client.closedCount(1);
  assert.equal(record!.attempts, 2);
  assert.equal(asked, 2);
  assert.deepEqual(mesh.client.violations, []);
});

test("where the policy limits the last attempt too, that one fails with 504, and so does what may not be sent again", async (t) => {
  const retry: RetryPolicy = {
    maxRetries: 1,
    maxRequestBytes: 65_536,
    statuses: [[500, 599]],
    grpcCodes: new Set(),
    timeoutMs: 50,
    limitsLastAttempt: true,
    backoff: { minMs: 1, maxMs: 2, jitterRatio: 0 },
  };
  const asked: (string | undefined)[] = [];
  const mesh = await warmMeshOf(t, (request) => void asked.push(request.method), { retry });
  await dialRaw(t, mesh.servicePort).write(GET).until("HTTP/1.1 504 ");
  await dialRaw(t, mesh.servicePort).write(GET.replace("GET", "POST")).until("HTTP/1.1 504 ");
  assert.deepEqual(asked, ["GET", "GET", "POST"]);
  const [first, second] = await mesh.client.closedCount(2);
  assert.deepEqual([first!.attempts, first!.retryOutcome, second!.attempts], [2, "limit", 1]);
});

for (const limit of ["requestMs", "responseMs", "idleMs"] as const) {
  test(`a stream that does not go on after ${limit} ends with a gRPC status in its trailers, and without gRPC with a reset`, async (t) => {
    const appPort = await listenGrpc(t, (stream, headers) => {
      stream.respond({ ":status": 200, "content-type": headers["content-type"] });
      if (headers[":path"] === "/warm") stream.end();
      else stream.write("first");
    });
    const httpRoutes = [{ meta: defaultMeta("http"), hosts: [], rules: [rule(`${SERVICE}:80`)] }];
    const mesh = await createMesh(t, { appPort, outboundPolicy: { protocol: "http2", httpRoutes } });
    // As above: the connections stand before the time counts.
    await call(t, mesh.servicePort, { ":path": "/warm" });
    const limited = [rule(`${SERVICE}:80`, { timeouts: { ...NONE, [limit]: 300 } })];
    mesh.outboundPolicy.set({
      ...mesh.outboundPolicy.current,
      httpRoutes: [{ meta: defaultMeta("http"), hosts: [], rules: limited }],
    });
    const grpc = await call(t, mesh.servicePort);
    assert.deepEqual([grpc.status, grpc.body, grpc.grpcStatus, grpc.resetCode], [200, "first", 4, 0]);
    const plain = await call(t, mesh.servicePort, { "content-type": "text/plain" });
    assert.deepEqual([plain.status, plain.body], [200, "first"]);
    assert.notEqual(plain.resetCode, 0);
    const errors = (await mesh.client.closedCount(3)).slice(1).map(({ error }) => error);
    // What a client hears says that time was up, what a record keeps says which.
    for (const error of errors) assert.match(error, /timeout/);
  });
}
