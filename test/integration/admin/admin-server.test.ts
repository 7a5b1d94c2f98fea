import assert from "node:assert/strict";
import { once } from "node:events";
import * as http from "node:http";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { systemClock } from "../../../src/base/clock.ts";
import { MeshError } from "../../../src/base/error.ts";
import { tryParseNetwork } from "../../../src/base/ip.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { defaultServerPolicy } from "../../../src/policy/default-policy.ts";
import type { AdminServerOptions } from "../../../src/proxy/admin/admin-call.ts";
import { createObservability } from "../../../src/proxy/admin/observability.ts";
import { createAdminServer } from "../../../src/proxy/admin/server.ts";
import { buildExchange } from "../../unit/observe/build-exchange.ts";

async function startAdmin(t: TestContext, overrides: Partial<AdminServerOptions> = {}) {
  const observability = createObservability({
    clock: systemClock,
    log: silentLogger,
    version: "1.2.3",
    identity: "web.demo",
    accessLog: "off",
    writeAccessLog: () => {},
  });
  const state = { ready: false, shutdowns: 0 };
  const server = createAdminServer({
    listen: { host: "127.0.0.1", port: 0 },
    observability,
    clock: systemClock,
    log: silentLogger,
    isReady: () => state.ready,
    ownNetworks: [tryParseNetwork("127.0.0.1/32")!],
    shutdownEnabled: false,
    onShutdown: () => void state.shutdowns++,
    describeConfig: () => ({ capture: "explicit" }),
    env: { MESHCTL_PROXY_LOG: "info" },
    ...overrides,
  });
  const port = await server.listen();
  t.after(() => server.close());
  const run = (fields: Parameters<typeof buildExchange>[0] = {}): void => {
    const exchange = buildExchange({ status: 200, ...fields });
    observability.recorder.opened(exchange);
    observability.recorder.responded(exchange);
    observability.recorder.closed(exchange);
  };
  return { port, state, server, observability, run };
}

interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

async function call(
  port: number,
  path: string,
  options: http.RequestOptions & { body?: string } = {},
): Promise<Reply> {
  const { body, ...rest } = options;
  const request = http.request({ host: "127.0.0.1", port, path, agent: false, ...rest });
  request.end(body);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return { status: response.statusCode!, headers: response.headers, body: bytes, text: bytes.toString() };
}

/** Dials from an address that is not the pod's own. */
const STRANGER = { localAddress: "127.0.0.2" };

test("admin answers probes by what the proxy is", async (t) => {
  const { port, state } = await startAdmin(t);
  assert.deepEqual(await statusAndText(port, "/live"), [200, "live\n"]);
  assert.deepEqual(await statusAndText(port, "/ready"), [503, "not ready\n"]);
  state.ready = true;
  assert.deepEqual(await statusAndText(port, "/ready"), [200, "ready\n"]);
  assert.deepEqual(await statusAndText(port, "/nothing"), [404, ""]);
  assert.deepEqual(await statusAndText(port, "/toString"), [404, ""]);
  const refused = await call(port, "/live", { method: "POST" });
  assert.deepEqual([refused.status, refused.headers.allow], [405, "GET, HEAD"]);
});

async function statusAndText(
  port: number,
  path: string,
  options: http.RequestOptions = {},
): Promise<[number, string]> {
  const reply = await call(port, path, options);
  return [reply.status, reply.text];
}

test("admin serves metrics plain and packed", async (t) => {
  const { port, run } = await startAdmin(t);
  run();
  const plain = await call(port, "/metrics", STRANGER);
  assert.equal(plain.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  assert.match(plain.text, /^request_total\{direction="inbound".*\} 1$/m);
  assert.ok(plain.text.endsWith("# EOF\n"));
  const packed = await call(port, "/metrics", { headers: { "accept-encoding": "br, gzip" } });
  assert.equal(packed.headers["content-encoding"], "gzip");
  assert.match(gunzipSync(packed.body).toString(), /^request_total\{/m);
});

test("admin serves stats to everyone and refuses a window that is none", async (t) => {
  const { port } = await startAdmin(t);
  const reply = await call(port, "/stats?window=60s", STRANGER);
  const stats = JSON.parse(reply.text);
  assert.deepEqual(
    [reply.status, stats.version, stats.proxyVersion, stats.identity],
    [200, 1, "1.2.3", "web.demo"],
  );
  for (const window of ["soon", "0s", "-1m", "10ms"]) {
    const [status, text] = await statusAndText(port, `/stats?window=${window}`);
    assert.equal(status, 400);
    assert.match(text, /is not a duration of at least 1s/);
  }
});

test("admin keeps records, tap, configuration, environment, log level and shutdown to the own host", async (t) => {
  const { port, state } = await startAdmin(t, { shutdownEnabled: true });
  const guarded = [
    ["GET", "/records"],
    ["GET", "/tap"],
    ["GET", "/config"],
    ["GET", "/env.json"],
    ["GET", "/proxy-log-level"],
    ["POST", "/shutdown"],
  ] as const;
  for (const [method, path] of guarded) {
    assert.deepEqual(await statusAndText(port, path, { method, ...STRANGER }), [
      403,
      "Requests are only permitted from the pod's own host.\n",
    ]);
  }
  assert.equal(state.shutdowns, 0);
  assert.deepEqual(await statusAndText(port, "/config"), [200, '{"capture":"explicit"}\n']);
  assert.deepEqual(await statusAndText(port, "/env.json?MESHCTL_PROXY_LOG&HOME"), [
    200,
    '{"MESHCTL_PROXY_LOG":"info","HOME":null}\n',
  ]);
  assert.equal((await call(port, "/env.json?A=B")).status, 400);
});

test("admin knows its own host behind an IPv4-mapped address", async (t) => {
  const { port } = await startAdmin(t, { listen: { host: "::ffff:127.0.0.1", port: 0 } });
  assert.equal((await call(port, "/config")).status, 200);
  assert.equal((await call(port, "/config", STRANGER)).status, 403);
});

test("admin shuts down only by POST, and only when enabled", async (t) => {
  const off = await startAdmin(t);
  assert.deepEqual(await statusAndText(off.port, "/shutdown", { method: "POST" }), [
    404,
    "shutdown endpoint is not enabled\n",
  ]);
  const on = await startAdmin(t, { shutdownEnabled: true });
  assert.equal((await call(on.port, "/shutdown")).status, 405);
  assert.deepEqual(await statusAndText(on.port, "/shutdown", { method: "POST" }), [200, "shutdown\n"]);
  assert.deepEqual([off.state.shutdowns, on.state.shutdowns], [0, 1]);
});

test("admin reads and sets the log level", async (t) => {
  let level = "info";
  const { port } = await startAdmin(t, {
    logLevel: {
      get: () => level,
      set: (text) => {
        if (text !== "debug") throw new MeshError({ kind: "user", code: "X", message: `no level ${text}` });
        level = text;
      },
    },
  });
  assert.deepEqual(await statusAndText(port, "/proxy-log-level"), [200, "info\n"]);
  assert.equal((await call(port, "/proxy-log-level", { method: "PUT", body: "debug\n" })).status, 204);
  const bad = await call(port, "/proxy-log-level", { method: "PUT", body: "loud" });
  assert.deepEqual([bad.status, bad.text], [400, "no level loud\n"]);
  assert.equal((await call(port, "/proxy-log-level", { method: "PUT", body: "x".repeat(2000) })).status, 400);
  assert.equal(level, "debug");
});

test("admin reads records back after a line of coverage", async (t) => {
  const { port, run } = await startAdmin(t);
  for (const path of ["/a", "/b", "/c"]) run({ path });
  const lines = (await call(port, "/records?limit=2&since=1m")).text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const { coverage } = lines[0];
  assert.deepEqual([coverage.lost, coverage.proxyVersion, coverage.identity], [0, "1.2.3", "web.demo"]);
  assert.ok(coverage.fromMs <= coverage.toMs);
  assert.deepEqual(
    lines.slice(1).map(({ id, path, closedUs }) => [id, path, closedUs >= 0]),
    [
      [2, "/b", true],
      [3, "/c", true],
    ],
  );
  const filtered = (await call(port, "/records?path=/b&status=2xx&direction=inbound")).text
    .trim()
    .split("\n");
  assert.deepEqual(
    filtered.slice(1).map((line) => JSON.parse(line).path),
    ["/b"],
  );
  assert.equal((await call(port, "/records?pth=/b")).status, 400);
  assert.equal((await call(port, "/records?since=yesterday")).status, 400);
  assert.equal((await call(port, "/records?limit=many")).status, 400);
});

/** Opens a tap and reads its lines one by one. */
async function openTap(port: number, query: string) {
  const request = http.get({ host: "127.0.0.1", port, path: `/tap${query}`, agent: false });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  response.setEncoding("utf8");
  let rest = "";
  const lines: unknown[] = [];
  const waiting: ((line: never) => void)[] = [];
  response.on("error", () => {});
  response.on("data", (chunk: string) => {
    rest += chunk;
    const parts = rest.split("\n");
    rest = parts.pop()!;
    for (const part of parts) {
      const line = JSON.parse(part) as never;
      const next = waiting.shift();
      if (next) next(line);
      else lines.push(line);
    }
  });
  return {
    // biome-ignore lint/suspicious/noExplicitAny: lines of two shapes, asserted on by the tests
    next: (): Promise<any> =>
      lines.length > 0 ? Promise.resolve(lines.shift()) : new Promise((resolve) => waiting.push(resolve)),
    close: () => request.destroy(),
  };
}

test("tap streams matching transitions live and stops to listen when the client leaves", async (t) => {
  const { port, run, observability } = await startAdmin(t);
  const tap = await openTap(port, "?path=/a&headers=true");
  assert.equal((await tap.next()).coverage.lost, 0);
  assert.equal(observability.recorder.wantsHeaders, true);
  run({ path: "/b" });
  run({ path: "/a", requestHeaders: [["cookie", "secret"]] });
  const opened = await tap.next();
  assert.deepEqual(
    [opened.event, opened.exchange.path, opened.headers],
    ["opened", "/a", [["cookie", "***"]]],
  );
  assert.equal((await tap.next()).event, "responded");
  assert.equal((await tap.next()).event, "closed");
  tap.close();
  while (observability.tap.count > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(observability.recorder.wantsHeaders, false);
});

test("tap tells a client within a second what its rate left out", async (t) => {
  const { port, run } = await startAdmin(t);
  const tap = await openTap(port, "?maxRps=1");
  await tap.next();
  for (let count = 0; count < 4; count++) run();
  assert.deepEqual(
    [(await tap.next()).event, (await tap.next()).event, (await tap.next()).event],
    ["opened", "responded", "closed"],
  );
  assert.equal((await tap.next()).coverage.lost, 3);
  tap.close();
});

test("tap of a client that does not read loses lines instead of keeping them", async (t) => {
  const { port, run, observability } = await startAdmin(t);
  const socket = connect(port, "127.0.0.1");
  socket.pause();
  await once(socket, "connect");
  socket.write("GET /tap HTTP/1.1\r\nhost: proxy\r\n\r\n");
  while (observability.tap.count === 0) await new Promise((resolve) => setImmediate(resolve));
  const before = process.memoryUsage().arrayBuffers;
  // 60 MB of lines, far beyond what sockets hold.
  for (let count = 0; count < 25_000; count++) {
    run({ authority: "x".repeat(180) });
    if (count % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 20_000_000);
  // When it reads at last, it learns how many it missed.
  const lost = new Promise<number>((resolve) => {
    let text = "";
    socket.on("data", (chunk) => {
      text = (text + chunk.toString("latin1")).slice(-4096);
      const told = /"lost":([1-9]\d*)/.exec(text);
      if (told) resolve(Number(told[1]));
    });
  });
  socket.resume();
  assert.ok((await lost) > 1000);
  socket.destroy();
});

test("tap refuses a filter that it does not know and a seventeenth listener", async (t) => {
  const { port } = await startAdmin(t);
  const [status, text] = await statusAndText(port, "/tap?metod=GET");
  assert.equal(status, 400);
  assert.match(text, /^tap has no parameter "metod": use one of direction, method/);
  const taps = await Promise.all(Array.from({ length: 16 }, () => openTap(port, "")));
  assert.deepEqual(await statusAndText(port, "/tap"), [503, "16 taps are listening already\n"]);
  for (const tap of taps) tap.close();
});

test("admin says which port is in use", async (t) => {
  const { port } = await startAdmin(t);
  await assert.rejects(
    startAdmin(t, { listen: { host: "127.0.0.1", port } }),
    (error) =>
      error instanceof MeshError &&
      error.code === "ADMIN_LISTEN" &&
      error.message === `the admin server cannot listen on 127.0.0.1:${port}: EADDRINUSE`,
  );
});

test("a Server that selects the port closes metrics and stats to those whom it does not allow, and no default policy does", async (t) => {
  let policy = defaultServerPolicy("deny", { clusterNetworks: [], opaque: false, detectTimeoutMs: 1000 });
  // No address is the own host, so that the caller is a stranger.
  const admin = await startAdmin(t, { policy: () => policy, ownNetworks: [] });
  assert.equal((await call(admin.port, "/metrics")).status, 200);
  const meta = { ...policy.meta, group: "policy.meshctl.io", kind: "server", name: "admin" };
  policy = { ...policy, meta, protocol: { kind: "detect", timeoutMs: 1000 } };
  for (const path of ["/metrics", "/stats"]) {
    const refused = await call(admin.port, path);
    assert.equal(refused.status, 403);
    assert.equal(refused.text, "Server admin does not allow this client.\n");
  }
  assert.equal((await call(admin.port, "/live")).status, 200);
  const [everybody] = defaultServerPolicy("all-unauthenticated", {
    clusterNetworks: [],
    opaque: false,
    detectTimeoutMs: 1000,
  }).authorizations;
  const path = { kind: "exact" as const, value: "/metrics" };
  const matches = [{ path, headers: [], queryParams: [], method: undefined }];
  const route = { meta, hosts: [], authorizations: [everybody!], rules: [{ matches, filters: [] }] };
  policy = { ...policy, routes: [route] };
  assert.equal((await call(admin.port, "/metrics")).status, 200);
  assert.equal((await call(admin.port, "/stats")).status, 404, "no route leads there");
});
