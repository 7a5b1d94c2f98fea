import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { type TestContext, test } from "node:test";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { OutboundRule } from "../../../src/policy/outbound.ts";
import { createMesh, HOST, type Mesh, rule, SERVICE } from "./harness.ts";
import { dialRaw } from "./raw-client.ts";

/** A server that answers in turn with these statuses, or never with 0. */
async function overrideMesh(t: TestContext, statuses: readonly number[], change: Partial<OutboundRule>) {
  const asked: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers);
    const status = statuses[asked.length - 1] ?? 200;
    if (status === 0) return;
    response.statusCode = status;
    response.end(`#${asked.length}`);
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const rules = [rule(`${SERVICE}:80`, change)];
  const mesh = await createMesh(t, {
    appPort: (server.address() as { port: number }).port,
    outboundPolicy: { httpRoutes: [{ meta: defaultMeta("http"), hosts: [], rules }] },
  });
  return { mesh, asked };
}

async function get(t: TestContext, mesh: Mesh, headers: Record<string, string>): Promise<number> {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const closed = mesh.client.exchanges.length;
  dialRaw(t, mesh.servicePort).write(`GET / HTTP/1.1\r\nHost: ${SERVICE}\r\n${lines.join("")}\r\n`);
  await mesh.client.closedCount(closed + 1);
  return mesh.client.exchanges[closed]!.status;
}

const allowed = { allowsOverrides: true };

test("a request turns retries on where its route allows it, and its server does not see how", async (t) => {
  const { mesh, asked } = await overrideMesh(t, [503, 404, 503, 503, 503], allowed);
  assert.equal(await get(t, mesh, { "l5d-retry-http": "5xx" }), 404);
  assert.equal(asked.length, 2);
  assert.ok(asked.every((headers) => !("l5d-retry-http" in headers)));
  // One retry unless it says more.
  assert.equal(await get(t, mesh, { "l5d-retry-http": "gateway-error" }), 503);
  assert.equal(asked.length, 4);
});

test("a request asks for so many retries as it says", async (t) => {
  const { mesh, asked } = await overrideMesh(t, [500, 500, 500, 500], allowed);
  assert.equal(await get(t, mesh, { "l5d-retry-http": "500", "l5d-retry-limit": "3" }), 500);
  assert.equal(asked.length, 4);
});

test("a request names the time of an attempt, and of the whole; the more specific name outranks the other", async (t) => {
  const { mesh, asked } = await overrideMesh(t, [0, 200, 0, 0], allowed);
  assert.equal(await get(t, mesh, { "l5d-retry-http": "5xx", "l5d-retry-timeout": "50ms" }), 200);
  assert.equal(asked.length, 2);
  assert.equal(await get(t, mesh, { "l5d-timeout": "1h", "l5d-request-timeout": "50ms" }), 504);
  assert.equal(await get(t, mesh, { "l5d-response-timeout": "50ms" }), 504);
  assert.ok(asked.every((headers) => Object.keys(headers).every((name) => !name.includes("timeout"))));
});

test("what cannot be read changes nothing, and is not passed on", async (t) => {
  const { mesh, asked } = await overrideMesh(t, [503], allowed);
  assert.equal(await get(t, mesh, { "l5d-retry-http": "sometimes", "l5d-request-timeout": "soon" }), 503);
  assert.deepEqual(
    Object.keys(asked[0]!).filter((name) => name.startsWith("l5d-re")),
    [],
  );
});

test("where the route does not allow it the headers pass through untouched and do nothing", async (t) => {
  const { mesh, asked } = await overrideMesh(t, [503], {});
  assert.equal(await get(t, mesh, { "l5d-retry-http": "5xx", "l5d-request-timeout": "1ms" }), 503);
  assert.equal(asked[0]!["l5d-retry-http"], "5xx");
  assert.equal(asked[0]!["l5d-request-timeout"], "1ms");
});
