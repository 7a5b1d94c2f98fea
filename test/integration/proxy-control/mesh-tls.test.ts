import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { before, test } from "node:test";
import tls, { TLSSocket } from "node:tls";
import type { MeshError } from "../../../src/base/error.ts";
import type { Credentials } from "../../../src/identity/credentials.ts";
import {
  clientOptions,
  createMeshContext,
  meshClientOptions,
  meshServerOptions,
  peerIdentity,
  subjectNames,
} from "../../../src/identity/mesh-tls.ts";
import { createTestMeshCa, type TestMeshCa } from "../../support/test-mesh-ca.ts";

const ALPN = "transport.l5d.io/v1";
let ca: TestMeshCa;
let server: Credentials;
let client: Credentials;
before(async () => {
  ca = await createTestMeshCa();
  server = await ca.credentials("server.demo");
  client = await ca.credentials("client.demo");
});

interface Meeting {
  /** What the server saw, or the error of its side. */
  readonly seen: string;
  /** What the client saw. */
  readonly outcome: string;
  readonly protocol: string | null;
}

/** One handshake over a real socket whose first bytes were sniffed and pushed back. */
async function meet(
  options: tls.ConnectionOptions,
  serverSide: Credentials,
  alpn?: readonly string[],
): Promise<Meeting> {
  const seen = Promise.withResolvers<string>();
  const listener = net.createServer((raw) => {
    raw.once("data", (chunk) => {
      raw.pause();
      raw.unshift(chunk);
      const secure = new TLSSocket(raw, meshServerOptions(serverSide, alpn ? { alpn } : {}));
      secure.on("error", (error: NodeJS.ErrnoException) => seen.resolve(`error ${error.code}`));
      secure.on("close", () => seen.resolve("closed"));
      secure.once("secure", () => {
        try {
          seen.resolve(`peer "${peerIdentity(secure)}" alpn ${secure.alpnProtocol || "none"}`);
          secure.end("x");
        } catch (error) {
          seen.resolve(`refused ${(error as MeshError).code}`);
          secure.destroy();
        }
      });
    });
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const socket = tls.connect({
    ...options,
    host: "127.0.0.1",
    port: (listener.address() as net.AddressInfo).port,
  });
  const outcome = Promise.withResolvers<string>();
  socket.once("secureConnect", () =>
    outcome.resolve(`secure ${socket.authorized ? peerIdentity(socket) : "unchecked"}`),
  );
  socket.on("error", (error: NodeJS.ErrnoException) => outcome.resolve(`error ${error.code}`));
  socket.resume();
  const meeting = {
    seen: await seen.promise,
    outcome: await outcome.promise,
    protocol: socket.getProtocol(),
  };
  socket.destroy();
  listener.close();
  return meeting;
}

const toServer = { serverName: "server.demo", expectIdentity: "server.demo" };

test("both sides learn the other's identity, by TLS 1.3 and without host names", async () => {
  assert.deepEqual(await meet(meshClientOptions(client, toServer), server), {
    seen: 'peer "client.demo" alpn none',
    outcome: "secure server.demo",
    protocol: "TLSv1.3",
  });
});

test("ALPN is agreed on when both ask for it", async () => {
  const meeting = await meet(meshClientOptions(client, { ...toServer, alpn: [ALPN] }), server, [ALPN]);
  assert.equal(meeting.seen, `peer "client.demo" alpn ${ALPN}`);
});

test("a client without certificate is nobody, not an error", async () => {
  const anonymous = createMeshContext({ trustAnchorsPem: ca.anchorsPem });
  const meeting = await meet(clientOptions(anonymous, toServer), server);
  assert.equal(meeting.seen, 'peer "" alpn none');
});

test("a client with a certificate of another authority is refused", async () => {
  const other = await (await createTestMeshCa()).credentials("client.demo");
  // It trusts the server, so only the server can object.
  const trusting = { ...clientOptions(other.current()!.client, toServer), rejectUnauthorized: false };
  assert.equal((await meet(trusting, server)).seen, "refused TLS_PEER_UNVERIFIED");
});

test("a server with another identity than expected is refused", async () => {
  const wanted = { serverName: "server.demo", expectIdentity: "other.demo" };
  assert.equal(
    (await meet(meshClientOptions(client, wanted), server)).outcome,
    "error TLS_IDENTITY_MISMATCH",
  );
});

test("a server of another authority is refused, though its name is right", async () => {
  const other = await (await createTestMeshCa()).credentials("server.demo");
  assert.match(
    (await meet(meshClientOptions(client, toServer), other)).outcome,
    /^error (UNABLE_TO|SELF_SIGNED|CERT_SIGNATURE_FAILURE)/,
  );
});

test("a client that speaks at most TLS 1.2 is refused", async () => {
  const meeting = await meet(
    { servername: "server.demo", maxVersion: "TLSv1.2", minVersion: "TLSv1.2", rejectUnauthorized: false },
    server,
  );
  assert.match(meeting.seen, /^error ERR_SSL_/);
});

test("a renewed certificate serves the next connection and leaves open ones alone", async (t) => {
  const renewed = await ca.credentials("server.demo");
  let current = server.current();
  const rotating: Credentials = { ...server, current: () => current };
  const listener = net.createServer((raw) => {
    const secure = new TLSSocket(raw, meshServerOptions(rotating));
    secure.on("error", () => {});
    secure.pipe(secure);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as net.AddressInfo;
  const open = async () => {
    const socket = tls.connect({ ...meshClientOptions(client, toServer), host: "127.0.0.1", port });
    t.after(() => socket.destroy());
    await once(socket, "secureConnect");
    return socket;
  };
  t.after(() => listener.close());
  const echo = async (socket: TLSSocket, text: string) => {
    socket.write(text);
    return String((await once(socket, "data"))[0]);
  };

  const before = await open();
  assert.equal(await echo(before, "one"), "one");
  current = renewed.current();
  const after = await open();
  assert.notEqual(
    after.getPeerX509Certificate()?.fingerprint256,
    before.getPeerX509Certificate()?.fingerprint256,
  );
  assert.equal(await echo(before, "two"), "two");
  assert.equal(await echo(after, "three"), "three");
});

test("options need a certificate", () => {
  const none: Credentials = { localName: "web.demo", ready: new Promise(() => {}), current: () => undefined };
  const isNotReady = (error: MeshError) =>
    error.code === "IDENTITY_NOT_READY" && /web\.demo/.test(error.message);
  assert.throws(() => meshClientOptions(none, toServer), isNotReady);
  assert.throws(() => meshServerOptions(none), isNotReady);
});

test("subject names are DNS and URI only, and quoted values cannot imitate a separator", () => {
  assert.deepEqual(subjectNames("DNS:a.b, URI:spiffe://c/d, IP Address:1.2.3.4"), ["a.b", "spiffe://c/d"]);
  assert.deepEqual(subjectNames('DNS:"evil, DNS:admin", DNS:ok'), ["ok"]);
  assert.deepEqual(subjectNames(undefined), []);
});
