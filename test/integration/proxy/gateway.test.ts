import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { type TestContext, test } from "node:test";
import {
  CLIENT_ID,
  createMesh,
  endpoint,
  HOST,
  listenRaw,
  type MeshOptions,
  onlyIdentity,
  outboundPolicy,
  SERVER_ID,
  SERVICE,
} from "./harness.ts";
import { dialRaw } from "./raw-client.ts";

const REMOTE = "orders.shop.svc.cluster.local";
const GET = `GET /a HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`;

/** A client's proxy, a gateway that it reaches the service `orders` through, and an application behind that. */
async function gatewayMesh(t: TestContext, options: Partial<MeshOptions> = {}, override = `${REMOTE}:8080`) {
  const seen: IncomingHttpHeaders[] = [];
  const app = createServer((request, response) => {
    seen.push(request.headers);
    response.end("from orders");
  });
  await new Promise<void>((resolve) => app.listen(0, HOST, resolve));
  t.after(() => {
    app.close();
    app.closeAllConnections();
  });
  const { port } = app.address() as { port: number };
  const mesh = await createMesh(t, {
    appPort: 1,
    gateway: { to: endpoint(port), authorityOverride: override },
    ...options,
    config: { inbound: { gatewaySuffixes: ["svc.cluster.local"], ...options.config?.inbound } },
  });
  return { mesh, seen };
}

for (const protocolHint of ["h2", undefined] as const) {
  test(`a request for another workload passes a gateway, carried by ${protocolHint ?? "HTTP/1"}`, async (t) => {
    const { mesh, seen } = await gatewayMesh(t, { protocolHint });
    const client = dialRaw(t, mesh.servicePort);
    client.write(GET);
    assert.match(await client.until("from orders"), /^HTTP\/1\.1 200 OK\r\n/);
    assert.equal(seen[0]!.host, `${REMOTE}:8080`);
    assert.equal(seen[0]!.forwarded, `by=${SERVER_ID};for=${CLIENT_ID};host=${REMOTE}:8080;proto=https`);
    // A second one on the same connection.
    client.write(GET);
    await client.until("from orders");
    const [record] = await mesh.server.closedCount(1);
    assert.equal(record!.peerIdentity, CLIENT_ID);
    assert.equal(record!.target, `${REMOTE}:8080`);
    assert.deepEqual(mesh.server.violations, []);
  });
}

test("the policy of the proxy port decides who may use a gateway", async (t) => {
  const { mesh, seen } = await gatewayMesh(t, {
    protocolHint: "h2",
    serverPolicy: { authorizations: [onlyIdentity("somebody.else")] },
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write(GET);
  assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 403 /);
  assert.equal(seen.length, 0);
});

test("a request that has passed this gateway already is a loop", async (t) => {
  const { mesh, seen } = await gatewayMesh(t, { protocolHint: "h2" });
  const client = dialRaw(t, mesh.servicePort);
  client.write(
    `GET /a HTTP/1.1\r\nHost: ${SERVICE}\r\nForwarded: by=other, by=${SERVER_ID};for=x;proto=https\r\n\r\n`,
  );
  assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 508 /);
  assert.equal(seen.length, 0);
});

for (const [why, override, suffixes] of [
  ["does not serve", "orders.example.com:80", ["svc.cluster.local"]],
  ["serves and nobody knows", "orders.example.com:80", ["."]],
  ["is none", `${REMOTE}:80`, []],
] as const) {
  test(`a name that the gateway ${why} gets no connection`, async (t) => {
    const { mesh, seen } = await gatewayMesh(
      t,
      { protocolHint: "h2", config: { inbound: { gatewaySuffixes: suffixes } } },
      override,
    );
    const client = dialRaw(t, mesh.servicePort);
    client.write(GET);
    assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 50[24] /);
    assert.equal(seen.length, 0);
  });
}

test("opaque bytes pass a gateway both ways, and are cut when the authorization is withdrawn", async (t) => {
  const echo = await listenRaw(t, (socket) => socket.pipe(socket));
  const mesh = await createMesh(t, {
    appPort: 1,
    protocolHint: "opaque",
    gateway: { to: endpoint(echo), authorityOverride: `${REMOTE}:5432` },
    outboundPolicy: outboundPolicy(`${SERVICE}:80`, { protocol: "opaque" }),
    config: { inbound: { gatewaySuffixes: ["."] } },
  });
  const client = dialRaw(t, mesh.servicePort);
  client.write("\x00ping");
  await client.until("ping");
  mesh.serverPolicy.set({ ...mesh.serverPolicy.current, authorizations: [onlyIdentity("nobody")] });
  await client.untilEnd();
});
