import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import {
  CertifyRequestSchema,
  CertifyResponseSchema,
} from "../../../src/api/gen/io/linkerd/proxy/identity_pb.js";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { NO_IDENTITY_EVENTS } from "../../../src/control/identity/identity-events.ts";
import { identityMethods } from "../../../src/control/identity/identity-methods.ts";
import { IssuerFiles } from "../../../src/control/identity/issuer-files.ts";
import { createGrpcMetrics } from "../../../src/control/serve/grpc-metrics.ts";
import { startMeshGrpcServer } from "../../../src/control/serve/mesh-grpc-server.ts";
import { createCertificateRequest, createWorkloadKey } from "../../../src/identity/csr.ts";
import { clientOptions, createMeshContext, meshClientOptions } from "../../../src/identity/mesh-tls.ts";
import { createRegistry } from "../../../src/metrics/registry.ts";
import { FakeClock } from "../../support/clock.ts";
import { createTestAuthority } from "../../support/mesh-authority.ts";
import { openRawGrpc } from "../../support/raw-grpc.ts";

const IDENTITY = "meshctl-identity.meshctl.serviceaccount.identity.meshctl.cluster.local";
const WEB = "web.demo.serviceaccount.identity.meshctl.cluster.local";
const CERTIFY = "/io.linkerd.proxy.identity.Identity/Certify";

async function startIdentity(clock: Clock = systemClock) {
  const authority = await createTestAuthority();
  const directory = await mkdtemp(join(tmpdir(), "meshctl-issuer-"));
  await writeFile(join(directory, "crt.pem"), authority.anchor.certificatePem);
  await writeFile(join(directory, "key.pem"), authority.anchor.privateKeyPem);
  await writeFile(join(directory, "ca-bundle.crt"), authority.anchor.certificatePem);
  const issuer = new IssuerFiles({
    issuerDir: directory,
    trustRootsFile: join(directory, "ca-bundle.crt"),
    clock: systemClock,
    log: silentLogger,
    events: NO_IDENTITY_EVENTS,
  });
  const server = await startMeshGrpcServer({
    host: "127.0.0.1",
    port: 0,
    name: "identity",
    credentials: await authority.credentials(IDENTITY),
    clock,
    log: silentLogger,
    observer: createGrpcMetrics(createRegistry({ clock })),
    methods: identityMethods({
      issuer: () => issuer.current(),
      reviewToken: async (token) =>
        token === "a.b.c"
          ? { kind: "authenticated", username: "system:serviceaccount:demo:web" }
          : { kind: "unauthenticated", reason: "unknown" },
      namespace: "meshctl",
      trustDomain: "cluster.local",
      lifetimeMs: 3_600_000,
      skewMs: 20_000,
      clock: systemClock,
      log: silentLogger,
      events: NO_IDENTITY_EVENTS,
    }),
  });
  return {
    authority,
    server,
    async stop() {
      await server.stop(0);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

test("identity certifies a client without certificate over mesh TLS and raw HTTP/2", async () => {
  const { authority, server, stop } = await startIdentity();
  const anonymous = createMeshContext({ trustAnchorsPem: authority.anchor.certificatePem });
  const client = await openRawGrpc(
    server.port,
    clientOptions(anonymous, { serverName: IDENTITY, expectIdentity: IDENTITY }),
  );
  try {
    const request = {
      identity: WEB,
      token: Buffer.from("a.b.c"),
      certificateSigningRequest: createCertificateRequest(WEB, createWorkloadKey()),
    };
    const call = client.call(CERTIFY, CertifyRequestSchema, CertifyResponseSchema, request);
    assert.deepEqual(await call.ended, { status: "0", message: "" });
    assert.equal(new X509Certificate(call.messages[0]!.leafCertificate).subject, `CN=${WEB}`);

    const refused = client.call(CERTIFY, CertifyRequestSchema, CertifyResponseSchema, {
      ...request,
      token: Buffer.from("x.y.z"),
    });
    const { status, message } = await refused.ended;
    assert.equal(status, "9");
    assert.match(message, /the token is not valid: unknown/);

    const unknown = client.call(
      "/io.linkerd.proxy.identity.Identity/Nope",
      CertifyRequestSchema,
      CertifyResponseSchema,
      {},
    );
    assert.notEqual((await unknown.ended).status, "0");
  } finally {
    client.close();
    await stop();
  }
});

test("mesh gRPC server cuts a client whose certificate comes from another mesh", async () => {
  const { server, stop } = await startIdentity();
  const stranger = await (await createTestAuthority()).credentials(WEB);
  // It trusts our server, so that only the server's own check can refuse it.
  const socket = connect({
    ...meshClientOptions(stranger, { serverName: IDENTITY, expectIdentity: IDENTITY }),
    rejectUnauthorized: false,
    host: "127.0.0.1",
    port: server.port,
  });
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "close");
  await stop();
});

test("mesh gRPC server keeps a peer that answers its PINGs and cuts one that does not", async () => {
  const clock = new FakeClock();
  const { authority, server, stop } = await startIdentity(clock);
  const options = meshClientOptions(await authority.credentials(WEB), {
    serverName: IDENTITY,
    expectIdentity: IDENTITY,
  });
  const connectPeer = async () => {
    const socket = connect({ ...options, host: "127.0.0.1", port: server.port });
    await once(socket, "secureConnect");
    const session = http2.connect("http://mesh", { createConnection: () => socket });
    session.on("error", () => {});
    await once(session, "remoteSettings");
    return { socket, session };
  };
  const alive = await connectPeer();
  clock.advance(30_000);
  await once(alive.session, "ping");
  // The acknowledgement is on its way when a request that was sent after it has been answered.
  const request = alive.session.request({ ":method": "POST", ":path": "/nothing" });
  request.resume();
  await once(request, "close");
  clock.advance(10_000);
  assert.equal(alive.session.destroyed, false);
  alive.session.destroy();

  const frozen = await connectPeer();
  // Both in one turn of the event loop: by this clock the peer has had its ten seconds, and cannot have answered.
  const closed = once(frozen.socket, "close");
  clock.advance(30_000);
  clock.advance(10_000);
  await closed;
  frozen.session.destroy();
  await stop();
});
