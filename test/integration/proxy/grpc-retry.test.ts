import assert from "node:assert/strict";
import { constants } from "node:http2";
import { type TestContext, test } from "node:test";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { OutboundRule, RetryPolicy } from "../../../src/policy/outbound.ts";
import { call, listenGrpc, listenGrpcWhole, type OnCall, respond, respondOnly } from "./grpc-app.ts";
import { createMesh, endpoint, HOST, listenRaw, type Mesh, rule, SERVICE } from "./harness.ts";

const RETRY: RetryPolicy = {
  maxRetries: 2,
  maxRequestBytes: 65_536,
  statuses: [],
  grpcCodes: new Set([14]),
  timeoutMs: undefined,
  backoff: { minMs: 1, maxMs: 2, jitterRatio: 0 },
};

async function grpcMesh(t: TestContext, onCall: OnCall, change: Partial<OutboundRule> = {}): Promise<Mesh> {
  const rules = [rule(`${SERVICE}:80`, { retry: RETRY, ...change })];
  return await createMesh(t, {
    appPort: await listenGrpc(t, onCall),
    outboundPolicy: { protocol: "grpc", httpRoutes: [{ meta: defaultMeta("grpc"), hosts: [], rules }] },
  });
}

/** Replaces the endpoints by these servers, without proxies of their own. */
function serve(mesh: Mesh, ...ports: number[]): void {
  const endpoints = new Map(ports.map((port) => [`${HOST}:${port}`, endpoint(port)]));
  mesh.endpoints.set({ known: true, exists: true, endpoints });
}

/** Answers in turn, and notes the bodies. */
function inTurn(...answers: OnCall[]): { onCall: OnCall; bodies: string[] } {
  const bodies: string[] = [];
  return {
    bodies,
    onCall(stream, headers, body) {
      bodies.push(body.toString());
      answers[Math.min(bodies.length, answers.length) - 1]!(stream, headers, body);
    },
  };
}
const well: OnCall = (stream) => respond(stream, "answer", 0);

test("a gRPC call is repeated, with its message, when its status is in the head", async (t) => {
  const { onCall, bodies } = inTurn((stream) => respondOnly(stream, 14), well);
  const mesh = await grpcMesh(t, onCall);
  const called = await call(t, mesh.servicePort);
  assert.deepEqual([called.grpcStatus, called.body], [0, "answer"]);
  assert.deepEqual(bodies, ["question", "question"]);
  const [record] = await mesh.client.closedCount(1);
  assert.deepEqual([record!.attempts, record!.retryOutcome, record!.grpcStatus], [2, "success", 0]);
  assert.deepEqual(mesh.client.violations, []);
});

test("a gRPC call is repeated when its status is in the trailers that follow a first message, which the client never sees", async (t) => {
  const { onCall } = inTurn((stream) => respond(stream, "half", 14), well);
  const mesh = await grpcMesh(t, well);
  serve(mesh, await listenGrpcWhole(t, onCall));
  const called = await call(t, mesh.servicePort);
  assert.deepEqual([called.grpcStatus, called.body], [0, "answer"]);
});

test("a gRPC stream that has begun is not repeated", async (t) => {
  const seen = Promise.withResolvers<void>();
  const { onCall, bodies } = inTurn((stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "14" }));
    stream.write("first");
    void seen.promise.then(() => stream.end("second"));
  }, well);
  const mesh = await grpcMesh(t, onCall);
  const { client } = mesh;
  const responded = client.responded.bind(client);
  client.responded = (exchange) => {
    responded(exchange);
    seen.resolve();
  };
  const called = await call(t, mesh.servicePort);
  assert.deepEqual([called.grpcStatus, called.body], [14, "firstsecond"]);
  assert.equal(bodies.length, 1);
});

test("codes that the policy does not name, and servers that ask not to be called again, are not", async (t) => {
  const { onCall, bodies } = inTurn(
    (stream) => respondOnly(stream, 13),
    (stream) => respondOnly(stream, 14, { "grpc-retry-pushback-ms": "-1" }),
  );
  const mesh = await grpcMesh(t, onCall);
  assert.equal((await call(t, mesh.servicePort)).grpcStatus, 13);
  assert.equal((await call(t, mesh.servicePort)).grpcStatus, 14);
  assert.equal(bodies.length, 2);
});

test("a call is not repeated when its client would have given up by then", async (t) => {
  const { onCall, bodies } = inTurn((stream) =>
    respondOnly(stream, 14, { "grpc-retry-pushback-ms": "60000" }),
  );
  const mesh = await grpcMesh(t, onCall);
  assert.equal((await call(t, mesh.servicePort, { "grpc-timeout": "30S" })).grpcStatus, 14);
  assert.equal(bodies.length, 1);
});

test("the last answer stands, whole, when the retries are used up", async (t) => {
  const { onCall, bodies } = inTurn((stream) => respond(stream, "no", 14));
  const mesh = await grpcMesh(t, onCall);
  serve(mesh, await listenGrpcWhole(t, onCall));
  const called = await call(t, mesh.servicePort);
  assert.deepEqual([called.grpcStatus, called.body, bodies.length], [14, "no", 3]);
  assert.equal((await mesh.client.closedCount(1))[0]!.retryOutcome, "limit");
});

test("a call that the server refused to begin is sent again, though its message has gone", async (t) => {
  const { onCall, bodies } = inTurn(
    (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
    (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
    well,
  );
  const mesh = await grpcMesh(t, well);
  serve(mesh, await listenGrpc(t, onCall));
  const called = await call(t, mesh.servicePort);
  assert.deepEqual([called.grpcStatus, called.body], [0, "answer"]);
  assert.deepEqual(bodies, ["question", "question", "question"]);
});

test("a call that one server refused to begin goes to another, not to the same again", async (t) => {
  const other = await listenGrpc(t, well);
  let refusals = 0;
  const busy: number = await listenGrpc(t, (stream) => {
    refusals++;
    // By now there is another.
    serve(mesh, busy, other);
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
  });
  const mesh = await grpcMesh(t, well);
  serve(mesh, busy);
  assert.equal((await call(t, mesh.servicePort)).grpcStatus, 0);
  assert.equal(refusals, 1);
  assert.equal((await mesh.client.closedCount(1))[0]!.attempts, 2);
});

test("a lost connection is UNAVAILABLE: repeated where that is named, answered otherwise", async (t) => {
  const lossy = await listenRaw(t, (socket) => socket.once("data", () => socket.destroy()));
  const other = await listenGrpc(t, well);
  const mesh = await grpcMesh(t, well);
  serve(mesh, lossy, other);
  for (let round = 0; round < 6; round++) assert.equal((await call(t, mesh.servicePort)).grpcStatus, 0);
  const { current } = mesh.outboundPolicy;
  const rules = [rule(`${SERVICE}:80`, { retry: { ...RETRY, grpcCodes: new Set([4]) } })];
  mesh.outboundPolicy.set({ ...current, httpRoutes: [{ ...current.httpRoutes[0]!, rules }] });
  serve(mesh, lossy);
  assert.equal((await call(t, mesh.servicePort)).grpcStatus, 14);
});

test("what is left of a deadline is passed on, shortened by the route's and by what attempts took", async (t) => {
  const seen: (string | string[] | undefined)[] = [];
  const note: OnCall = (_stream, headers) => void seen.push(headers["grpc-timeout"]);
  const { onCall } = inTurn(
    (stream, headers, body) => {
      note(stream, headers, body);
      respondOnly(stream, 14);
    },
    (stream, headers, body) => {
      note(stream, headers, body);
      well(stream, headers, body);
    },
  );
  const requestMs = 50_000;
  const mesh = await grpcMesh(t, onCall, {
    timeouts: { requestMs, responseMs: undefined, idleMs: undefined },
  });
  await call(t, mesh.servicePort, { "grpc-timeout": "1H" });
  await call(t, mesh.servicePort, { "grpc-timeout": "40S" });
  await call(t, mesh.servicePort);
  const [first, second, shorter, none] = seen.map((text) => {
    const match = /^(\d+)m$/.exec(String(text));
    assert.ok(match, String(text));
    return Number(match[1]);
  });
  assert.ok(first! <= requestMs && first! > requestMs - 20_000, String(first));
  assert.ok(second! < first!, "the pause between attempts counts");
  assert.ok(shorter! <= 40_000 && shorter! > 20_000, String(shorter));
  assert.ok(none! <= requestMs, "the route's alone");
});

test("without a deadline of client or route none is made up", async (t) => {
  let seen: unknown = "";
  const mesh = await grpcMesh(t, (stream, headers) => {
    seen = headers["grpc-timeout"];
    respondOnly(stream, 0);
  });
  await call(t, mesh.servicePort);
  assert.equal(seen, undefined);
});
