import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type TestContext, test } from "node:test";
import type { RetryPolicy } from "../../../src/policy/outbound.ts";
import { createMesh, HOST, rule, SERVICE } from "./harness.ts";
import { dialRaw } from "./raw-client.ts";

const RETRY: RetryPolicy = {
  maxRetries: 2,
  maxRequestBytes: 65_536,
  statuses: [[500, 599]],
  grpcCodes: new Set(),
  timeoutMs: undefined,
  backoff: { minMs: 1, maxMs: 2, jitterRatio: 0 },
};

/** A server that answers with these statuses in turn and notes what it was asked, behind a route that retries. */
async function retryMesh(t: TestContext, statuses: readonly number[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.headers["x-backend"]}`);
    response.statusCode = statuses[asked.length - 1] ?? 200;
    request.resume();
    response.end(`#${asked.length}`);
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const plain = rule(`${SERVICE}:80`);
  const [weighted] = plain.backends.backends;
  const modifier = { add: [["x-backend", "a"]] as const, set: [], remove: [] };
  const backends = {
    ...plain.backends,
    backends: [{ ...weighted!, filters: [{ kind: "request-headers" as const, modifier }] }],
  };
  const meta = { group: "", kind: "HTTPRoute", namespace: "", name: "r", section: "", port: 0 };
  const mesh = await createMesh(t, {
    appPort: (server.address() as { port: number }).port,
    outboundPolicy: { httpRoutes: [{ meta, hosts: [], rules: [{ ...plain, retry: RETRY, backends }] }] },
  });
  return { mesh, asked };
}

const GET = `GET / HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`;

test("a failing request is repeated until it succeeds, with the request as it was at first", async (t) => {
  const { mesh, asked } = await retryMesh(t, [500, 503]);
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  assert.match(await client.until("#3"), /^HTTP\/1\.1 200 /);
  assert.deepEqual(asked, ["GET a", "GET a", "GET a"]);
  const [record] = await mesh.client.closedCount(1);
  assert.deepEqual([record!.attempts, record!.status], [3, 200]);
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
});

test("what may not be done twice is not, nor what has a body", async (t) => {
  const { mesh, asked } = await retryMesh(t, [500, 500, 404]);
  const client = dialRaw(t, mesh.servicePort);
  client.write(`POST / HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`);
  assert.match(await client.until("#1"), /^HTTP\/1\.1 500 /);
  client.write(`PUT / HTTP/1.1\r\nHost: ${SERVICE}\r\nContent-Length: 1\r\n\r\nx`);
  await client.until("#2");
  client.write(GET);
  await client.until("#3");
  assert.equal(asked.length, 3);
});

test("a client that leaves during the pause is not served", async (t) => {
  const { mesh, asked } = await retryMesh(t, [500]);
  const retry = { ...RETRY, backoff: { minMs: 3_600_000, maxMs: 3_600_000, jitterRatio: 0 } };
  const { current } = mesh.outboundPolicy;
  const [route] = current.httpRoutes;
  mesh.outboundPolicy.set({
    ...current,
    httpRoutes: [{ ...route!, rules: [{ ...route!.rules[0]!, retry }] }],
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  await mesh.server.closedCount(1);
  client.socket.resetAndDestroy();
  const [record] = await mesh.client.closedCount(1);
  assert.equal(record!.error, "client closed the connection");
  assert.equal(asked.length, 1);
});
