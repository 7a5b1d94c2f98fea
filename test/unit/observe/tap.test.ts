import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import type { TapLine } from "../../../src/observe/exchange.ts";
import type { LiveExchange } from "../../../src/observe/live-exchange.ts";
import { maskHeaders } from "../../../src/observe/mask-headers.ts";
import { createRecorder } from "../../../src/observe/recorder.ts";
import { parseStatusRange, parseTapQuery } from "../../../src/observe/tap-filter.ts";
import { createTapHub } from "../../../src/observe/tap-hub.ts";
import { FakeClock } from "../../support/clock.ts";
import { buildExchange } from "./build-exchange.ts";

function setUp(query = "", write?: (line: TapLine) => boolean) {
  const clock = new FakeClock();
  const hub = createTapHub(clock);
  const recorder = createRecorder({ clock, observers: [hub], wantsHeaders: () => hub.wantsHeaders });
  const lines: TapLine[] = [];
  const handle = hub.subscribe({
    request: parseTapQuery(new URLSearchParams(query)),
    write: write ?? ((line) => lines.push(line) > 0),
  });
  /** Runs an exchange; `late` becomes known when it responds. */
  const run = (fields: Partial<LiveExchange>, late: Partial<LiveExchange> = {}, responseMs = 0): void => {
    const exchange = buildExchange(fields);
    recorder.opened(exchange);
    clock.advance(responseMs);
    Object.assign(exchange, { status: 200 }, late);
    recorder.responded(exchange);
    recorder.closed(exchange);
  };
  const events = (): string[] => lines.map(({ event, exchange }) => `${event} ${exchange.id}`);
  return { clock, hub, recorder, lines, handle, run, events };
}

test("tap sends the three transitions of an exchange as they happen", () => {
  const { recorder, lines, clock } = setUp();
  const exchange = buildExchange();
  recorder.opened(exchange);
  assert.deepEqual(
    lines.map(({ event }) => event),
    ["opened"],
  );
  clock.advance(5);
  exchange.status = 200;
  recorder.responded(exchange);
  recorder.closed(exchange);
  assert.deepEqual(
    lines.map(({ event, exchange }) => [event, exchange.status, exchange.responseUs]),
    [
      ["opened", 0, -1],
      ["responded", 200, 5000],
      ["closed", 200, 5000],
    ],
  );
});

const matching: readonly (readonly [
  query: string,
  fields: Partial<LiveExchange>,
  late?: Partial<LiveExchange>,
])[] = [
  ["direction=inbound", {}],
  ["method=get", {}],
  ["path=/li", {}],
  ["authority=books.demo:80", {}],
  ["status=200", {}],
  ["status=5xx", {}, { status: 503 }],
  ["status=500-502", {}, { status: 502 }],
  ["peerIdentity=a&peerIdentity=b", { peerIdentity: "b" }],
  ["peerIp=10.0.0.1", {}],
  ["peerLabel=service=books&peerLabel=namespace=demo", { labels: { service: "books", namespace: "demo" } }],
  ["target=books", { direction: "outbound", target: "books:80" }],
  ["protocol=http/1&tls=true&verdict=allowed", {}],
  ["client=10.0.0.1&server=10.0.0.2:8080", {}],
  ["parent=/default/all-unauthenticated&route=default&authorization=all-unauthenticated", {}],
  ["endpointReason=2 of 3", { direction: "outbound", endpointReason: "p2c 2 of 3 ready" }],
  ["minAttempts=2", {}, { attempts: 2 }],
  ["error=failfast", {}, { error: "failfast" }],
  ["error=*", {}, { error: "failfast" }],
  ["error=-", {}],
  ["grpcStatus=14", { protocol: "grpc" }, { grpcStatus: 14 }],
  ["grpcStatus=1-16&path=/li", { protocol: "grpc" }, { grpcStatus: 4 }],
  ["minRequestBytes=10&minResponseBytes=20", {}, { requestBytes: 10, responseBytes: 20 }],
];
for (const [query, fields, late] of matching) {
  test(`tap with ${query} shows a request that matches whole`, () => {
    const { run, events } = setUp(query);
    run(fields, late);
    assert.deepEqual(events(), ["opened 1", "responded 1", "closed 1"]);
  });
}

const others: readonly (readonly [query: string, fields: Partial<LiveExchange>])[] = [
  ["direction=outbound", {}],
  ["method=POST", {}],
  ["path=/other", {}],
  ["authority=books.demo", {}],
  ["status=5xx", {}],
  ["status=404", {}],
  ["peerIdentity=a", {}],
  ["peerIp=10.0.0.3", {}],
  ["peerLabel=service=books", { labels: { service: "other" } }],
  ["target=book", { direction: "outbound", target: "books:80" }],
  ["minLatencyMs=1", {}],
  ["protocol=grpc", {}],
  ["tls=loopback", {}],
  ["verdict=denied", {}],
  ["client=10.0.0.11", {}],
  ["server=10.0.0.2:80", {}],
  ["parent=all", {}],
  ["route=other", {}],
  ["minAttempts=2", {}],
  ["error=*", {}],
  ["error=-", { error: "failfast" }],
  ["grpcStatus=0", {}],
  ["minResponseBytes=1", {}],
];
for (const [query, fields] of others) {
  test(`tap with ${query} shows nothing of a request that does not match`, () => {
    const { run, events, handle } = setUp(query);
    run(fields);
    assert.deepEqual(events(), []);
    assert.equal(handle.takeLost(), 0);
  });
}

test("tap waits for the endpoint of an outbound request before it says no", () => {
  const { run, events } = setUp("peerIp=10.0.0.7");
  run({ direction: "outbound", server: "", peerIp: "" }, { server: "10.0.0.7:80", peerIp: "10.0.0.7" });
  run({ direction: "outbound", server: "", peerIp: "" }, { server: "10.0.0.8:80", peerIp: "10.0.0.8" });
  assert.deepEqual(events(), ["opened 1", "responded 1", "closed 1"]);
});

test("tap with a latency shows slow requests only", () => {
  const { run, events } = setUp("minLatencyMs=100");
  run({}, {}, 99);
  run({}, {}, 100);
  assert.deepEqual(events(), ["opened 2", "responded 2", "closed 2"]);
});

test("tap with a rate shows whole requests up to it, and counts the others", () => {
  const { clock, run, events, handle } = setUp("maxRps=2");
  for (let count = 0; count < 5; count++) run({});
  assert.deepEqual(
    events().filter((text) => text.startsWith("opened")),
    ["opened 1", "opened 2"],
  );
  assert.equal(handle.takeLost(), 3);
  clock.advance(500);
  run({});
  run({});
  assert.equal(events().at(-1), "closed 6");
  assert.equal(handle.takeLost(), 1);
});

test("tap loses lines of a reader that is behind, and counts them", () => {
  let open = false;
  const { run, handle } = setUp("", () => open);
  run({});
  open = true;
  run({});
  assert.equal(handle.takeLost(), 3);
  assert.equal(handle.takeLost(), 0);
});

test("tap sends headers only when asked, without credentials, and says that it wants them", () => {
  const plain = setUp();
  assert.equal(plain.hub.wantsHeaders, false);
  plain.run({ requestHeaders: [["accept", "*/*"]] });
  assert.ok(plain.lines.every((line) => line.headers === undefined));

  const { recorder, lines, handle, run } = setUp("headers=true");
  assert.equal(recorder.wantsHeaders, true);
  run(
    {
      requestHeaders: [
        ["accept", "*/*"],
        ["Authorization", "Bearer abc"],
      ],
    },
    { responseHeaders: [["set-cookie", "a=b"]] },
  );
  assert.deepEqual(
    lines.map((line) => line.headers),
    [
      [
        ["accept", "*/*"],
        ["Authorization", "***"],
      ],
      [["set-cookie", "***"]],
      undefined,
    ],
  );
  handle.close();
  handle.close();
  assert.equal(recorder.wantsHeaders, false);
});

test("masking hides every name that is or ends like a credential and leaves the rest", () => {
  const secret = [
    "authorization",
    "Proxy-Authorization",
    "cookie",
    "X-API-Key",
    "x-acme-token",
    "client_secret",
    "x-hub-signature",
  ];
  const plain = ["accept", "host", "x-request-id", "tokenizer", "user-agent", "content-length"];
  const masked = maskHeaders([...secret, ...plain].map((name) => [name, "v"] as const));
  assert.deepEqual(masked, [...secret.map((name) => [name, "***"]), ...plain.map((name) => [name, "v"])]);
});

for (const query of [
  "direction=up",
  "status=6xx",
  "status=500-400",
  "peerLabel=service",
  "minLatencyMs=fast",
  "maxRps=-1",
  "headers=yes",
  "metod=GET",
]) {
  test(`tap refuses ${query}`, () => {
    assert.throws(
      () => parseTapQuery(new URLSearchParams(query)),
      (error) => error instanceof MeshError && error.code === "TAP_BAD_FILTER",
    );
  });
}

test("status ranges are inclusive", () => {
  assert.deepEqual(parseStatusRange("5XX"), [500, 599]);
  assert.deepEqual(parseStatusRange("404"), [404, 404]);
  assert.deepEqual(parseStatusRange("200-299"), [200, 299]);
});
