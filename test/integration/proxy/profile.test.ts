import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import { type TestContext, test } from "node:test";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { OutboundRule, RetryPolicy } from "../../../src/policy/outbound.ts";
import type { ProfileRoute, ProfileRouting } from "../../../src/policy/profile.ts";
import { createMesh, HOST, type Mesh, rule, SERVICE } from "./harness.ts";
import { dialRaw, type RawClient } from "./raw-client.ts";

const BUDGET = { ratio: 0, minPerSecond: 1 / 20, ttlMs: 60_000 };
const RETRY: RetryPolicy = {
  maxRetries: Number.POSITIVE_INFINITY,
  maxRequestBytes: 65_536,
  statuses: [],
  grpcCodes: new Set(),
  timeoutMs: undefined,
  backoff: { minMs: 0, maxMs: 0, jitterRatio: 0 },
  failures: [{ condition: { kind: "status", min: 418, max: 418 }, isFailure: true }],
  budget: BUDGET,
};

function route(path: string, change: Partial<OutboundRule>): ProfileRoute {
  return {
    meta: { ...defaultMeta(`GET ${path}`), kind: "ServiceProfile" },
    condition: { kind: "path", regex: new RegExp(`^${path}$`) },
    rule: rule(`${SERVICE}:80`, change),
  };
}

const PROFILE: ProfileRouting = {
  canonicalName: `${SERVICE}:80`,
  routes: [
    route("/retried", { retry: RETRY }),
    route("/timed", {
      timeouts: { requestMs: undefined, responseMs: undefined, idleMs: undefined, headMs: 50 },
    }),
  ],
  fallback: { ...route("/else", {}), meta: defaultMeta("default") },
};

/** A server that answers in turn with these statuses, or never with 0. */
async function profileMesh(t: TestContext, statuses: readonly number[]) {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    request.resume();
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
  const mesh = await createMesh(t, {
    appPort: (server.address() as { port: number }).port,
    outboundPolicy: { profile: PROFILE },
  });
  return { mesh, asked };
}

function send(t: TestContext, mesh: Mesh, start: string): RawClient {
  return dialRaw(t, mesh.servicePort).write(
    `${start} HTTP/1.1\r\nHost: ${SERVICE}\r\nContent-Length: 0\r\n\r\n`,
  );
}

test("a route of a ServiceProfile repeats what it calls a failure, whatever the method, until the budget is spent", async (t) => {
  const { mesh, asked } = await profileMesh(t, [418, 418, 500, 418, 418, 418]);
  await send(t, mesh, "POST /retried").until("HTTP/1.1 418 ");
  // What no class speaks of is a failure from 500 on. Three retries are in reserve for the window.
  const [record] = await mesh.client.closedCount(1);
  assert.deepEqual([record!.attempts, record!.retryOutcome], [4, "budget"]);
  assert.equal(record!.route, "/ServiceProfile/GET /retried");
  assert.equal(asked.length, 4);
  await send(t, mesh, "GET /else").until("HTTP/1.1 418 ");
  assert.equal(asked.length, 5, "other routes are not retried");
});

test("the servers' proxies are told which service was meant", async (t) => {
  const { mesh, asked } = await profileMesh(t, []);
  await send(t, mesh, "GET /else").until("#1");
  assert.equal(asked[0]!.headers["l5d-dst-canonical"], `${SERVICE}:80`);
  assert.equal((await mesh.client.closedCount(1))[0]!.route, "/default/default");
});

test("the time of a ServiceProfile's route ends with the response's head: 504, and the connection closes", async (t) => {
  const { mesh } = await profileMesh(t, [0]);
  const answer = await send(t, mesh, "GET /timed").untilEnd();
  assert.match(answer, /^HTTP\/1\.1 504 /);
  assert.match(answer, /connection: close/i);
  assert.match(answer, /l5d-proxy-error: .*ServiceProfile/i);
});
