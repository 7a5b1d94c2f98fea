import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { type TestContext, test } from "node:test";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { MeshError } from "../../../src/base/error.ts";
import { tryParseNetwork } from "../../../src/base/ip.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { findTapTargets, readTapRecords, streamTap, type TapEvent } from "../../../src/collect/tap.ts";
import { parseTapQuery, type TapInput } from "../../../src/collect/tap-query.ts";
import { tapSinceThenFollow } from "../../../src/collect/tap-since.ts";
import type { Observability } from "../../../src/proxy/admin/observability.ts";
import { createObservability } from "../../../src/proxy/admin/observability.ts";
import { createAdminServer } from "../../../src/proxy/admin/server.ts";
import { FakeClock } from "../../support/clock.ts";
import { buildPod, buildService, createFakeKube, type FakeKube } from "../../unit/collect/fake-kube.ts";
import { buildExchange } from "../../unit/observe/build-exchange.ts";

const INPUT: TapInput = {
  args: ["deploy/web"],
  namespace: undefined,
  contextNamespace: "demo",
  to: undefined,
  toNamespace: undefined,
  maxRps: 0,
  scheme: undefined,
  method: undefined,
  authority: undefined,
  path: undefined,
  labelSelector: undefined,
  headers: false,
};

/** A proxy's admin server, and what feeds it. */
async function startProxy(t: TestContext, clock: Clock = systemClock) {
  const observability = createObservability({
    clock,
    log: silentLogger,
    version: "1",
    identity: "web.demo",
    accessLog: "off",
    writeAccessLog: () => {},
  });
  const server = createAdminServer({
    listen: { host: "127.0.0.1", port: 0 },
    observability,
    clock,
    log: silentLogger,
    isReady: () => true,
    ownNetworks: [tryParseNetwork("127.0.0.1/32")!],
    shutdownEnabled: false,
    onShutdown: () => {},
    describeConfig: () => ({}),
  });
  const port = await server.listen();
  t.after(() => server.close());
  return { observability, server, port };
}

function run({ recorder }: Observability, fields: Parameters<typeof buildExchange>[0] = {}): void {
  const exchange = buildExchange({ status: 200, ...fields });
  recorder.opened(exchange);
  recorder.responded(exchange);
  recorder.closed(exchange);
}

/** A cluster whose port-forwards lead to local ports, by pod. */
function cluster(ports: Readonly<Record<string, number>>): FakeKube {
  return createFakeKube(
    {
      "/api/v1/namespaces/demo/pods": [
        ...Object.keys(ports).map((name, index) => buildPod({ name, ip: `10.0.0.${index + 1}` })),
        buildPod({ name: "books-1", ip: "10.0.1.1" }),
        buildPod({ name: "new-1", phase: "Pending" }),
      ],
      "/apis/apps/v1/namespaces/demo/deployments/idle": {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: {},
      },
      "/api/v1/namespaces/demo/services/books": buildService("books"),
    },
    {},
    async (_namespace, pod, port) => {
      assert.equal(port, 4191);
      const socket = connect(ports[pod]!, "127.0.0.1");
      await once(socket, "connect");
      return socket;
    },
  );
}

/** Streams until the test stops it. */
function start(t: TestContext, kube: FakeKube, targets: Awaited<ReturnType<typeof findTapTargets>>) {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const events: TapEvent[] = [];
  const notices: string[] = [];
  const wakers = new Set<() => void>();
  const wake = (): void => {
    for (const waker of wakers) waker();
  };
  const done = streamTap(
    kube,
    targets,
    {
      onEvent: (event) => {
        events.push(event);
        wake();
      },
      onNotice: (text) => {
        notices.push(text);
        wake();
      },
    },
    stop.signal,
  );
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        wakers.delete(check);
        resolve();
      };
      wakers.add(check);
      check();
    });
  return { stop, events, notices, done, until };
}

async function listening(...proxies: readonly { readonly observability: Observability }[]): Promise<void> {
  while (proxies.some(({ observability }) => observability.tap.count === 0)) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("tap streams from every pod of a deployment and ends with the signal", async (t) => {
  const [first, second] = [await startProxy(t), await startProxy(t)];
  const kube = cluster({ "web-1": first.port, "web-2": second.port });
  const targets = await findTapTargets(kube, parseTapQuery({ ...INPUT, method: "get", path: "/list" }));
  assert.deepEqual(
    targets.pods.map(({ name }) => name),
    ["web-1", "web-2"],
  );
  const tap = start(t, kube, targets);
  await listening(first, second);
  run(first.observability);
  run(first.observability, { path: "/other" });
  run(second.observability, { status: 503 });
  await tap.until(() => tap.events.length === 6);
  const seen = tap.events.map(
    ({ podIndex, pod, line }) => `${podIndex} ${pod.name} ${line.event} ${line.exchange.status}`,
  );
  assert.deepEqual(seen.filter((text) => text.includes("closed")).sort(), [
    "0 web-1 closed 200",
    "1 web-2 closed 503",
  ]);
  tap.stop.abort();
  await tap.done;
  assert.deepEqual(tap.notices, []);
});

test("tap --to asks for outbound requests to the pods or the service", async (t) => {
  const proxy = await startProxy(t);
  const kube = cluster({ "web-1": proxy.port });
  for (const to of ["deploy/books", "svc/books"]) {
    const targets = await findTapTargets(kube, parseTapQuery({ ...INPUT, to }));
    const tap = start(t, kube, targets);
    await listening(proxy);
    run(proxy.observability);
    const labels = { service: "books", namespace: "demo" };
    run(proxy.observability, { direction: "outbound", peerIp: "10.0.1.9", labels: {} });
    run(proxy.observability, { direction: "outbound", peerIp: "10.0.1.1", labels, path: `/${to}` });
    await tap.until(() => tap.events.some(({ line }) => line.event === "closed"));
    assert.deepEqual(new Set(tap.events.map(({ line }) => line.exchange.path)), new Set([`/${to}`]));
    tap.stop.abort();
    await tap.done;
    while (proxy.observability.tap.count > 0) await new Promise((resolve) => setImmediate(resolve));
  }
});

test("tap says when a pod's proxy ends its stream, and ends with the last one", async (t) => {
  const ending = await rawServer(t, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  const kube = cluster({ "web-1": ending });
  const tap = start(t, kube, await findTapTargets(kube, parseTapQuery(INPUT)));
  await tap.done;
  assert.deepEqual(tap.notices, ["demo/web-1: its proxy has ended the stream; new pods need a new tap"]);
});

test("tap --to a service that does not exist is an error, not an endless silence", async () => {
  const query = parseTapQuery({ ...INPUT, to: "svc/nope" });
  await assert.rejects(findTapTargets(cluster({ "web-1": 1 }), query), { code: "KUBE_NOT_FOUND" });
});

test("tap goes on with the other pods when one refuses, breaks or loses lines, and says so", async (t) => {
  const good = await startProxy(t);
  const refusing = await rawServer(t, "HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nno\n");
  const broken = await rawServer(t, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"cov');
  const kube = cluster({ "web-1": refusing, "web-2": broken, "web-3": good.port });
  const targets = await findTapTargets(kube, parseTapQuery({ ...INPUT, maxRps: 3 }));
  const tap = start(t, kube, targets);
  await listening(good);
  run(good.observability);
  run(good.observability);
  await tap.until(() => tap.events.length === 3 && tap.notices.length === 3);
  assert.deepEqual(tap.notices.sort(), [
    "demo/web-1: proxy of demo/web-1 answered /tap with 403: no",
    "demo/web-2: the stream of its proxy broke (aborted)",
    "demo/web-3: 1 not shown (more than --max-rps, or too fast to send)",
  ]);
});

/** Answers the first bytes that come with a text and closes. */
async function rawServer(t: TestContext, answer: string): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(answer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

test("tap --since tells what went by, in the order of time, and which proxy is silent", async (t) => {
  const clock = new FakeClock();
  const [first, second] = [await startProxy(t, clock), await startProxy(t, clock)];
  const refusing = await rawServer(t, "HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nno\n");
  const kube = cluster({ "web-1": first.port, "web-2": second.port, "web-3": refusing });
  for (const [proxy, path] of [
    [first, "/list/1"],
    [second, "/list/2"],
    [second, "/other"],
    [first, "/list/3"],
  ] as const) {
    run(proxy.observability, { path });
    clock.advance(10);
  }
  const targets = await findTapTargets(kube, parseTapQuery({ ...INPUT, path: "/list", maxRps: 5 }));
  const { events, notices } = await readTapRecords(kube, targets, 60_000);
  assert.deepEqual(
    events
      .filter(({ line }) => line.event === "closed")
      .map(({ pod, line }) => `${pod.name} ${line.exchange.path}`),
    ["web-1 /list/1", "web-2 /list/2", "web-1 /list/3"],
  );
  assert.deepEqual(
    events.slice(0, 3).map(({ line }) => line.event),
    ["opened", "responded", "closed"],
  );
  assert.deepEqual(notices, ["demo/web-3: proxy of demo/web-3 answered /records with 403: no"]);
});

test("tap --since says how far back a busy proxy's records are whole", async (t) => {
  const proxy = await startProxy(t);
  const kube = cluster({ "web-1": proxy.port });
  for (let count = 0; count < 4100; count++) run(proxy.observability);
  const targets = await findTapTargets(kube, parseTapQuery(INPUT));
  const { events, notices } = await readTapRecords(kube, targets, 60_000);
  assert.equal(events.filter(({ line }) => line.event === "opened").length, 4096);
  assert.equal(notices.length, 1);
  assert.match(
    notices[0]!,
    /^demo\/web-1: of what is older than \d+s only failed, denied and slow requests are kept$/,
  );
});

test("tap --since goes on with what comes, without a gap or a repetition", async (t) => {
  const proxy = await startProxy(t);
  const kube = cluster({ "web-1": proxy.port });
  run(proxy.observability, { path: "/before" });
  const targets = await findTapTargets(kube, parseTapQuery(INPUT));
  const stop = new AbortController();
  t.after(() => stop.abort());
  const seen: string[] = [];
  let wake = (): void => {};
  const onEvent = ({ line }: TapEvent): void => {
    if (line.event === "closed") seen.push(line.exchange.path);
    wake();
  };
  const until = async (path: string): Promise<void> => {
    while (!seen.includes(path)) await new Promise<void>((resolve) => (wake = resolve));
  };
  const done = tapSinceThenFollow(kube, targets, 60_000, { onEvent, onNotice: () => {} }, stop.signal);
  await listening(proxy);
  // It is streamed, and may be among the records as well.
  run(proxy.observability, { path: "/between" });
  await until("/between");
  run(proxy.observability, { path: "/after" });
  await until("/after");
  stop.abort();
  await done;
  assert.deepEqual(seen, ["/before", "/between", "/after"]);
});

test("tap filters by status and by how long a response took to begin, in what was and what comes", async (t) => {
  const clock = new FakeClock();
  const proxy = await startProxy(t, clock);
  const kube = cluster({ "web-1": proxy.port });
  const slow = { opened: 0, responded: 250, closed: 260 };
  run(proxy.observability, { path: "/fine" });
  run(proxy.observability, { path: "/failed", status: 503 });
  run(proxy.observability, { path: "/slow", ...slow });
  const paths = async (input: Partial<TapInput>) => {
    const targets = await findTapTargets(kube, parseTapQuery({ ...INPUT, ...input }));
    const { events } = await readTapRecords(kube, targets, 60_000);
    return events.filter(({ line }) => line.event === "closed").map(({ line }) => line.exchange.path);
  };
  assert.deepEqual(await paths({ status: "5xx" }), ["/failed"]);
  assert.deepEqual(await paths({ slowerThanMs: 200 }), ["/slow"]);
  assert.throws(() => parseTapQuery({ ...INPUT, status: "9xx" }), { code: "TAP_BAD_FILTER" });
});

test("tap ends when every proxy has gone", async (t) => {
  const proxy = await startProxy(t);
  const kube = cluster({ "web-1": proxy.port });
  const tap = start(t, kube, await findTapTargets(kube, parseTapQuery(INPUT)));
  await listening(proxy);
  await proxy.server.close();
  await tap.done;
  assert.equal(tap.notices.length, 1);
});

for (const [args, code, message] of [
  ["svc/web", "TAP_RESOURCE", "unsupported resource type [service]"],
  ["srv/web", "TAP_RESOURCE", "unsupported resource type [server]"],
] as const) {
  test(`tap refuses ${args}`, () => {
    assert.throws(
      () => parseTapQuery({ ...INPUT, args: [args] }),
      (error) => error instanceof MeshError && error.code === code && error.message === message,
    );
  });
}

test("tap says why no pod can be tapped", async () => {
  const kube = createFakeKube({
    "/api/v1/namespaces/demo/pods": [
      { ...buildPod({ name: "bare-1", meshed: false }) },
      buildPod({ name: "slow-1", phase: "Pending" }),
    ],
    "/apis/apps/v1/namespaces/demo/replicasets": [],
    "/apis/apps/v1/namespaces/demo/deployments/idle": {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: {},
    },
  });
  const refusal = (args: string): Promise<string> =>
    findTapTargets(kube, parseTapQuery({ ...INPUT, args: [args] })).then(
      () => "none",
      (error: MeshError) => `${error.code}: ${error.message}`,
    );
  assert.equal(
    await refusal("po/bare-1"),
    "TAP_NO_PODS: no pods to tap for po/bare-1 in namespace demo; 1 without a proxy: bare-1",
  );
  assert.equal(
    await refusal("deploy/slow"),
    "TAP_NO_PODS: no pods to tap for deploy/slow in namespace demo; 1 not running: slow-1 (Pending)",
  );
  assert.equal(
    await refusal("deploy/idle"),
    "TAP_NO_PODS: no pods to tap for deploy/idle in namespace demo; it has no pods",
  );
  assert.match(await refusal("deploy/typo"), /^KUBE_NOT_FOUND: /);
});
