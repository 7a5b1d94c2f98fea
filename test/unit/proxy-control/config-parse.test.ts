import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { formatNetwork } from "../../../src/base/ip.ts";
import { describeConfig } from "../../../src/proxy/config-describe.ts";
import { ConfigProblems, parseProxyConfig } from "../../../src/proxy/config-parse.ts";
import { createTestMeshCa } from "../../support/test-mesh-ca.ts";

let anchors: string;
before(async () => {
  anchors = (await createTestMeshCa()).anchorsPem;
});

const REQUIRED = () => ({
  IDENTITY_LOCAL_NAME: "web.demo.serviceaccount.identity.meshctl.cluster.local",
  IDENTITY_TRUST_ANCHORS: anchors,
  IDENTITY_TOKEN_FILE: "/token",
  IDENTITY_SVC_ADDR: "meshctl-identity.meshctl.svc.cluster.local.:8080",
  IDENTITY_SVC_NAME: "identity.meshctl",
  DESTINATION_SVC_ADDR: "meshctl-dst.meshctl.svc.cluster.local.:8086",
  DESTINATION_SVC_NAME: "controller.meshctl",
  POLICY_SVC_ADDR: "meshctl-policy.meshctl.svc.cluster.local.:8090",
  POLICY_SVC_NAME: "controller.meshctl",
  POLICY_WORKLOAD: "{}",
});

/** Undefined removes a required variable. */
function env(
  extra: Record<string, string | undefined> = {},
  prefix = "MESHCTL_PROXY_",
): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries({ ...REQUIRED(), ...extra }).map(([key, value]) => [prefix + key, value]),
  );
}

function problems(extra: Record<string, string | undefined>): readonly string[] {
  try {
    parseProxyConfig(env(extra));
  } catch (error) {
    assert.ok(error instanceof MeshError && error.code === "PROXY_CONFIG_INVALID");
    assert.ok(error.cause instanceof ConfigProblems);
    return error.cause.problems;
  }
  return [];
}

/** All that SPIRE needs, and nothing that it does not. */
const SPIRE: Record<string, string | undefined> = {
  IDENTITY_SPIRE_WORKLOAD_API_ADDRESS: "unix:/run/spire/agent.sock",
  IDENTITY_SERVER_ID: "spiffe://mesh.example/web",
  IDENTITY_SERVER_NAME: "web.mesh.example",
  IDENTITY_LOCAL_NAME: undefined,
  IDENTITY_TRUST_ANCHORS: undefined,
  IDENTITY_TOKEN_FILE: undefined,
  IDENTITY_SVC_ADDR: undefined,
  IDENTITY_SVC_NAME: undefined,
};

const parse = (extra: Record<string, string> = {}) => parseProxyConfig(env(extra)).config;

test("defaults are those of the reference", () => {
  const { config, warnings } = parseProxyConfig(env());
  assert.deepEqual(warnings, []);
  assert.deepEqual(config.inbound.listen, { host: "0.0.0.0", port: 4143 });
  assert.deepEqual(config.outbound.listen, [{ host: "127.0.0.1", port: 4140 }]);
  assert.deepEqual(config.admin, { listen: { host: "127.0.0.1", port: 4191 }, shutdownEnabled: false });
  assert.equal(config.capture, "transparent");
  assert.deepEqual(config.ownNetworks.map(formatNetwork), ["127.0.0.0/8", "::1/128"]);
  assert.equal(config.inbound.defaultPolicy, "all-unauthenticated");
  assert.equal(config.inbound.connectTimeoutMs, 300);
  assert.equal(config.outbound.connectTimeoutMs, 1000);
  assert.equal(config.inbound.discoveryIdleTimeoutMs, 90_000);
  assert.equal(config.outbound.discoveryIdleTimeoutMs, 5000);
  assert.equal(config.outbound.failfastTimeoutMs, 3000);
  assert.equal(config.shutdownGracePeriodMs, 120_000);
  assert.deepEqual(config.destination.profileSuffixes, ["svc.cluster.local"]);
  assert.deepEqual(config.identity.server, {
    host: "meshctl-identity.meshctl.svc.cluster.local.",
    port: 8080,
    name: "identity.meshctl",
  });
  assert.deepEqual(config.controlStream, {
    initialTimeoutMs: undefined,
    idleTimeoutMs: undefined,
    lifetimeMs: undefined,
  });
});

test("LINKERD2_PROXY_ stands in, and MESHCTL_PROXY_ wins", () => {
  const upstream = env({ INBOUND_CONNECT_TIMEOUT: "1s", SHUTDOWN_GRACE_PERIOD: "5s" }, "LINKERD2_PROXY_");
  const { config } = parseProxyConfig({ ...upstream, MESHCTL_PROXY_INBOUND_CONNECT_TIMEOUT: "2s" });
  assert.equal(config.inbound.connectTimeoutMs, 2000);
  assert.equal(config.shutdownGracePeriodMs, 5000);
});

test("an empty value counts as unset", () => {
  assert.equal(
    parse({ INBOUND_CONNECT_TIMEOUT: " ", CONTROL_STREAM_LIFETIME: "" }).inbound.connectTimeoutMs,
    300,
  );
});

describe("malformed variable is named", () => {
  const bad: readonly (readonly [suffix: string, ...values: string[]])[] = [
    ["INBOUND_CONNECT_TIMEOUT", "5", "1.5s", "1 s", "-1s", "s"],
    ["OUTBOUND_CONNECT_TIMEOUT", "x"],
    ["INBOUND_DETECT_TIMEOUT", "x"],
    ["OUTBOUND_DETECT_TIMEOUT", "x"],
    ["INBOUND_DISCOVERY_IDLE_TIMEOUT", "x"],
    ["OUTBOUND_DISCOVERY_IDLE_TIMEOUT", "x"],
    ["INBOUND_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT", "x"],
    ["OUTBOUND_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT", "x"],
    ["OUTBOUND_HTTP_FAILFAST_TIMEOUT", "x"],
    ["SHUTDOWN_GRACE_PERIOD", "x"],
    ["IDENTITY_MIN_REFRESH", "x"],
    ["IDENTITY_MAX_REFRESH", "x"],
    ["CONTROL_STREAM_INITIAL_TIMEOUT", "x"],
    ["CONTROL_STREAM_IDLE_TIMEOUT", "x"],
    ["MAX_IDLE_CONNS_PER_ENDPOINT", "-1", "1e3"],
    ["OUTBOUND_MAX_IDLE_CONNS_PER_ENDPOINT", "x"],
    ["INBOUND_MAX_IN_FLIGHT", "x"],
    ["OUTBOUND_MAX_IN_FLIGHT", "x"],
    ["OUTBOUND_HTTP_QUEUE_CAPACITY", "x"],
    ["OUTBOUND_DISABLE_INFORMATIONAL_HEADERS", "yes", "True", "1"],
    ["SHUTDOWN_ENDPOINT_ENABLED", "yes"],
    ["LOG", "loud", "info,,warn=x y"],
    ["LOG_FORMAT", "xml"],
    ["CAPTURE", "implicit"],
    ["OWN_NETWORKS", "10.0.0.0/33", "lo"],
    ["POLICY_CLUSTER_NETWORKS", "10.0.0.0/8,x"],
    ["DESTINATION_PROFILE_NETWORKS", "x"],
    ["DESTINATION_PROFILE_SUFFIXES", "a b"],
    ["INBOUND_LISTEN_ADDR", "4143", "localhost:4143", "1.2.3.4:99999"],
    ["ADMIN_LISTEN_ADDR", "x"],
    ["OUTBOUND_LISTEN_ADDR", "x"],
    ["OUTBOUND_LISTEN_ADDRS", "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3", "x"],
    ["INBOUND_IPS", "10.0.0.0/8"],
    ["INBOUND_PORTS", "0", "65536", "9-8", "a"],
    ["INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION", "25;26"],
    ["INBOUND_DEFAULT_POLICY", "allow"],
    ["INBOUND_LISTENERS", "127.0.0.1:80", "127.0.0.1:80=x", "x=127.0.0.1:80", "127.0.0.1:80=unix:relative"],
    ["INBOUND_APP_HOST", "localhost"],
    ["OUTBOUND_SERVICES", "127.0.0.1:80=web", "127.0.0.1=web:80"],
    ["OUTBOUND_SOURCE_HOST", "x"],
    ["DNS_SERVERS", "dns:53"],
    ["IDENTITY_LOCAL_NAME", "no name"],
    ["IDENTITY_SVC_ADDR", "identity"],
    ["IDENTITY_SVC_NAME", "no name"],
    ["DESTINATION_SVC_ADDR", "dst:port"],
    ["POLICY_SVC_ADDR", ":8090"],
    ["IDENTITY_DISABLED", "true"],
    ["OUTBOUND_CONNECT_EXP_BACKOFF_JITTER", "2"],
    ["INBOUND_CONNECT_EXP_BACKOFF_MIN", "x"],
  ];
  for (const [suffix, ...values] of bad) {
    for (const value of values) {
      test(`${suffix}=${value}`, () => {
        const found = problems({ [suffix]: value });
        assert.ok(
          found.some((problem) =>
            problem.startsWith(`MESHCTL_PROXY_${suffix}=${JSON.stringify(value)}: expected `),
          ),
          found.join("\n"),
        );
      });
    }
  }
});

describe("missing variable is named", () => {
  for (const suffix of Object.keys(REQUIRED())) {
    test(suffix, () => {
      assert.deepEqual(problems({ [suffix]: undefined }).length, 1);
      assert.match(problems({ [suffix]: undefined })[0]!, new RegExp(`^MESHCTL_PROXY_${suffix} is required`));
    });
  }
});

test("with SPIRE names, socket and waits are as given, Linkerd's doubled prefix included", () => {
  const doubled = "LINKERD2_PROXY_LINKERD2_PROXY_IDENTITY_SPIRE_EXP_BACKOFF";
  const { config, warnings } = parseProxyConfig({
    ...env({ ...SPIRE, IDENTITY_SPIRE_SOCKET: "/other" }),
    [`${doubled}_MIN`]: "200ms",
    [`${doubled}_MAX`]: "2s",
    [`${doubled}_JITTER`]: "0.5",
  });
  assert.deepEqual(warnings, []);
  assert.equal(config.identity.localName, "spiffe://mesh.example/web");
  assert.equal(config.identity.serverName, "web.mesh.example");
  assert.deepEqual(config.identity.spire, {
    socketPath: "/run/spire/agent.sock",
    backoff: { minMs: 200, maxMs: 2000, jitterRatio: 0.5 },
  });
  const { spire } = parseProxyConfig(env(SPIRE)).config.identity;
  assert.deepEqual(spire?.backoff, { minMs: 100, maxMs: 1000, jitterRatio: 0.1 });
});

test("what has no effect with SPIRE, or without it, is warned about", () => {
  const token = { IDENTITY_TOKEN_FILE: "/token" };
  assert.deepEqual(parseProxyConfig(env({ ...SPIRE, ...token })).warnings, [
    "set, but of no effect with SPIRE: MESHCTL_PROXY_IDENTITY_TOKEN_FILE",
  ]);
  const waits = { IDENTITY_SPIRE_EXP_BACKOFF_MIN: "1s", IDENTITY_SPIRE_EXP_BACKOFF_MAX: "2s" };
  assert.deepEqual(parseProxyConfig(env(waits)).warnings, [
    "set, but of no effect without SPIRE: MESHCTL_PROXY_IDENTITY_SPIRE_EXP_BACKOFF_MAX, MESHCTL_PROXY_IDENTITY_SPIRE_EXP_BACKOFF_MIN",
  ]);
});

test("all problems are named at once, under the name that was set", () => {
  const found = problems({ CAPTURE: "x", LOG_FORMAT: "y", POLICY_WORKLOAD: undefined });
  assert.equal(found.length, 3);
});

describe("combinations", () => {
  const cases: readonly (readonly [
    what: string,
    extra: Record<string, string | undefined>,
    pattern: RegExp | undefined,
  ])[] = [
    [
      "cluster policy without networks",
      { INBOUND_DEFAULT_POLICY: "cluster-authenticated" },
      /CLUSTER_NETWORKS must not be empty/,
    ],
    [
      "cluster policy with networks",
      { INBOUND_DEFAULT_POLICY: "audit", POLICY_CLUSTER_NETWORKS: "10.0.0.0/8" },
      undefined,
    ],
    [
      "SPIRE with a name of DNS",
      { ...SPIRE, IDENTITY_LOCAL_NAME: "web.demo" },
      /IDENTITY_LOCAL_NAME="web.+": expected no value with SPIRE/,
    ],
    [
      "SPIRE without an id",
      { ...SPIRE, IDENTITY_SERVER_ID: undefined },
      /IDENTITY_SERVER_ID is required with SPIRE/,
    ],
    [
      "SPIRE with a server id that is no URI",
      { ...SPIRE, IDENTITY_SERVER_ID: "web.demo" },
      /IDENTITY_SERVER_ID="web.demo": expected a spiffe:/,
    ],
    ["SPIRE and nothing of the identity service", SPIRE, undefined],
    [
      "backoff jitter alone",
      { INBOUND_CONNECT_EXP_BACKOFF_JITTER: "0.5" },
      /BACKOFF_MIN and _MAX are required/,
    ],
    ["backoff minimum alone", { OUTBOUND_CONNECT_EXP_BACKOFF_MIN: "1s" }, /BACKOFF_MAX is required/],
    [
      "backoff minimum above maximum",
      { OUTBOUND_CONNECT_EXP_BACKOFF_MIN: "2s", OUTBOUND_CONNECT_EXP_BACKOFF_MAX: "1s" },
      /at least _MIN/,
    ],
    [
      "descending stream limits",
      { CONTROL_STREAM_IDLE_TIMEOUT: "1h", CONTROL_STREAM_LIFETIME: "5m" },
      /must ascend/,
    ],
    [
      "ascending stream limits",
      {
        CONTROL_STREAM_INITIAL_TIMEOUT: "3s",
        CONTROL_STREAM_IDLE_TIMEOUT: "5m",
        CONTROL_STREAM_LIFETIME: "1h",
      },
      undefined,
    ],
    [
      "server id instead of local name",
      { IDENTITY_LOCAL_NAME: undefined, IDENTITY_SERVER_ID: "a.b", IDENTITY_SERVER_NAME: "a.b" },
      undefined,
    ],
    [
      "server id and name that differ",
      { IDENTITY_LOCAL_NAME: undefined, IDENTITY_SERVER_ID: "a.b", IDENTITY_SERVER_NAME: "c" },
      /must equal IDENTITY_SERVER_ID/,
    ],
    ["anchors without a certificate", { IDENTITY_TRUST_ANCHORS: "x" }, /TRUST_ANCHORS holds no readable PEM/],
  ];
  for (const [what, extra, pattern] of cases) {
    test(what, () => {
      const found = problems(extra);
      if (!pattern) assert.deepEqual(found, []);
      else {
        assert.equal(found.length, 1, found.join("\n"));
        assert.match(found[0]!, pattern);
      }
    });
  }
});

test("controllers on this host are spoken to in plaintext, others need a name", () => {
  for (const address of ["127.0.0.1:1", "[::1]:1", "localhost:1", "localhost.:1"]) {
    assert.equal(parse({ POLICY_SVC_ADDR: address }).policy.server.name, undefined, address);
  }
  const explicit = parse({ OWN_NETWORKS: "127.5.0.1/32", POLICY_SVC_ADDR: "127.5.0.2:1" });
  assert.equal(explicit.policy.server.name, "controller.meshctl");
});

test("explicit capture is read", () => {
  const config = parse({
    CAPTURE: "explicit",
    INBOUND_LISTENERS: "127.5.64.3:8080=127.5.128.3:8080, 127.5.64.3:9090=unix:/run/app.sock",
    OUTBOUND_SERVICES:
      "127.5.128.3:20001=Web.demo.svc.cluster.local:80,unix:/run/db.sock=db.demo.svc.cluster.local.:5432",
    INBOUND_APP_HOST: "127.5.128.3",
    OUTBOUND_SOURCE_HOST: "127.5.64.3",
    DNS_SERVERS: "127.5.0.10:5353,127.5.0.11",
  });
  assert.deepEqual(config.inbound.listeners, [
    { listen: { host: "127.5.64.3", port: 8080 }, target: { host: "127.5.128.3", port: 8080 } },
    { listen: { host: "127.5.64.3", port: 9090 }, target: { path: "/run/app.sock" } },
  ]);
  assert.deepEqual(config.outbound.services, [
    { listen: { host: "127.5.128.3", port: 20001 }, name: "web.demo.svc.cluster.local", port: 80 },
    { listen: { path: "/run/db.sock" }, name: "db.demo.svc.cluster.local", port: 5432 },
  ]);
  assert.deepEqual(config.dnsServers, ["127.5.0.10:5353", "127.5.0.11"]);
});

test("log directives are kept as they are, once they can be read", () => {
  const directives = "warn,linkerd=info,[{headers}]=off,[{request}]=off";
  assert.equal(parse({ LOG: directives }).logLevel, directives);
  assert.equal(parse({}).logLevel, "info");
});

test("what is said of traffic beyond the defaults is off unless asked for", () => {
  assert.deepEqual(parse({}).observe, {
    inboundAuthorityLabels: false,
    hostnameLabels: false,
    tap: undefined,
    tracing: undefined,
  });
  const { observe } = parse({
    INBOUND_METRICS_AUTHORITY_LABELS: "unsafe",
    OUTBOUND_METRICS_HOSTNAME_LABELS: "true",
    TAP_SVC_NAME: "tap.viz.serviceaccount.identity.meshctl.cluster.local",
    TRACE_COLLECTOR_SVC_ADDR: "collector.tracing:4317",
    TRACE_COLLECTOR_SVC_NAME: "collector.tracing.serviceaccount.identity.meshctl.cluster.local",
    TRACE_SAMPLING_RATIO: "0.1",
    TRACE_SERVICE_NAME: "web",
    METRICS_EXPORT_INTERVAL: "30s",
  });
  assert.ok(observe.inboundAuthorityLabels && observe.hostnameLabels);
  assert.deepEqual(observe.tap?.listen, { host: "0.0.0.0", port: 4190 });
  assert.deepEqual(
    [
      observe.tracing?.collector.host,
      observe.tracing?.samplingRatio,
      observe.tracing?.serviceName,
      observe.tracing?.metricsIntervalMs,
    ],
    ["collector.tracing", 0.1, "web", 30_000],
  );
});

test("metrics are sent to a collector, which must be there", () => {
  assert.throws(() => parse({ METRICS_EXPORT_INTERVAL: "30s" }), /TRACE_COLLECTOR_SVC_ADDR is required/);
});

test("a collector elsewhere needs a name, and a ratio is at most 1", () => {
  assert.throws(
    () => parse({ TRACE_COLLECTOR_SVC_ADDR: "collector.tracing:4317", TRACE_SAMPLING_RATIO: "2" }),
    (error: Error) =>
      /TRACE_COLLECTOR_SVC_NAME/.test(error.message) && /TRACE_SAMPLING_RATIO="2"/.test(error.message),
  );
});

test("port sets take ranges and blanks", () => {
  assert.deepEqual(
    [...parse({ INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION: "25,, 587,4000-4002" }).inbound.opaquePorts],
    [25, 587, 4000, 4001, 4002],
  );
});

test("what is not honoured is said, unless its value changes nothing", () => {
  const { warnings } = parseProxyConfig(
    env({
      CORES: "1",
      DESTINATION_PROFILE_INITIAL_TIMEOUT: "1s",
      IDENTITY_DIR: "/x",
      PROTS: "1",
      ACCESS_LOG: "xml",
    }),
  );
  assert.deepEqual(warnings, [
    'MESHCTL_PROXY_ACCESS_LOG="xml": expected apache or json; the access log is off',
    "set, but not honoured by this version: MESHCTL_PROXY_DESTINATION_PROFILE_INITIAL_TIMEOUT",
    "set, but unknown (a typing error?): MESHCTL_PROXY_PROTS",
  ]);
});

test("described configuration is plain JSON", () => {
  const described = JSON.parse(JSON.stringify(describeConfig(parse({ INBOUND_IPS: "10.0.0.1" }))));
  assert.deepEqual(described.ownNetworks, ["127.0.0.0/8", "::1/128"]);
  assert.deepEqual(described.inbound.ips, ["10.0.0.1"]);
});
