import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { FailureAccrual, OutboundPolicy, OutboundRule } from "../../../src/policy/outbound.ts";
import { FakeClock } from "../../support/clock.ts";
import { call, listenGrpc, respond, respondOnly } from "./grpc-app.ts";
import { createMesh, endpoint, HOST, listenRaw, type Mesh, rule, SERVICE } from "./harness.ts";
import { dialRaw } from "./raw-client.ts";

const ACCRUAL: FailureAccrual = {
  maxConsecutiveFailures: 3,
  successRateThreshold: 0,
  decayMs: 10_000,
  minRequests: 0,
  // Nothing comes back while a test looks.
  backoff: { minMs: 3_600_000, maxMs: 3_600_000, jitterRatio: 0 },
};
const GET = `GET / HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`;

interface App {
  readonly port: number;
  count: number;
  answer: (response: ServerResponse) => void;
}

async function listenApp(t: TestContext, status: number): Promise<App> {
  const app: App = {
    port: 0,
    count: 0,
    answer(response) {
      response.statusCode = status;
      response.end(`status ${status}`);
    },
  };
  const server = createServer((_request, response) => {
    app.count++;
    app.answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return Object.assign(app, { port: (server.address() as { port: number }).port });
}

/** A mesh whose service has one endpoint, without a proxy of its own. */
async function breakerMesh(
  t: TestContext,
  port: number,
  change: Partial<OutboundPolicy> = {},
  ruleChange: Partial<OutboundRule> = {},
): Promise<Mesh> {
  const rules = [rule(`${SERVICE}:80`, ruleChange)];
  return await createMesh(t, {
    appPort: port,
    isMeshed: false,
    outboundPolicy: {
      httpRoutes: [{ meta: defaultMeta("http"), hosts: [], rules }],
      failureAccrual: ACCRUAL,
      ...change,
    },
  });
}

/** Discovery finds another endpoint; those that are known stay what they are. */
function join(mesh: Mesh, port: number): void {
  const added = endpoint(port);
  const endpoints = new Map([...mesh.endpoints.current.endpoints, [added.address, added]]);
  mesh.endpoints.set({ known: true, exists: true, endpoints });
}

/** Sends so many requests, one after the other. */
async function send(t: TestContext, mesh: Mesh, count: number): Promise<number[]> {
  for (let round = 0; round < count; round++) {
    const closed = mesh.client.exchanges.length;
    dialRaw(t, mesh.servicePort).write(GET);
    await mesh.client.closedCount(closed + 1);
  }
  return mesh.client.exchanges.slice(-count).map(({ status }) => status);
}

test("an endpoint that answers with failures gets no more than the policy lets, and records say why", async (t) => {
  const [bad, good] = [await listenApp(t, 500), await listenApp(t, 200)];
  const mesh = await breakerMesh(t, bad.port);
  assert.deepEqual(await send(t, mesh, 3), [500, 500, 500]);
  join(mesh, good.port);
  await send(t, mesh, 20);
  assert.deepEqual([bad.count, good.count], [3, 20]);
  const last = mesh.client.exchanges.at(-1)!;
  assert.equal(last.endpointReason, "p2c 1 of 2 ready, 1 ejected");
  assert.deepEqual(mesh.client.violations, []);
});

test("without a breaker in the policy nothing is ejected", async (t) => {
  const bad = await listenApp(t, 500);
  const mesh = await breakerMesh(t, bad.port, { failureAccrual: undefined });
  await send(t, mesh, 10);
  assert.equal(bad.count, 10);
});

test("when all are ejected the first to wait gets 504 after the failfast time, and those after it 503 at once", async (t) => {
  const bad = await listenApp(t, 503);
  const mesh = await breakerMesh(t, bad.port);
  assert.deepEqual(await send(t, mesh, 5), [503, 503, 503, 504, 503]);
  assert.equal(bad.count, 3);
  assert.match(mesh.client.exchanges.at(-1)!.error, /load shed/);
});

test("a probe after the pause brings an endpoint back that is well again", async (t) => {
  const app = await listenApp(t, 500);
  const backoff = { minMs: 1, maxMs: 2, jitterRatio: 0 };
  const mesh = await breakerMesh(t, app.port, { failureAccrual: { ...ACCRUAL, backoff } });
  await send(t, mesh, 3);
  app.answer = (response) => void response.end("well");
  // It waits for the pause to end, and is the probe.
  assert.deepEqual(await send(t, mesh, 2), [200, 200]);
  assert.equal(app.count, 5);
});

test("the success rate ejects too, and refusals for load lower it", async (t) => {
  const [busy, good] = [await listenApp(t, 429), await listenApp(t, 200)];
  const unified = {
    ...ACCRUAL,
    maxConsecutiveFailures: 0,
    successRateThreshold: 0.5,
    minRequests: 4,
    countsLimited: true,
  };
  const mesh = await breakerMesh(t, busy.port, { failureAccrual: unified });
  await send(t, mesh, 4);
  join(mesh, good.port);
  await send(t, mesh, 20);
  assert.deepEqual([busy.count, good.count], [4, 20]);
});

test("connections that break off, and answers that take too long, are failures", async (t) => {
  const good = await listenApp(t, 200);
  let broken = 0;
  const breaks = await listenRaw(t, (socket) =>
    socket.once("data", () => {
      broken++;
      socket.destroy();
    }),
  );
  const mesh = await breakerMesh(t, breaks);
  assert.deepEqual(await send(t, mesh, 3), [502, 502, 502]);
  join(mesh, good.port);
  await send(t, mesh, 20);
  assert.deepEqual([broken, good.count], [3, 20]);

  const hangs = await listenApp(t, 200);
  hangs.answer = () => {};
  const timeouts = { requestMs: 30, responseMs: undefined, idleMs: undefined };
  const slow = await breakerMesh(t, hangs.port, {}, { timeouts });
  assert.deepEqual(await send(t, slow, 3), [504, 504, 504]);
  await send(t, slow, 1);
  assert.equal(hangs.count, 3);
});

test("a client that leaves says nothing about the endpoint", async (t) => {
  const app = await listenApp(t, 200);
  app.answer = () => {};
  const mesh = await breakerMesh(t, app.port, {
    failureAccrual: { ...ACCRUAL, maxConsecutiveFailures: 1 },
  });
  for (let round = 1; round <= 3; round++) {
    const client = dialRaw(t, mesh.servicePort);
    client.write(GET);
    while (app.count < round) await new Promise((resolve) => setImmediate(resolve));
    client.socket.resetAndDestroy();
    await mesh.client.closedCount(round);
  }
  assert.equal(app.count, 3);
});

test("gRPC statuses count, whether in the head or in the trailers; those that blame the client do not", async (t) => {
  let isInHead = true;
  let code = 5;
  let asked = 0;
  const port = await listenGrpc(t, (stream) => {
    asked++;
    isInHead = !isInHead;
    if (isInHead) respondOnly(stream, code);
    else respond(stream, "message", code);
  });
  const mesh = await breakerMesh(t, port, { protocol: "grpc" });
  for (let round = 0; round < 6; round++) assert.equal((await call(t, mesh.servicePort)).grpcStatus, 5);
  code = 7;
  for (let round = 0; round < 3; round++) assert.equal((await call(t, mesh.servicePort)).grpcStatus, 7);
  // Failfast: deadline exceeded. Then shed: unavailable.
  assert.equal((await call(t, mesh.servicePort)).grpcStatus, 4);
  assert.equal((await call(t, mesh.servicePort)).grpcStatus, 14);
  assert.equal(asked, 9);
});

test("a failure counts as the penalty where the backend has one: the endpoint is left alone without being ejected", async (t) => {
  const [bad, good] = [await listenApp(t, 503), await listenApp(t, 200)];
  const plain = rule(`${SERVICE}:80`).backends;
  const { backend, ...weighted } = plain.backends[0]!;
  const target = { ...backend.target, penaltyMs: 5000, maxRetryAfterMs: 300_000 } as typeof backend.target;
  const backends = { ...plain, backends: [{ ...weighted, backend: { ...backend, target } }] };
  const mesh = await breakerMesh(t, bad.port, { failureAccrual: undefined }, { backends });
  await send(t, mesh, 1);
  join(mesh, good.port);
  await send(t, mesh, 20);
  assert.deepEqual([bad.count, good.count], [1, 20]);
});

test("an endpoint that refuses connections is left out, is tried again after its pause, and serves again when it is back", async (t) => {
  const clock = new FakeClock();
  // Timers stand still; time that is measured does not need to.
  const stopped = {
    ...systemClock,
    schedule: clock.schedule.bind(clock),
    monotonic: () => clock.monotonic(),
  };
  const good = await listenApp(t, 200);
  const back = await listenApp(t, 200);
  const refusing = createServer();
  await new Promise<void>((resolve) => refusing.listen(0, HOST, resolve));
  const { port } = refusing.address() as { port: number };
  await new Promise<void>((resolve) => refusing.close(() => resolve()));
  const rules = [rule(`${SERVICE}:80`)];
  const mesh = await createMesh(t, {
    appPort: good.port,
    isMeshed: false,
    clock: stopped,
    outboundPolicy: { httpRoutes: [{ meta: defaultMeta("http"), hosts: [], rules }] },
  });
  const endpoints = new Map([port, good.port].map((each) => [`${HOST}:${each}`, endpoint(each)]));
  mesh.endpoints.set({ known: true, exists: true, endpoints });
  assert.ok((await send(t, mesh, 20)).every((status) => status === 200));
  assert.equal(good.count, 20);
  assert.equal(mesh.client.exchanges.at(-1)!.endpointReason, "p2c 1 of 2 ready");
  // A server comes to stand where none was.
  const server = createServer((_request, response) => {
    back.count++;
    response.end("back");
  });
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await send(t, mesh, 5);
  assert.equal(back.count, 0, "not before the pause has ended");
  clock.advance(60_000);
  await send(t, mesh, 20);
  assert.ok(back.count > 0);
});

test("an endpoint that discovery dropped finishes what it has begun, and gets nothing new", async (t) => {
  const [leaving, staying] = [await listenApp(t, 200), await listenApp(t, 200)];
  let finish: () => void = () => {};
  leaving.answer = (response) => {
    response.writeHead(200, { "content-length": "9" });
    response.write("begun");
    finish = () => response.end("done");
  };
  const mesh = await breakerMesh(t, leaving.port);
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  await client.until("begun");
  const next = endpoint(staying.port);
  mesh.endpoints.set({ known: true, exists: true, endpoints: new Map([[next.address, next]]) });
  await send(t, mesh, 3);
  finish();
  await client.until("begundone");
  assert.deepEqual([leaving.count, staying.count], [1, 3]);
});
