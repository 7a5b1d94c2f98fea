import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { before, type TestContext, test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import {
  type CertifyAnswer,
  type CertifyRequest,
  createCredentials,
  type MeshCredentials,
  type RefreshEvent,
} from "../../../src/identity/mesh-credentials.ts";
import { secureClient, secureServer } from "../../../src/identity/mesh-handshake.ts";
import { FakeClock, settle } from "../../support/clock.ts";
import { createTestMeshCa, type TestMeshCa } from "../../support/test-mesh-ca.ts";

const HOUR_MS = 3_600_000;
const WEB = "web.demo.serviceaccount.identity.meshctl.cluster.local";
const API = "api.demo.serviceaccount.identity.meshctl.cluster.local";
let oldCa: TestMeshCa;
let newCa: TestMeshCa;
before(async () => {
  oldCa = await createTestMeshCa();
  newCa = await createTestMeshCa();
});

interface Identity {
  ca: TestMeshCa;
  /** Undefined: an identity service that sends none. */
  anchorsPem: string | undefined;
}

/** A workload that asks an identity service, which the test changes between two certificates. */
function workload(name: string, identity: Identity) {
  const clock = new FakeClock(Date.now());
  const events: RefreshEvent[] = [];
  let wake = Promise.withResolvers<void>();
  const credentials = createCredentials({
    localName: name,
    trustAnchorsPem: oldCa.anchorsPem,
    trustAnchorsOrigin: "test",
    async certify({ requestDer }: CertifyRequest): Promise<CertifyAnswer> {
      const untilMs = clock.now() + HOUR_MS;
      const signed = await identity.ca.sign(requestDer, {
        // The clock that handshakes go by stands still meanwhile.
        fromMs: clock.now() - 24 * HOUR_MS,
        untilMs: untilMs + 1000,
      });
      return {
        leafDer: signed.leafDer,
        intermediatesDer: signed.chainDer,
        validUntilMs: untilMs,
        trustAnchorsPem: identity.anchorsPem,
      };
    },
    clock,
    random: () => 0,
    log: silentLogger,
    minRefreshMs: 10_000,
    maxRefreshMs: 24 * HOUR_MS,
    onRefresh: (event) => {
      events.push(event);
      wake.resolve();
      wake = Promise.withResolvers();
    },
  });
  const stop = new AbortController();
  void credentials.start(stop.signal);
  return {
    credentials,
    async next(): Promise<RefreshEvent> {
      await wake.promise;
      await settle();
      return events.at(-1)!;
    },
    async renew(): Promise<RefreshEvent> {
      const renewed = this.next();
      clock.advance(0.7 * HOUR_MS + 1);
      return renewed;
    },
    stop: () => stop.abort(),
  };
}

/** Whether a client and a server trust each other. */
async function handshake(t: TestContext, client: MeshCredentials, server: MeshCredentials): Promise<string> {
  const accepted = Promise.withResolvers<Socket>();
  const listener = createServer(accepted.resolve).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const socket = connect((listener.address() as { port: number }).port, "127.0.0.1");
  t.after(() => {
    socket.destroy();
    listener.close();
  });
  const serving = accepted.promise.then((raw) =>
    secureServer({
      socket: raw,
      context: server.current()!.server,
      alpn: undefined,
      timeoutMs: 10_000,
      clock: systemClock,
    }),
  );
  const calling = secureClient({
    socket,
    context: client.current()!.client,
    serverName: server.localName,
    identity: server.localName,
    alpn: undefined,
    timeoutMs: 10_000,
    clock: systemClock,
  });
  const [called, served] = await Promise.allSettled([calling, serving]);
  for (const outcome of [called, served]) {
    if (outcome.status === "rejected") return (outcome.reason as { code: string }).code;
  }
  const secured = served as PromiseFulfilledResult<{ identity: string; socket: Socket }>;
  (called as PromiseFulfilledResult<Socket>).value.destroy();
  secured.value.socket.destroy();
  return secured.value.identity;
}

test("a root is exchanged under living workloads: both trusted, then the issuer, then the old one gone", async (t) => {
  const identity: Identity = { ca: oldCa, anchorsPem: oldCa.anchorsPem };
  const web = workload(WEB, identity);
  const api = workload(API, identity);
  t.after(() => {
    web.stop();
    api.stop();
  });
  await Promise.all([web.next(), api.next()]);
  assert.equal(await handshake(t, web.credentials, api.credentials), WEB);

  identity.anchorsPem = oldCa.anchorsPem + newCa.anchorsPem;
  assert.equal((await web.renew()).kind, "installed");
  // Half of the mesh knows the new root: nobody is cut off.
  assert.equal(await handshake(t, web.credentials, api.credentials), WEB);
  await api.renew();

  identity.ca = newCa;
  assert.equal((await web.renew()).kind, "installed");
  assert.equal(await handshake(t, web.credentials, api.credentials), WEB);
  assert.equal(await handshake(t, api.credentials, web.credentials), API);
  await api.renew();

  identity.anchorsPem = newCa.anchorsPem;
  await web.renew();
  assert.equal(await handshake(t, web.credentials, api.credentials), WEB);
});

test("an issuer under a root that was not announced is refused, and the certificate of before stays", async (t) => {
  const identity: Identity = { ca: oldCa, anchorsPem: undefined };
  const web = workload(WEB, identity);
  t.after(web.stop);
  await web.next();
  const before = web.credentials.current();
  identity.ca = newCa;
  const event = await web.renew();
  assert.equal(event.kind === "failed" && event.error.code, "IDENTITY_CERTIFICATE_REJECTED");
  assert.equal(web.credentials.current(), before);
});

test("an answer whose anchors do not vouch for its certificate changes nothing", async (t) => {
  const identity: Identity = { ca: oldCa, anchorsPem: undefined };
  const web = workload(WEB, identity);
  const api = workload(API, { ca: oldCa, anchorsPem: undefined });
  t.after(() => {
    web.stop();
    api.stop();
  });
  await Promise.all([web.next(), api.next()]);
  identity.anchorsPem = newCa.anchorsPem;
  assert.equal((await web.renew()).kind, "failed");
  assert.equal(await handshake(t, web.credentials, api.credentials), WEB);
});

test("anchors that somebody else brings count for the next connection, with the certificate of now", async (t) => {
  const web = workload(WEB, { ca: oldCa, anchorsPem: undefined });
  const api = workload(API, { ca: oldCa, anchorsPem: undefined });
  t.after(() => {
    web.stop();
    api.stop();
  });
  await Promise.all([web.next(), api.next()]);
  api.credentials.trust(newCa.anchorsPem);
  assert.match(await handshake(t, web.credentials, api.credentials), /^TLS_/);
  api.credentials.trust(newCa.anchorsPem + oldCa.anchorsPem);
  assert.equal(await handshake(t, web.credentials, api.credentials), WEB);
  assert.throws(() => api.credentials.trust("no certificate"), { code: "IDENTITY_TRUST_ANCHORS_INVALID" });
  assert.equal(await handshake(t, web.credentials, api.credentials), WEB);
});
