import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { registry } from "../../../commands/registry.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { tryParseNetwork } from "../../../src/base/ip.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { runCli, Stopped } from "../../../src/cli/run.ts";
import { createObservability } from "../../../src/proxy/admin/observability.ts";
import { createAdminServer } from "../../../src/proxy/admin/server.ts";
import { createFakeConsole } from "../../support/console.ts";
import { sendJson, startFakeApiServer } from "../../support/fake-api-server.ts";
import { buildPod, buildReply, httpRow, tcpRow } from "../../unit/collect/fake-kube.ts";
import { buildExchange } from "../../unit/observe/build-exchange.ts";

/** An API server with one meshed pod, whose port-forward leads to `adminPort`. */
async function startCluster(t: TestContext, options: { adminPort?: number; pods?: readonly object[] } = {}) {
  const pods = options.pods ?? [buildPod({ name: "web-1" })];
  const list = (items: readonly object[]) => ({
    apiVersion: "v1",
    kind: "List",
    metadata: { resourceVersion: "1" },
    items,
  });
  const reply = buildReply({
    identity: "web.demo.serviceaccount.identity.meshctl.cluster.local",
    http: [httpRow({ requests: 60, successes: 60, latency: [[200, 60]] })],
    tcp: [
      tcpRow({
        direction: "outbound",
        peer: { ip: "10.9.9.9", identity: "", labels: { namespace: "demo", deployment: "kv" } },
      }),
    ],
  });
  const api = await startFakeApiServer((request: IncomingMessage, response: ServerResponse) => {
    const path = request.url!.split("?")[0]!;
    if (path.endsWith("/pods")) return sendJson(response, 200, list(pods));
    if (path === "/api/v1/namespaces/demo") return sendJson(response, 200, { metadata: { name: "demo" } });
    if (path.endsWith("/replicasets")) return sendJson(response, 200, list([]));
    if (path.endsWith("/pods/web-1:4191/proxy/stats")) return sendJson(response, 200, reply);
    sendJson(response, 404, {
      kind: "Status",
      apiVersion: "v1",
      status: "Failure",
      reason: "NotFound",
      code: 404,
      message: `${path} not found`,
    });
  });
  t.after(() => api.close());
  if (options.adminPort !== undefined) forwardPorts(t, api.server, options.adminPort);
  const run = async (line: string, signal = new AbortController().signal) => {
    const console = createFakeConsole();
    const exitCode = await runCli(line.split(" "), {
      console,
      env: { KUBECONFIG: api.kubeconfig },
      cwd: api.directory,
      signal,
      registry,
    });
    return { exitCode, stdout: console.stdoutText, stderr: console.stderrText };
  };
  return { api, run };
}

/** The protocol v4.channel.k8s.io for one port: a channel byte before the data, the port once on each channel first. */
function forwardPorts(t: TestContext, server: import("node:http").Server, adminPort: number): void {
  const sockets = new WebSocketServer({ server, handleProtocols: () => "v4.channel.k8s.io" });
  t.after(() => {
    for (const client of sockets.clients) client.terminate();
    sockets.close();
  });
  sockets.on("connection", (client) => {
    const port = connect(adminPort, "127.0.0.1");
    for (const channel of [0, 1]) client.send(Buffer.from([channel, 4191 & 255, 4191 >> 8]));
    port.on("data", (chunk: Buffer) => client.send(Buffer.concat([Buffer.from([0]), chunk])));
    port.on("error", () => client.terminate());
    port.on("close", () => client.close());
    client.on("message", (data: Buffer) => port.write(data.subarray(1)));
    client.on("close", () => port.destroy());
  });
}

async function startProxy(t: TestContext) {
  const observability = createObservability({
    clock: systemClock,
    log: silentLogger,
    version: "1",
    identity: "web.demo",
    accessLog: "off",
    writeAccessLog: () => {},
  });
  const server = createAdminServer({
    listen: { host: "127.0.0.1", port: 0 },
    observability,
    clock: systemClock,
    log: silentLogger,
    isReady: () => true,
    ownNetworks: [tryParseNetwork("127.0.0.1/32")!],
    shutdownEnabled: false,
    onShutdown: () => {},
    describeConfig: () => ({}),
  });
  const adminPort = await server.listen();
  t.after(() => server.close());
  return { adminPort, server, observability };
}

test("stat prints its table on stdout, and nothing else", async (t) => {
  const { run, api } = await startCluster(t);
  assert.deepEqual(await run("stat deploy"), {
    exitCode: 0,
    stdout:
      "NAME   MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN\n" +
      "web       1/1   100.00%   1.0rps          50ms          50ms          50ms          -\n",
    stderr: "",
  });
  assert.ok(api.requests.includes("GET /api/v1/namespaces/demo/pods/web-1:4191/proxy/stats?window=1m0s"));
});

test("stat passes its window on, and prints JSON", async (t) => {
  const { run, api } = await startCluster(t);
  const { stdout } = await run("stat deploy/web -n demo -t 30s -o json");
  const [row] = JSON.parse(stdout);
  assert.deepEqual([row.name, row.success, row.latency_ms_p50], ["web", 1, 50]);
  assert.ok(api.requests.some((request) => request.endsWith("stats?window=30s")));
});

test("stat and edges of nothing say so on stderr, and why, and exit 0", async (t) => {
  const { run } = await startCluster(t, { pods: [] });
  const why = "no pods run in namespace demo: -n names another namespace, -A takes all\n";
  const nothing = (what: string, why: string) => ({
    exitCode: 0,
    stdout: "",
    stderr: `No ${what} found.\n${why}`,
  });
  assert.deepEqual(await run("stat deploy"), nothing("traffic", why));
  assert.deepEqual(await run("edges deploy"), nothing("edges", why));
  const mistyped = "namespace nope does not exist: kubectl get namespaces lists those that do\n";
  assert.deepEqual(await run("stat deploy -n nope"), nothing("traffic", mistyped));
  assert.equal((await run("stat deploy -o json")).stdout, "[]\n");
});

test("stat reports a proxy that does not answer below the table", async (t) => {
  const { run } = await startCluster(t, { pods: [buildPod({ name: "web-1" }), buildPod({ name: "api-1" })] });
  const { exitCode, stdout, stderr } = await run("stat deploy");
  assert.equal(exitCode, 0);
  assert.match(stdout, /^api .* - *-\nweb .*100\.00%/m);
  assert.match(stderr, /^1 of 2 proxies answered; no answer from demo\/api-1 \(status 404: .*not found\)\n$/);
});

test("edges prints what secures each connection", async (t) => {
  const { run } = await startCluster(t);
  assert.deepEqual(await run("edges deploy -o wide"), {
    exitCode: 0,
    stdout:
      "SRC   DST   SRC_NS   DST_NS   CLIENT_ID   SERVER_ID   SECURED\n" +
      "web   kv    demo     demo     web.demo    -           √\n",
    stderr: "",
  });
});

test("a wrong command line fails before any pod is asked", async (t) => {
  const { run, api } = await startCluster(t);
  for (const [line, message] of [
    ["stat foo", "cannot find Kubernetes canonical name from friendly name [foo]"],
    ["stat deploy -t 1s", "the time window 1s is not between 15s and 10m"],
    ["stat deploy/web -A", "deploy/web and --all-namespaces exclude each other"],
    ["edges deploy/web", "edges takes one resource type, without a name"],
    ["tap svc/web", "unsupported resource type [service]"],
    ["tap deploy/web -o yaml", 'output format "yaml" not recognized'],
    ["top srv/web", "unsupported resource type [server]"],
  ] as const) {
    const { exitCode, stdout, stderr } = await run(line);
    assert.deepEqual([exitCode, stdout], [1, ""], line);
    assert.ok(stderr.includes(message), `${line}: ${stderr}`);
  }
  assert.deepEqual(api.requests, []);
});

test("tap prints lines through a port-forward until the proxy goes", async (t) => {
  const proxy = await startProxy(t);
  const { run } = await startCluster(t, { adminPort: proxy.adminPort });
  const done = run("tap deploy/web --method GET");
  while (proxy.observability.tap.count === 0) await new Promise((resolve) => setImmediate(resolve));
  const exchange = buildExchange({ status: 200, responseBytes: 12 });
  const { recorder } = proxy.observability;
  recorder.opened(exchange);
  recorder.responded(exchange);
  recorder.closed(exchange);
  // The lines leave on the next turn; the server ends after them.
  await new Promise((resolve) => setImmediate(resolve));
  await proxy.server.close();
  const { exitCode, stdout } = await done;
  assert.equal(exitCode, 0);
  const masked = stdout.replaceAll(/\d+µs/g, "Nµs");
  const flow = "id=0:1 proxy=in  src=10.0.0.1:4000 dst=10.0.0.2:8080 tls=true";
  assert.equal(
    masked,
    `req ${flow} :method=GET :authority=books.demo:80 :path=/list\nrsp ${flow} :status=200 latency=Nµs\n` +
      `end ${flow} duration=Nµs response-length=12B\n`,
  );
});

test("tap that is interrupted exits 130 without an error", async (t) => {
  const proxy = await startProxy(t);
  const { run } = await startCluster(t, { adminPort: proxy.adminPort });
  const stop = new AbortController();
  const done = run("tap deploy/web", stop.signal);
  while (proxy.observability.tap.count === 0) await new Promise((resolve) => setImmediate(resolve));
  stop.abort(new Stopped("SIGINT"));
  const { exitCode, stderr } = await done;
  assert.deepEqual([exitCode, stderr], [130, ""]);
  while (proxy.observability.tap.count > 0) await new Promise((resolve) => setImmediate(resolve));
});

test("top prints one table where stdout is no terminal", async (t) => {
  const proxy = await startProxy(t);
  const { run } = await startCluster(t, { adminPort: proxy.adminPort });
  const done = run("top deploy/web --hide-sources");
  while (proxy.observability.tap.count === 0) await new Promise((resolve) => setImmediate(resolve));
  for (const status of [200, 200, 500]) {
    const exchange = buildExchange({ status });
    const { recorder } = proxy.observability;
    recorder.opened(exchange);
    recorder.responded(exchange);
    recorder.closed(exchange);
  }
  await new Promise((resolve) => setImmediate(resolve));
  await proxy.server.close();
  const { exitCode, stdout } = await done;
  assert.equal(exitCode, 0);
  const [header, row, ...more] = stdout.split("\n");
  assert.match(header!, /^Destination +Method +Path +Count +Best +Worst +Last +Success Rate$/);
  assert.match(row!, /^web-1 +GET +\/list +3 +\S+ +\S+ +\S+ +66\.67%$/);
  assert.deepEqual(more, [""]);
});

test("tap and top of pods without a proxy fail and say what to do", async (t) => {
  const { run } = await startCluster(t, { pods: [buildPod({ name: "web-1", meshed: false })] });
  const { exitCode, stderr } = await run("tap po/web-1");
  assert.equal(exitCode, 1);
  assert.match(
    stderr,
    /no pods to tap for po\/web-1 in namespace demo; 1 without a proxy: web-1\n.*meshctl inject/,
  );
});
