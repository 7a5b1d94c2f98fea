import assert from "node:assert/strict";
import { before, test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { workerCount } from "../../../src/proxy/config-cores.ts";
import { ConfigProblems, parseProxyConfig } from "../../../src/proxy/config-parse.ts";
import { createTestMeshCa } from "../../support/test-mesh-ca.ts";

let anchors: string;
before(async () => {
  anchors = (await createTestMeshCa()).anchorsPem;
});

function parse(extra: Record<string, string>) {
  const variables: Record<string, string> = {
    IDENTITY_LOCAL_NAME: "web.demo.serviceaccount.identity.meshctl.cluster.local",
    IDENTITY_TRUST_ANCHORS: anchors,
    IDENTITY_TOKEN_FILE: "/token",
    IDENTITY_SVC_ADDR: "127.0.0.1:8080",
    DESTINATION_SVC_ADDR: "127.0.0.1:8086",
    POLICY_SVC_ADDR: "127.0.0.1:8090",
    POLICY_WORKLOAD: "{}",
    ...extra,
  };
  return parseProxyConfig(
    Object.fromEntries(Object.entries(variables).map(([name, value]) => [`MESHCTL_PROXY_${name}`, value])),
  );
}

function problems(extra: Record<string, string>): readonly string[] {
  try {
    parse(extra);
  } catch (error) {
    assert.ok(error instanceof MeshError && error.cause instanceof ConfigProblems);
    return error.cause.problems;
  }
  return [];
}

test("HTTP/2 of a side is served as configured, the other side by default", () => {
  const { config, warnings } = parse({
    INBOUND_SERVER_HTTP2_INITIAL_STREAM_WINDOW_SIZE: "1000000",
    INBOUND_SERVER_HTTP2_INITIAL_CONNECTION_WINDOW_SIZE: "2000000",
    INBOUND_SERVER_HTTP2_MAX_CONCURRENT_STREAMS: "7",
    INBOUND_SERVER_HTTP2_MAX_FRAME_SIZE: "65536",
    INBOUND_SERVER_HTTP2_MAX_HEADER_LIST_SIZE: "9000",
    INBOUND_SERVER_HTTP2_MAX_SEND_BUF_SIZE: "400000",
    INBOUND_SERVER_HTTP2_MAX_PENDING_ACCEPT_RESET_STREAMS: "20",
    INBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL: "10s",
    INBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT: "3s",
    HTTP2_INITIAL_STREAM_WINDOW_SIZE: "100000",
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(config.inbound.http2, {
    settings: {
      streamWindowBytes: 1_000_000,
      connectionWindowBytes: 2_000_000,
      concurrentStreamsMax: 7,
      headerListBytesMax: 9000,
      frameBytesMax: 65_536,
      sendBufferBytesMax: 400_000,
      offencesMax: 20,
    },
    keepAlive: { intervalMs: 10_000, timeoutMs: 3000 },
  });
  assert.equal(config.outbound.http2.keepAlive, undefined);
  assert.equal(config.outbound.http2.settings.streamWindowBytes, 65_535);
  assert.equal(config.http2Client.streamWindowBytes, 100_000);
  assert.equal(config.http2Client.connectionWindowBytes, 1_048_576);
});

test("windows that HTTP/2 cannot bind a peer to are said to be widened", () => {
  const { config, warnings } = parse({ HTTP2_INITIAL_STREAM_WINDOW_SIZE: "1000" });
  assert.equal(config.http2Client.streamWindowBytes, 65_535);
  assert.match(warnings.join("\n"), /HTTP2_INITIAL_STREAM_WINDOW_SIZE=1000/);
});

test("what HTTP/2 settings cannot do is warned about", () => {
  const { warnings } = parse({
    OUTBOUND_SERVER_HTTP2_ADAPTIVE_FLOW_CONTROL: "true",
    OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT: "3s",
  });
  assert.match(warnings.join("\n"), /ADAPTIVE_FLOW_CONTROL=true is not supported/);
  assert.match(warnings.join("\n"), /KEEP_ALIVE_TIMEOUT has no effect without _INTERVAL/);
});

test("malformed limits are all named", () => {
  const found = problems({
    INBOUND_SERVER_HTTP2_MAX_FRAME_SIZE: "100",
    HTTP2_INITIAL_CONNECTION_WINDOW_SIZE: "4294967296",
    OUTBOUND_TCP_LISTEN_BACKLOG: "many",
    INBOUND_ACCEPT_KEEPALIVE: "10",
    OUTBOUND_CONNECT_USER_TIMEOUT: "1.5s",
    METRICS_RETAIN_IDLE: "soon",
    DNS_MIN_TTL: "9s",
    DNS_MAX_TTL: "1s",
    CORES_MAX: "0",
    CORES_MAX_RATIO: "1.5",
  });
  for (const name of [
    "INBOUND_SERVER_HTTP2_MAX_FRAME_SIZE",
    "HTTP2_INITIAL_CONNECTION_WINDOW_SIZE",
    "OUTBOUND_TCP_LISTEN_BACKLOG",
    "INBOUND_ACCEPT_KEEPALIVE",
    "OUTBOUND_CONNECT_USER_TIMEOUT",
    "METRICS_RETAIN_IDLE",
    "DNS_MAX_TTL",
    "CORES_MAX",
    "CORES_MAX_RATIO",
  ]) {
    assert.ok(
      found.some((problem) => problem.startsWith(`MESHCTL_PROXY_${name}`)),
      `${name} is not named in ${found.join("\n")}`,
    );
  }
  assert.equal(found.length, 9);
});

test("sockets, queues and times are read", () => {
  const { config } = parse({
    INBOUND_ACCEPT_KEEPALIVE: "10000ms",
    OUTBOUND_CONNECT_USER_TIMEOUT: "30s",
    OUTBOUND_TCP_LISTEN_BACKLOG: "64",
    OUTBOUND_TCP_QUEUE_CAPACITY: "5",
    OUTBOUND_TCP_FAILFAST_TIMEOUT: "2s",
    INBOUND_HTTP_QUEUE_CAPACITY: "6",
    INBOUND_HTTP_FAILFAST_TIMEOUT: "4s",
    METRICS_RETAIN_IDLE: "1m",
    DNS_MIN_TTL: "7s",
  });
  assert.equal(config.inbound.sockets.accept.keepAliveMs, 10_000);
  assert.equal(config.outbound.sockets.connect.userTimeoutMs, 30_000);
  assert.equal(config.outbound.sockets.backlog, 64);
  assert.equal(config.outbound.tcpQueueCapacity, 5);
  assert.equal(config.outbound.tcpFailfastTimeoutMs, 2000);
  assert.equal(config.inbound.queueCapacity, 6);
  assert.equal(config.inbound.failfastTimeoutMs, 4000);
  assert.equal(config.metricsRetainIdleMs, 60_000);
  assert.deepEqual(config.dnsTtl, { minMs: 7000, maxMs: undefined });
});

for (const [cores, processors, expected] of [
  [{}, 8, 1],
  [{ CORES: "2" }, 8, 2],
  [{ CORES: "2", CORES_MIN: "3" }, 8, 3],
  [{ CORES_MAX: "4" }, 8, 4],
  [{ CORES_MAX: "4" }, 2, 2],
  [{ CORES_MAX_RATIO: "0.5" }, 8, 4],
  [{ CORES_MAX_RATIO: "0.1" }, 2, 1],
  [{ CORES_MAX: "2", CORES_MIN: "3" }, 8, 3],
] as const) {
  test(`${JSON.stringify(cores)} on ${processors} processors makes ${expected} workers`, () => {
    assert.equal(workerCount(parse(cores).config.cores, processors), expected);
  });
}
