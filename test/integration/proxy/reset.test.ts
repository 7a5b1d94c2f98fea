import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { freePort } from "../../support/free-port.ts";
import { createMesh, HOST, listenRaw, type Mesh, onlyIdentity } from "./harness.ts";

/** How a connection ended: `end` by its peer's goodbye, else the system's word for how it broke. */
function endingOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let isEnded = false;
    socket.on("end", () => (isEnded = true));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on("close", () => resolve(isEnded ? "end" : "close"));
    socket.resume();
  });
}

function dial(t: TestContext, port: number): Socket {
  const socket = connect({ host: HOST, port, allowHalfOpen: true });
  t.after(() => socket.destroy());
  return socket;
}

const OPAQUE = {
  outboundPolicy: { protocol: "opaque" },
  serverPolicy: { protocol: { kind: "opaque" } },
} as const;

/** Ports of the two ways to an application: through both proxies, and through the server's alone. */
const WAYS = [
  ["both proxies", (mesh: Mesh) => mesh.servicePort],
  ["one proxy", (mesh: Mesh) => mesh.podPort],
] as const;

for (const [way, portOf] of WAYS) {
  test(`a server that resets within its answer is seen to have by its client, through ${way}`, async (t) => {
    const appPort = await listenRaw(t, (socket) => {
      socket.write("half");
      socket.once("data", () => socket.resetAndDestroy());
    });
    const mesh = await createMesh(t, { appPort, ...OPAQUE });
    const client = dial(t, portOf(mesh));
    await once(client, "data");
    const ending = endingOf(client);
    client.write("now");
    assert.equal(await ending, "ECONNRESET");
    const [record] = await mesh.server.closedCount(1);
    assert.equal(record!.error, "ECONNRESET");
    assert.deepEqual([...mesh.client.violations, ...mesh.server.violations], []);
  });

  test(`a client that resets is seen to have by its server, through ${way}`, async (t) => {
    const accepted = Promise.withResolvers<Socket>();
    const appPort = await listenRaw(t, (socket) => accepted.resolve(socket));
    const mesh = await createMesh(t, { appPort, ...OPAQUE });
    const client = dial(t, portOf(mesh));
    client.write("first half");
    const server = await accepted.promise;
    await once(server, "data");
    const ending = endingOf(server);
    client.resetAndDestroy();
    assert.equal(await ending, "ECONNRESET");
    await Promise.all([mesh.client.allTransportsClosed(), mesh.server.allTransportsClosed()]);
  });

  test(`a server that cannot be reached resets its client, through ${way}`, async (t) => {
    const mesh = await createMesh(t, { appPort: await freePort(), ...OPAQUE });
    const client = dial(t, portOf(mesh));
    const ending = endingOf(client);
    client.write("hello");
    assert.equal(await ending, "ECONNRESET");
    const [record] = await mesh.server.closedCount(1);
    assert.equal(record!.errorCode, "DIAL_FAILED");
  });

  test(`an orderly end stays one, with every byte before it, through ${way}`, async (t) => {
    const body = Buffer.alloc(300_000, "x");
    const appPort = await listenRaw(t, (socket) => void socket.resume().end(body));
    const mesh = await createMesh(t, { appPort, ...OPAQUE });
    const client = dial(t, portOf(mesh));
    let bytes = 0;
    client.on("data", (chunk: Buffer) => (bytes += chunk.length));
    client.on("end", () => client.end());
    client.write("hello");
    assert.equal(await endingOf(client), "end");
    assert.equal(bytes, body.length);
  });
}

test("an endpoint that refuses resets the client of the outbound proxy", async (t) => {
  const mesh = await createMesh(t, { appPort: await freePort(), isMeshed: false, ...OPAQUE });
  const client = dial(t, mesh.servicePort);
  assert.equal(await endingOf(client), "ECONNRESET");
});

test("a connection whose authorization is withdrawn is reset on both sides", async (t) => {
  const accepted = Promise.withResolvers<Socket>();
  const appPort = await listenRaw(t, (socket) => accepted.resolve(socket));
  const mesh = await createMesh(t, { appPort, ...OPAQUE });
  const client = dial(t, mesh.servicePort);
  client.write("hello");
  const server = await accepted.promise;
  await once(server, "data");
  const endings = [endingOf(client), endingOf(server)];
  mesh.serverPolicy.set({ ...mesh.serverPolicy.current, authorizations: [onlyIdentity("somebody.else")] });
  assert.deepEqual(await Promise.all(endings), ["ECONNRESET", "ECONNRESET"]);
});
