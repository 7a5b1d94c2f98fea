import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { SILENCE_MS } from "../../../src/proxy/detect/detect-http.ts";
import { encodeTransportHeader } from "../../../src/wire/transport-header.ts";
import { createTestMeshCa } from "../../support/test-mesh-ca.ts";
import { until } from "../../support/until.ts";
import {
  anyone,
  CLIENT_ID,
  createMesh,
  HOST,
  listenRaw,
  onlyIdentity,
  rule,
  SERVER_ID,
  SERVICE,
} from "./harness.ts";
import { dialRaw, RawClient } from "./raw-client.ts";

for (const protocol of ["detect", "opaque"] as const) {
  test(`a server that speaks first is heard through both proxies (${protocol})`, async (t) => {
    const appPort = await listenRaw(t, async (socket) => {
      const app = new RawClient(socket);
      app.write("220 mail ready\r\n");
      await app.until("HELO me\r\n");
      app.write("250 hello\r\n");
      await app.until("QUIT\r\n");
      app.write("221 bye\r\n").end();
    });
    const kind =
      protocol === "detect"
        ? ({ kind: "detect", timeoutMs: 10_000 } as const)
        : ({ kind: "opaque" } as const);
    const mesh = await createMesh(t, {
      appPort,
      outboundPolicy: { protocol },
      serverPolicy: { protocol: kind },
    });
    const client = dialRaw(t, mesh.servicePort);
    await client.until("220 mail ready\r\n");
    client.write("HELO me\r\n");
    await client.until("250 hello\r\n");
    client.write("QUIT\r\n");
    assert.equal(await client.untilEnd(), "220 mail ready\r\n250 hello\r\n221 bye\r\n");
    client.end();
    const [record] = await mesh.client.closedCount(1);
    assert.equal(record!.protocol, "opaque");
    assert.equal(record!.tls, "true");
    assert.equal(record!.requestBytes, 15);
    assert.equal(record!.responseBytes, 36);
    assert.equal(record!.error, "");
    const [inbound] = await mesh.server.closedCount(1);
    assert.equal(inbound!.peerIdentity, CLIENT_ID);
    assert.deepEqual([...mesh.client.violations, ...mesh.server.violations], []);
  });
}

test("a silent client of a port with detection reaches its server without a proxy on its own side", async (t) => {
  const appPort = await listenRaw(t, (socket) => void socket.end("banner"));
  const mesh = await createMesh(t, { appPort });
  const client = dialRaw(t, mesh.podPort);
  assert.equal(await client.untilEnd(), "banner");
});

test("each half of a connection closes for itself", async (t) => {
  const appPort = await listenRaw(t, async (socket) => {
    const app = new RawClient(socket);
    const request = await app.untilEnd();
    app.write(`got ${request}`).end();
  });
  const mesh = await createMesh(t, { appPort });
  const client = dialRaw(t, mesh.servicePort);
  client.write("\x01\x02binary question").end();
  assert.equal(await client.untilEnd(), "got \x01\x02binary question");
});

for (const protocol of ["detect", "opaque", "tls"] as const) {
  for (const said of ["", "QUI", "\x16\x03\x01"]) {
    test(`a client that closes its half after ${JSON.stringify(said)} hears its server (${protocol})`, async (t) => {
      const appPort = await listenRaw(t, async (socket) => {
        const app = new RawClient(socket);
        app.write("220 ready\r\n");
        // Only after the end has been passed on: both halves of the way are seen.
        app.write(`you said ${JSON.stringify(await app.untilEnd())}\r\n`).end();
      });
      const kind =
        protocol === "detect"
          ? ({ kind: "detect", timeoutMs: 10_000 } as const)
          : ({ kind: protocol } as const);
      const outboundPolicy = protocol === "tls" ? { protocol: "opaque" as const } : { protocol };
      const mesh = await createMesh(t, { appPort, outboundPolicy, serverPolicy: { protocol: kind } });
      const expected = `220 ready\r\nyou said ${JSON.stringify(said)}\r\n`;
      for (const port of [mesh.servicePort, mesh.podPort]) {
        const client = dialRaw(t, port);
        if (said !== "") client.write(said);
        client.end();
        assert.equal(await client.untilEnd(), expected, port === mesh.podPort ? "one proxy" : "two proxies");
      }
      const [record] = await mesh.client.closedCount(1);
      assert.deepEqual(
        [record!.protocol, record!.error, record!.requestBytes, record!.responseBytes],
        ["opaque", "", said.length, expected.length],
      );
      await mesh.server.closedCount(2);
      assert.equal(mesh.client.openTransports + mesh.server.openTransports, 0);
      const src = mesh.client.transports.find((each) => each.peer === "src")!;
      assert.deepEqual([src.readBytes, src.writeBytes], [said.length, expected.length]);
      assert.deepEqual([...mesh.client.violations, ...mesh.server.violations], []);
    });
  }
}

test("a last word in one segment with the end of its connection is forwarded", async (t) => {
  const appPort = await listenRaw(t, async (socket) => {
    const app = new RawClient(socket);
    app.write(`got ${await app.untilEnd()}`).end();
  });
  const mesh = await createMesh(t, { appPort });
  const header = encodeTransportHeader({ port: mesh.podPort, name: undefined, session: undefined });
  for (const [port, prefix, alpn] of [
    [mesh.directPort, header, ["transport.l5d.io/v1"]],
    [mesh.podPort, Buffer.alloc(0), []],
  ] as const) {
    const { stream, hold } = await dialHeld(t, port);
    const socket = connectTls({
      socket: stream,
      servername: SERVER_ID,
      rejectUnauthorized: false,
      secureContext: mesh.credentials.client.current()!.client,
      ALPNProtocols: [...alpn],
    });
    t.after(() => socket.destroy());
    const client = new RawClient(socket);
    await once(socket, "secureConnect");
    hold();
    client.write(Buffer.concat([prefix, Buffer.from("\x00bye")])).end();
    assert.equal(await client.untilEnd(), "got \x00bye");
  }
});

/** A connection that, from `hold` on, collects what is written and sends it in one piece with its end. */
async function dialHeld(t: TestContext, port: number): Promise<{ stream: Duplex; hold: () => void }> {
  const tcp = connect({ port, host: HOST, allowHalfOpen: true, noDelay: true });
  t.after(() => tcp.destroy());
  tcp.on("error", () => {});
  await once(tcp, "connect");
  const held: Buffer[] = [];
  let isHolding = false;
  const stream = new Duplex({
    allowHalfOpen: true,
    read() {},
    write(chunk: Buffer, _encoding, done) {
      if (isHolding) held.push(chunk);
      else tcp.write(chunk);
      done();
    },
    final(done) {
      tcp.end(Buffer.concat(held));
      done();
    },
  });
  tcp.on("data", (chunk) => stream.push(chunk));
  tcp.on("end", () => stream.push(null));
  return { stream, hold: () => (isHolding = true) };
}

test("a connection that no authorization covers is closed without the application's hearing of it", async (t) => {
  let connections = 0;
  const appPort = await listenRaw(t, () => {
    connections++;
  });
  const mesh = await createMesh(t, { appPort, serverPolicy: { authorizations: [onlyIdentity("nobody")] } });
  const client = dialRaw(t, mesh.servicePort);
  client.write("\x00\x01\x02\x03");
  assert.equal(await client.untilEnd(), "");
  const [record] = await mesh.server.closedCount(1);
  assert.equal(record!.verdict, "denied");
  assert.equal(connections, 0);
});

test("a connection is cut when its authorization is withdrawn", async (t) => {
  const appPort = await listenRaw(t, (socket) => void socket.pipe(socket));
  const mesh = await createMesh(t, { appPort, serverPolicy: { authorizations: [onlyIdentity(CLIENT_ID)] } });
  const client = dialRaw(t, mesh.servicePort);
  client.write("\x00echo");
  await client.until("echo");
  mesh.serverPolicy.set({ ...mesh.serverPolicy.current, authorizations: [anyone()] });
  client.write("more");
  await client.until("more");
  mesh.serverPolicy.set({ ...mesh.serverPolicy.current, authorizations: [] });
  await client.untilEnd();
  const [record] = await mesh.server.closedCount(1);
  assert.equal(record!.error, "authorization was withdrawn");
});

test("an opaque connection without any endpoint is closed after the failfast time", async (t) => {
  const mesh = await createMesh(t, { appPort: 1, isMeshed: false });
  const client = dialRaw(t, mesh.servicePort);
  client.write("\x00\x01");
  await client.untilEnd();
  const [record] = await mesh.client.closedCount(1);
  assert.match(record!.error, /had no endpoint for 300 ms.*ECONNREFUSED/);
});

test("a forbidden opaque route closes the connection", async (t) => {
  const mesh = await createMesh(t, {
    appPort: 1,
    outboundPolicy: {
      protocol: "opaque",
      opaqueRoutes: [
        {
          meta: { group: "", kind: "TCPRoute", namespace: "", name: "no", section: "", port: 0 },
          backends: rule(`${SERVICE}:80`).backends,
          refused: "forbidden",
        },
      ],
    },
  });
  await dialRaw(t, mesh.servicePort).untilEnd();
  const [record] = await mesh.client.closedCount(1);
  assert.match(record!.error, /refused: forbidden/);
});

test("mesh TLS is terminated on the application's own port, with and without a client certificate", async (t) => {
  const appPort = await listenRaw(t, (socket) => void socket.pipe(socket));
  const mesh = await createMesh(t, { appPort });
  for (const [secureContext, identity] of [
    [mesh.credentials.client.current()!.client, CLIENT_ID],
    [undefined, ""],
  ] as const) {
    const socket = connectTls({
      host: HOST,
      port: mesh.podPort,
      servername: SERVER_ID,
      rejectUnauthorized: false,
      ...(secureContext ? { secureContext } : {}),
    });
    t.after(() => socket.destroy());
    const client = new RawClient(socket);
    client.write("\x00secret");
    await client.until("secret");
    assert.equal(socket.getProtocol(), "TLSv1.3");
    client.end();
    await client.untilEnd();
    const record = mesh.server.transports.findLast((each) => each.peer === "src")!;
    assert.deepEqual([record.tls, record.peerIdentity], ["true", identity]);
  }
});

test("TLS for another name passes through unread", async (t) => {
  const appPort = await listenRaw(t, (socket) => {
    socket.once("data", (chunk) => socket.end(`type ${chunk[0]}`));
  });
  const mesh = await createMesh(t, { appPort });
  const socket = connect({ host: HOST, port: mesh.podPort });
  const client = new RawClient(socket);
  const secure = connectTls({ socket, servername: "www.example.com" });
  secure.on("error", () => {});
  await client.untilEnd();
  const [record] = await mesh.server.closedCount(1);
  assert.equal(record!.tls, "passthru");
  assert.equal(record!.responseBytes, "type 22".length);
});

test("a client certificate of another trust domain is refused", async (t) => {
  const appPort = await listenRaw(t, (socket) => void socket.pipe(socket));
  const mesh = await createMesh(t, { appPort });
  const other = await (await createTestMeshCa()).credentials(CLIENT_ID);
  for (const port of [mesh.podPort, mesh.directPort]) {
    const socket = connectTls({
      host: HOST,
      port,
      servername: SERVER_ID,
      rejectUnauthorized: false,
      secureContext: other.current()!.client,
      ALPNProtocols: port === mesh.directPort ? ["transport.l5d.io/v1"] : [],
    });
    t.after(() => socket.destroy());
    const client = new RawClient(socket);
    client.write("\x00hello");
    assert.equal(await client.untilEnd(), "");
  }
  assert.equal(mesh.server.exchanges.length, 0);
});

test("the proxy port demands a certificate, the protocol name and a transport header", async (t) => {
  const appPort = await listenRaw(t, (socket) => void socket.pipe(socket));
  const mesh = await createMesh(t, { appPort });
  const secureContext = mesh.credentials.client.current()!.client;
  const header = encodeTransportHeader({ port: mesh.podPort, name: undefined, session: undefined });
  const alpn = ["transport.l5d.io/v1"];
  const attempts: [string, object, Buffer, boolean][] = [
    ["proper", { secureContext, ALPNProtocols: alpn }, header, true],
    ["no certificate", { ALPNProtocols: alpn }, header, false],
    ["no protocol name", { secureContext }, header, false],
    ["other protocol name", { secureContext, ALPNProtocols: ["h2"] }, header, false],
    ["no header", { secureContext, ALPNProtocols: alpn }, Buffer.from("GET / HTTP/1.1\r\n\r\n"), false],
    [
      "a gateway's header",
      { secureContext, ALPNProtocols: alpn },
      encodeTransportHeader({ port: 80, name: "web.far", session: undefined }),
      false,
    ],
  ];
  for (const [name, options, bytes, passes] of attempts) {
    const socket = connectTls({
      host: HOST,
      port: mesh.directPort,
      servername: SERVER_ID,
      rejectUnauthorized: false,
      ...options,
    });
    t.after(() => socket.destroy());
    const client = new RawClient(socket);
    client.write(Buffer.concat([bytes, Buffer.from("\x00payload")]));
    if (passes) assert.match(await client.until("payload"), /payload/, name);
    else assert.equal(await client.untilEnd(), "", name);
  }
  // Our own outbound ports would act with this pod's identity for whoever asks.
  for (const port of [mesh.httpProxyPort, mesh.servicePort, mesh.directPort]) {
    const socket = connectTls({
      ...{ host: HOST, port: mesh.directPort, servername: SERVER_ID, rejectUnauthorized: false },
      ...{ secureContext, ALPNProtocols: alpn },
    });
    t.after(() => socket.destroy());
    const client = new RawClient(socket);
    const own = encodeTransportHeader({ port, name: undefined, session: "http/1" });
    client.write(
      Buffer.concat([own, Buffer.from(`GET http://${SERVICE}/ HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`)]),
    );
    assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 502 .*\r\n[\s\S]*is the proxy's own/);
  }
  const plain = dialRaw(t, mesh.directPort);
  plain.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  assert.equal(await plain.untilEnd(), "");
});

test("a new certificate takes over without touching open connections", async (t) => {
  const appPort = await listenRaw(t, (socket) => void socket.pipe(socket));
  const mesh = await createMesh(t, { appPort });
  const first = dialRaw(t, mesh.servicePort);
  first.write("\x00one");
  await first.until("one");
  // Contexts are asked for at each handshake: a second connection works with whatever is current then.
  const renewed = await (await createTestMeshCa()).credentials(CLIENT_ID);
  const { client } = mesh.credentials;
  (client as { current: typeof client.current }).current = renewed.current;
  const second = dialRaw(t, mesh.servicePort);
  second.write("\x00two");
  await second.untilEnd();
  const [record] = await mesh.client.closedCount(1);
  assert.match(record!.error, /TLS/);
  first.write("still");
  await first.until("still");
});

test("drain keeps a tunnel until its deadline", async (t) => {
  const appPort = await listenRaw(t, (socket) => void socket.pipe(socket));
  const mesh = await createMesh(t, { appPort });
  const client = dialRaw(t, mesh.servicePort);
  client.write("\x00one");
  await client.until("one");
  const deadline = new AbortController();
  const drained = mesh.outbound.drain(deadline.signal);
  client.write("two");
  await client.until("two");
  deadline.abort();
  await drained;
  await client.untilEnd();
});

test("every accepted and dialled connection is closed in the books", async (t) => {
  const appPort = await listenRaw(t, (socket) => void socket.pipe(socket));
  const mesh = await createMesh(t, { appPort });
  const client = dialRaw(t, mesh.servicePort);
  client.write("\x00bytes").end();
  await client.untilEnd();
  await mesh.client.closedCount(1);
  await mesh.server.closedCount(1);
  assert.equal(mesh.client.openTransports, 0);
  assert.equal(mesh.server.openTransports, 0);
  const dst = mesh.client.transports.find((each) => each.peer === "dst")!;
  assert.deepEqual([dst.writeBytes, dst.readBytes, dst.peerIdentity], [6, 6, SERVER_ID]);
  assert.equal(mesh.serverPolicy.holders, 0);
});

test("a client that is silent for longer than the detect timeout is opaque whatever it says then", async (t) => {
  const appPort = await listenRaw(t, (socket) => socket.on("data", () => socket.end("not for HTTP")));
  const mesh = await createMesh(t, { appPort, config: { outbound: { detectTimeoutMs: 1 } } });
  const client = dialRaw(t, mesh.servicePort);
  await until("the connection to be taken as opaque", () => mesh.client.openExchanges === 1);
  client.write(`GET /late HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`);
  await client.until("not for HTTP");
  client.socket.destroy();
  const [record] = await mesh.client.closedCount(1);
  assert.equal(record!.protocol, "opaque");
});

test("an HTTP client that was slow to begin is still seen as HTTP, on both sides", async (t) => {
  let connections = 0;
  let second: (() => void) | undefined;
  const dialled = new Promise<void>((resolve) => {
    second = resolve;
  });
  const appPort = await listenRaw(t, (socket) => {
    connections++;
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    second!();
  });
  const mesh = await createMesh(t, { appPort });
  const client = dialRaw(t, mesh.servicePort);
  // The server's being dialled shows that the client counts as silent by now.
  await dialled;
  client.write(`GET /late HTTP/1.1\r\nHost: ${SERVICE}\r\n\r\n`);
  await client.until("\r\n\r\nhi");
  assert.equal(connections, 2);
  const [record] = await mesh.client.closedCount(1);
  assert.deepEqual([record!.protocol, record!.path, record!.status], ["http/1", "/late", 200]);
  assert.equal(mesh.client.exchanges.length, 1);
});

test("a slow HTTP client that only its route authorizes is not refused for its silence", async (t) => {
  const appPort = await listenRaw(t, (socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
  });
  const route = {
    meta: { group: "", kind: "HTTPRoute", namespace: "", name: "open", section: "", port: 0 },
    hosts: [],
    authorizations: [anyone()],
    rules: [{ matches: [], filters: [] }],
  };
  let silence: (() => void) | undefined;
  const wasSilent = new Promise<void>((resolve) => {
    silence = resolve;
  });
  // Says when the proxy's patience has ended, so that the client can be late without anybody's guessing how long that takes.
  const clock: Clock = {
    ...systemClock,
    schedule(delayMs, callback) {
      if (delayMs !== SILENCE_MS) return systemClock.schedule(delayMs, callback);
      return systemClock.schedule(0, () => {
        callback();
        silence!();
      });
    },
  };
  const mesh = await createMesh(t, { appPort, clock, serverPolicy: { authorizations: [], routes: [route] } });
  const client = dialRaw(t, mesh.podPort);
  await wasSilent;
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await client.until("\r\n\r\nhi");
  const other = dialRaw(t, mesh.podPort);
  other.write("\x00not http at all");
  assert.equal(await other.untilEnd(), "");
});
