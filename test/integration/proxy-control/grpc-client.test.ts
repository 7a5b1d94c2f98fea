import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Destination } from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { Identity } from "../../../src/api/gen/io/linkerd/proxy/identity_pb.js";
import { systemClock } from "../../../src/base/clock.ts";
import { MeshError } from "../../../src/base/error.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { Credentials } from "../../../src/identity/credentials.ts";
import { meshClientOptions } from "../../../src/identity/mesh-tls.ts";
import { createGrpcClient, type GrpcClientOptions } from "../../../src/proxy/control/grpc-client.ts";
import { createHostResolver } from "../../../src/proxy/control/resolve-host.ts";
import { startFakeControlPlane } from "../../support/fake-control-plane.ts";
import { createTestMeshCa } from "../../support/test-mesh-ca.ts";

const CONTROLLER = "meshctl-controller.meshctl.serviceaccount.identity.meshctl.cluster.local";

async function setUp(
  t: TestContext,
  tls?: { server: Credentials; client: Credentials },
  overrides: Partial<GrpcClientOptions> = {},
) {
  const plane = await startFakeControlPlane(tls ? { credentials: tls.server } : {});
  const client = createGrpcClient({
    address: { host: "127.0.0.1", port: plane.port, name: tls ? CONTROLLER : undefined },
    resolver: createHostResolver([]),
    tlsOptions: (name) => meshClientOptions(tls!.client, { serverName: name, expectIdentity: name }),
    connectTimeoutMs: 5000,
    backoff: { minMs: 1, maxMs: 10, jitterRatio: 0 },
    clock: systemClock,
    random: () => 0,
    log: silentLogger,
    ...overrides,
  });
  t.after(async () => {
    client.close();
    await plane.close();
  });
  return { plane, client };
}

const code = (expected: string) => (error: unknown) => error instanceof MeshError && error.code === expected;
const REQUEST = { identity: "a.b", token: Buffer.from("t"), certificateSigningRequest: Buffer.from("c") };
const LONG = { timeoutMs: 60_000 };

test("unary call sends the request and returns the one answer", async (t) => {
  const { plane, client } = await setUp(t);
  const answered = client.unary(Identity.method.certify, REQUEST, LONG);
  const call = await plane.next(Identity.method.certify);
  assert.equal(call.request.identity, "a.b");
  assert.equal(call.headers["content-type"], "application/grpc");
  assert.equal(call.headers.te, "trailers");
  assert.equal(call.headers["grpc-timeout"], "60000m");
  assert.equal(call.headers[":authority"], `127.0.0.1:${plane.port}`);
  call.send({ leafCertificate: Buffer.from("leaf") });
  call.end();
  assert.equal(Buffer.from((await answered).leafCertificate).toString(), "leaf");
});

test("call inside mesh TLS shows the client's identity to the server", async (t) => {
  const ca = await createTestMeshCa();
  const tls = { server: await ca.credentials(CONTROLLER), client: await ca.credentials("web.demo") };
  const { plane, client } = await setUp(t, tls);
  const answered = client.unary(Identity.method.certify, REQUEST, LONG);
  const call = await plane.next(Identity.method.certify);
  assert.equal(call.peer, "web.demo");
  call.send({});
  call.end();
  await answered;
});

test("call to a server with another identity fails and says whose it is", async (t) => {
  const ca = await createTestMeshCa();
  const tls = { server: await ca.credentials("impostor.demo"), client: await ca.credentials("web.demo") };
  const { client } = await setUp(t, tls);
  await assert.rejects(client.unary(Identity.method.certify, REQUEST, LONG), (error: MeshError) => {
    return error.code === "TLS_IDENTITY_MISMATCH" && /impostor\.demo/.test(error.message);
  });
});

test("a control plane of other trust anchors is named as that, once, also when it was already away", async (t) => {
  const [ours, theirs] = [await createTestMeshCa(), await createTestMeshCa()];
  const tls = { server: await theirs.credentials(CONTROLLER), client: await ours.credentials("web.demo") };
  const warnings: { error?: unknown; hint?: unknown }[] = [];
  const log = { ...silentLogger, warn: (_: string, fields = {}) => void warnings.push(fields) };
  let fails = true;
  const resolver = {
    resolve: async () => {
      if (fails) throw new MeshError({ kind: "environment", code: "DNS_FAILED", message: "no such name" });
      return ["127.0.0.1"];
    },
  };
  const { client } = await setUp(t, tls, { log, resolver });
  const call = () => client.unary(Identity.method.certify, REQUEST, LONG);
  await assert.rejects(call(), code("DNS_FAILED"));
  await assert.rejects(call(), code("DNS_FAILED"));
  fails = false;
  await assert.rejects(call(), code("CONTROL_UNTRUSTED"));
  await assert.rejects(call(), code("CONTROL_UNTRUSTED"));
  assert.equal(warnings.length, 2);
  assert.equal(warnings[0]!.error, "no such name");
  assert.match(String(warnings[1]!.error), /this proxy's trust anchors did not sign/);
  assert.match(String(warnings[1]!.hint), /rollout restart/);
});

test("a status other than OK becomes an error of its name, with the decoded message", async (t) => {
  const { plane, client } = await setUp(t);
  plane.answer(Identity.method.certify, (call) => call.end(9, "token for another identity: 50 %"));
  await assert.rejects(client.unary(Identity.method.certify, REQUEST, LONG), (error: MeshError) => {
    return error.code === "CONTROL_FAILED_PRECONDITION" && /another identity: 50 %/.test(error.message);
  });
});

test("a unary call without an answer is an error", async (t) => {
  const { plane, client } = await setUp(t);
  plane.answer(Identity.method.certify, (call) => call.end());
  await assert.rejects(client.unary(Identity.method.certify, REQUEST, LONG), code("CONTROL_INTERNAL"));
});

test("a call past its deadline ends, and the server sees it go", async (t) => {
  const { plane, client } = await setUp(t);
  const answered = client.unary(Identity.method.certify, REQUEST, { timeoutMs: 50 });
  const call = plane.next(Identity.method.certify);
  await assert.rejects(answered, code("CONTROL_DEADLINE_EXCEEDED"));
  await (await call).closed;
});

test("stream delivers messages in order and resolves at OK", async (t) => {
  const { plane, client } = await setUp(t);
  const seen: (string | undefined)[] = [];
  const done = client.stream(
    Destination.method.get,
    { path: "web.demo.svc.cluster.local:80" },
    { signal: new AbortController().signal, onMessage: (message) => seen.push(message.update.case) },
  );
  const call = await plane.next(Destination.method.get);
  assert.equal(call.request.path, "web.demo.svc.cluster.local:80");
  call.send({ update: { case: "noEndpoints", value: { exists: true } } });
  call.send({ update: { case: "add", value: {} } });
  call.end();
  await done;
  assert.deepEqual(seen, ["noEndpoints", "add"]);
});

test("streams share one connection", async (t) => {
  const { plane, client } = await setUp(t);
  const stop = new AbortController();
  const open = (path: string) =>
    client
      .stream(Destination.method.get, { path }, { signal: stop.signal, onMessage: () => {} })
      .catch(() => {});
  const all = [open("a:1"), open("b:1"), open("c:1")];
  for (let index = 0; index < 3; index++) await plane.next(Destination.method.get);
  assert.equal(plane.connections, 1);
  stop.abort();
  await Promise.all(all);
});

for (const [how, act] of [
  [
    "the connection is cut",
    (plane: Awaited<ReturnType<typeof startFakeControlPlane>>) => plane.dropConnections(),
  ],
  ["the server says GOAWAY", (plane: Awaited<ReturnType<typeof startFakeControlPlane>>) => plane.goAway()],
] as const) {
  test(`the next call uses a new connection after ${how}`, async (t) => {
    const { plane, client } = await setUp(t);
    const first = client
      .stream(
        Destination.method.get,
        { path: "a:1" },
        { signal: new AbortController().signal, onMessage: () => {} },
      )
      .then(
        () => "ended",
        (error: MeshError) => error.code,
      );
    const call = await plane.next(Destination.method.get);
    call.send({ update: { case: "noEndpoints", value: { exists: true } } });
    act(plane);
    // A server that says GOAWAY lets streams end in their own time.
    call.end();
    assert.match(await first, /CONTROL_UNAVAILABLE|ended/);
    const answered = client.unary(Identity.method.certify, REQUEST, LONG);
    const second = await plane.next(Identity.method.certify);
    second.send({});
    second.end();
    await answered;
  });
}

test("a reset stream is UNAVAILABLE", async (t) => {
  const { plane, client } = await setUp(t);
  plane.answer(Identity.method.certify, (call) => call.reset());
  await assert.rejects(client.unary(Identity.method.certify, REQUEST, LONG), code("CONTROL_UNAVAILABLE"));
});

test("a message that is no protobuf ends the call", async (t) => {
  const { plane, client } = await setUp(t);
  plane.answer(Identity.method.certify, (call) => call.sendRaw(Buffer.from([0, 0, 0, 0, 2, 0x0a, 0x7f])));
  await assert.rejects(client.unary(Identity.method.certify, REQUEST, LONG), code("CONTROL_BAD_FRAME"));
});

test("a call fails when nobody listens, and says where", async (t) => {
  const { plane, client } = await setUp(t);
  await plane.close();
  t.mock.method(plane, "close", async () => {});
  await assert.rejects(client.unary(Identity.method.certify, REQUEST, LONG), (error: MeshError) => {
    return (
      error.code === "CONTROL_CONNECT_FAILED" &&
      error.message.includes(`127.0.0.1:${plane.port}: ECONNREFUSED`)
    );
  });
});

test("connections wait for the first certificate", async (t) => {
  const ready = Promise.withResolvers<void>();
  const { plane, client } = await setUp(t, undefined, { ready: ready.promise });
  const answered = client.unary(Identity.method.certify, REQUEST, LONG);
  assert.equal(plane.connections, 0);
  ready.resolve();
  const call = await plane.next(Identity.method.certify);
  call.send({});
  call.end();
  await answered;
});

test("addresses known last are used while the name cannot be resolved", async (t) => {
  let isDown = false;
  const resolver = {
    resolve: async () => {
      if (isDown) throw new MeshError({ kind: "environment", code: "DNS_UNAVAILABLE", message: "no DNS" });
      return ["127.0.0.1"];
    },
  };
  const { plane, client } = await setUp(t, undefined, { resolver });
  plane.answer(Identity.method.certify, (call) => {
    call.send({});
    call.end();
  });
  await client.unary(Identity.method.certify, REQUEST, LONG);
  isDown = true;
  plane.dropConnections();
  await assert.doesNotReject(async () => {
    // The client may learn of the cut only through a failing call.
    await client
      .unary(Identity.method.certify, REQUEST, LONG)
      .catch(() => client.unary(Identity.method.certify, REQUEST, LONG));
  });
});
