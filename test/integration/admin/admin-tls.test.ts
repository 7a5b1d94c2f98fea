import assert from "node:assert/strict";
import { once } from "node:events";
import * as http from "node:http";
import http2 from "node:http2";
import { connect as connectTcp } from "node:net";
import { before, type TestContext, test } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { systemClock } from "../../../src/base/clock.ts";
import { tryParseNetwork } from "../../../src/base/ip.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { meshClientOptions } from "../../../src/identity/mesh-tls.ts";
import type { Authorization, ServerPolicy } from "../../../src/policy/inbound.ts";
import { defaultMeta } from "../../../src/policy/meta.ts";
import { createObservability } from "../../../src/proxy/admin/observability.ts";
import { createAdminServer } from "../../../src/proxy/admin/server.ts";
import { createTestMeshCa, type TestMeshCa } from "../../support/test-mesh-ca.ts";

const OWN = "web.demo.serviceaccount.identity.meshctl.cluster.local";
const SCRAPER = "prometheus.viz.serviceaccount.identity.meshctl.cluster.local";
let ca: TestMeshCa;
before(async () => {
  ca = await createTestMeshCa();
});

const EVERYWHERE = [{ network: tryParseNetwork("0.0.0.0/0")!, except: [] }];
const anyone: Authorization = {
  meta: defaultMeta("anyone"),
  networks: EVERYWHERE,
  authentication: { kind: "unauthenticated" },
};
const onlyScraper: Authorization = {
  meta: defaultMeta("scraper"),
  networks: EVERYWHERE,
  authentication: { kind: "identities", identities: new Set([SCRAPER]), suffixes: [] },
};

function serverOf(authorizations: readonly Authorization[], kind = "Server"): ServerPolicy {
  return {
    meta: { ...defaultMeta("admin"), kind },
    protocol: { kind: "http1" },
    authorizations,
    routes: [],
    rateLimit: undefined,
    audit: false,
  } as ServerPolicy;
}

async function startAdmin(t: TestContext, policy?: ServerPolicy): Promise<number> {
  const server = createAdminServer({
    listen: { host: "127.0.0.1", port: 0 },
    credentials: await ca.credentials(OWN),
    observability: createObservability({
      clock: systemClock,
      log: silentLogger,
      version: "1.2.3",
      identity: OWN,
      accessLog: "off",
      writeAccessLog: () => {},
    }),
    clock: systemClock,
    log: silentLogger,
    isReady: () => true,
    // Nobody here: every client of these tests is from elsewhere.
    ownNetworks: [tryParseNetwork("10.9.9.9/32")!],
    policy: () => policy,
    shutdownEnabled: false,
    onShutdown: () => {},
    describeConfig: () => ({ capture: "explicit" }),
  });
  const port = await server.listen();
  t.after(() => server.close());
  return port;
}

/** @param serverName SNI; another than the proxy's own is nobody's */
async function secure(t: TestContext, port: number, identity: string, serverName = OWN): Promise<TLSSocket> {
  const credentials = await ca.credentials(identity);
  const socket = connectTls({
    host: "127.0.0.1",
    port,
    ...meshClientOptions(credentials, { serverName, expectIdentity: OWN }),
  });
  t.after(() => socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

async function status(socket: TLSSocket | undefined, port: number, path: string): Promise<number> {
  const request = http.request({
    host: "127.0.0.1",
    port,
    path,
    ...(socket ? { createConnection: () => socket } : { agent: false as const }),
  });
  request.end();
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  response.resume();
  return response.statusCode!;
}

test("admin answers mesh TLS and plain HTTP on one port", async (t) => {
  const port = await startAdmin(t);
  assert.equal(await status(await secure(t, port, SCRAPER), port, "/ready"), 200);
  assert.equal(await status(undefined, port, "/ready"), 200);
});

test("a Server's authorization of identities lets them read metrics, and nobody else", async (t) => {
  const port = await startAdmin(t, serverOf([onlyScraper]));
  assert.equal(await status(await secure(t, port, SCRAPER), port, "/metrics"), 200);
  assert.equal(await status(await secure(t, port, "other.demo"), port, "/metrics"), 403);
  assert.equal(await status(undefined, port, "/metrics"), 403);
});

test("an identity that a Server names may read records and configuration from elsewhere", async (t) => {
  const port = await startAdmin(t, serverOf([onlyScraper]));
  assert.equal(await status(await secure(t, port, SCRAPER), port, "/records"), 200);
  assert.equal(await status(await secure(t, port, SCRAPER), port, "/config"), 200);
  assert.equal(await status(await secure(t, port, "other.demo"), port, "/config"), 403);
});

test("an identity is not enough where a Server lets everybody in, or no Server speaks", async (t) => {
  const open = await startAdmin(t, serverOf([anyone]));
  assert.equal(await status(await secure(t, open, SCRAPER), open, "/config"), 403);
  const byDefault = await startAdmin(t, serverOf([onlyScraper], "default"));
  assert.equal(await status(await secure(t, byDefault, SCRAPER), byDefault, "/config"), 403);
});

test("TLS for another name is no business of the admin port", async (t) => {
  const port = await startAdmin(t);
  await assert.rejects(secure(t, port, SCRAPER, "somebody.else"));
});

test("admin speaks HTTP/2 inside mesh TLS, with the identity of the connection", async (t) => {
  const port = await startAdmin(t, serverOf([onlyScraper]));
  const socket = await secure(t, port, SCRAPER);
  const session = http2.connect("http://admin", { createConnection: () => socket });
  t.after(() => session.destroy());
  const get = async (path: string): Promise<[number, string]> => {
    const stream = session.request({ ":path": path });
    const [headers] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
    let text = "";
    for await (const chunk of stream.setEncoding("utf8")) text += chunk;
    return [Number(headers[":status"]), text];
  };
  assert.deepEqual(await get("/ready"), [200, "ready\n"]);
  assert.deepEqual(await get("/config"), [200, '{"capture":"explicit"}\n']);
  assert.equal((await get("/nothing"))[0], 404);
  const [code, metrics] = await get("/metrics");
  assert.equal(code, 200);
  assert.match(metrics, /process_start_time_seconds/);
});

test("admin takes a request whose first bytes come one by one", async (t) => {
  const port = await startAdmin(t);
  const socket = connectTcp(port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.setNoDelay(true);
  for (const byte of "GET /ready HTTP/1.1\r\nHost: a\r\n\r\n") {
    socket.write(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [chunk] = (await once(socket, "data")) as [Buffer];
  assert.match(chunk.toString(), /^HTTP\/1\.1 200 OK/);
});
