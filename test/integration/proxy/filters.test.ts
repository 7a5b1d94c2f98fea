import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type TestContext, test } from "node:test";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { OutboundRule } from "../../../src/policy/outbound.ts";
import type { HttpFilter } from "../../../src/policy/route.ts";
import { call, listenGrpc, respondOnly } from "./grpc-app.ts";
import { createMesh, HOST, type Mesh, type MeshOptions, rule, SERVICE } from "./harness.ts";
import { dialRaw } from "./raw-client.ts";

const GET = `GET /a?b HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`;
const REDIRECT: HttpFilter = {
  kind: "redirect",
  redirect: { scheme: "https", host: "new.example", port: undefined, path: undefined, status: 308 },
};
const failure = (change: object = {}): HttpFilter => ({
  kind: "failure",
  status: 418,
  message: "on purpose",
  ratio: 1,
  ...change,
});

/** A mesh whose rule, or whose backend, has filters; its application must not be asked. */
async function filterMesh(
  t: TestContext,
  filters: readonly HttpFilter[],
  options: { where?: "rule" | "backend"; config?: MeshOptions["config"] } = {},
): Promise<{ mesh: Mesh; asked: () => number }> {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    response.end("application");
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const plain = rule(`${SERVICE}:80`);
  const atBackend: Partial<OutboundRule> = {
    backends: { ...plain.backends, backends: [{ ...plain.backends.backends[0]!, filters }] },
  };
  const rules = [{ ...plain, ...(options.where === "backend" ? atBackend : { filters }) }];
  const mesh = await createMesh(t, {
    appPort: (server.address() as { port: number }).port,
    outboundPolicy: { httpRoutes: [{ meta: defaultMeta("http"), hosts: [], rules }] },
    ...(options.config && { config: options.config }),
  });
  return { mesh, asked: () => asked };
}

for (const where of ["rule", "backend"] as const) {
  test(`a failure that a ${where} injects has its status and reason, and the connection goes on`, async (t) => {
    const { mesh, asked } = await filterMesh(t, [failure()], { where });
    const client = dialRaw(t, mesh.servicePort);
    for (let round = 0; round < 2; round++) {
      client.clear();
      client.write(GET);
      const answer = await client.until("\r\n\r\n");
      assert.match(answer, /^HTTP\/1\.1 418 /);
      assert.match(answer, /l5d-proxy-error: on purpose\r\n/);
      assert.doesNotMatch(answer, /connection: close/i);
    }
    const [record] = await mesh.client.closedCount(2);
    assert.deepEqual([record!.status, record!.error, asked()], [418, "on purpose", 0]);
  });
}

test("the reason of a failure is not shown where informational headers are off", async (t) => {
  const config = { outbound: { disableInformationalHeaders: true } };
  const { mesh } = await filterMesh(t, [failure()], { config });
  const answer = await dialRaw(t, mesh.servicePort).write(GET).until("\r\n\r\n");
  assert.doesNotMatch(answer, /on purpose/);
  // To gRPC neither.
  const called = await call(t, mesh.servicePort);
  assert.equal(called.headers["grpc-message"], undefined);
});

test("a failure of ratio 0 never happens", async (t) => {
  const { mesh } = await filterMesh(t, [failure({ ratio: 0 })]);
  await dialRaw(t, mesh.servicePort).write(GET).until("application");
});

test("a redirect keeps path and query, and leaves the connection open", async (t) => {
  const { mesh } = await filterMesh(t, [REDIRECT]);
  const answer = await dialRaw(t, mesh.servicePort).write(GET).until("\r\n\r\n");
  assert.match(answer, /^HTTP\/1\.1 308 [\s\S]*location: https:\/\/new\.example\/a\?b\r\n/);
  assert.doesNotMatch(answer, /connection: close/i);
});

test("a filter that does not fit its rule is an error of the policy: 500", async (t) => {
  const redirect = { ...REDIRECT.redirect, path: { kind: "prefix", value: "/x" } } as const;
  const { mesh } = await filterMesh(t, [{ kind: "redirect", redirect }]);
  await dialRaw(t, mesh.servicePort).write(GET).until("HTTP/1.1 500 ");
});

const grpcCases: readonly (readonly [what: string, filter: HttpFilter, status: number, message: string])[] = [
  ["an HTTP failure is FAILED_PRECONDITION", failure(), 9, "on purpose"],
  ["a gRPC failure has its code", failure({ grpcCode: 14 }), 14, "on purpose"],
  ["a redirect is NOT_FOUND", REDIRECT, 5, "redirected"],
];
for (const [what, filter, status, message] of grpcCases) {
  test(`to a gRPC call ${what}, in a head of 200`, async (t) => {
    const { mesh } = await filterMesh(t, [filter]);
    const called = await call(t, mesh.servicePort);
    assert.deepEqual([called.status, called.grpcStatus], [200, status]);
    assert.equal(called.headers["grpc-message"], message);
    assert.equal(called.headers["l5d-proxy-error"], message);
    assert.equal(called.headers["content-type"], "application/grpc");
  });
}

test("what no rule of a gRPC policy takes is NOT_FOUND, and an unavailable backend UNAVAILABLE after the failfast time", async (t) => {
  const appPort = await listenGrpc(t, (stream) => respondOnly(stream, 0));
  const mesh = await createMesh(t, { appPort, outboundPolicy: { protocol: "grpc", httpRoutes: [] } });
  assert.equal((await call(t, mesh.servicePort)).grpcStatus, 5);
  const rules = [rule(`${SERVICE}:80`)];
  const httpRoutes = [{ meta: defaultMeta("grpc"), hosts: [], rules }];
  mesh.outboundPolicy.set({ ...mesh.outboundPolicy.current, httpRoutes });
  mesh.endpoints.set({ known: true, exists: true, endpoints: new Map() });
  assert.equal((await call(t, mesh.servicePort)).grpcStatus, 4, "failfast");
  assert.equal((await call(t, mesh.servicePort)).grpcStatus, 14, "load shed");
});

test("a backend without dispatcher is 502, and closes the connection", async (t) => {
  const { mesh } = await filterMesh(t, []);
  const plain = rule(`${SERVICE}:80`);
  const weighted = plain.backends.backends[0]!;
  const backend = { ...weighted.backend, target: { kind: "none" } } as const;
  const rules = [{ ...plain, backends: { ...plain.backends, backends: [{ ...weighted, backend }] } }];
  const httpRoutes = [{ meta: defaultMeta("http"), hosts: [], rules }];
  mesh.outboundPolicy.set({ ...mesh.outboundPolicy.current, httpRoutes });
  const answer = await dialRaw(t, mesh.servicePort).write(GET).untilEnd();
  assert.match(answer, /^HTTP\/1\.1 502 [\s\S]*connection: close/i);
});

test("an endpoint with another identity than the request requires is 502", async (t) => {
  const { mesh, asked } = await filterMesh(t, []);
  const request = `GET / HTTP/1.1\r\nHost: ${SERVICE}\r\nl5d-require-id: someone.else\r\n\r\n`;
  await dialRaw(t, mesh.servicePort).write(request).until("HTTP/1.1 502 ");
  assert.equal(asked(), 0);
});
