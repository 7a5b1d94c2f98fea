import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  Destination,
  type WeightedAddrSchema,
} from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import {
  InboundServerPolicies,
  type ServerSchema,
} from "../../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import {
  OutboundPolicies,
  type OutboundPolicySchema,
} from "../../../src/api/gen/io/linkerd/proxy/outbound_pb.js";
import { systemClock } from "../../../src/base/clock.ts";
import { MeshError } from "../../../src/base/error.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { parseProxyConfig } from "../../../src/proxy/config-parse.ts";
import { createGrpcClient } from "../../../src/proxy/control/grpc-client.ts";
import { NO_LIMITS } from "../../../src/proxy/control/watch-stream.ts";
import type { Watched } from "../../../src/proxy/dependencies.ts";
import { createDiscovery } from "../../../src/proxy/discovery/discovery.ts";
import { createInboundPolicies } from "../../../src/proxy/discovery/inbound-policies.ts";
import type { StreamSource } from "../../../src/proxy/discovery/stream-source.ts";
import { FakeClock, settle } from "../../support/clock.ts";
import { startFakeControlPlane } from "../../support/fake-control-plane.ts";
import { createTestMeshCa } from "../../support/test-mesh-ca.ts";

const { anchorsPem } = await createTestMeshCa();
const GET = Destination.method.get;
const PROFILE = Destination.method.getProfile;
const WATCH = OutboundPolicies.method.watch;
const PORT = InboundServerPolicies.method.watchPort;

const ms = (value: number) => ({ seconds: BigInt(Math.floor(value / 1000)), nanos: (value % 1000) * 1e6 });
const meta = (name: string) => ({ kind: { case: "default", value: name } as const });
const tcp = (last: number, port = 80) => ({
  ip: { ip: { case: "ipv4", value: 0x0a000000 + last } as const },
  port,
});

/** Streams are real, timers are not: what a stream waits for between two attempts passes when the test says so. */
async function setUp(
  t: TestContext,
  extra: Record<string, string> = {},
  names: Record<string, string[]> = {},
) {
  const plane = await startFakeControlPlane();
  const address = `127.0.0.1:${plane.port}`;
  const variables: Record<string, string> = {
    IDENTITY_LOCAL_NAME: "web.demo.serviceaccount.identity.meshctl.cluster.local",
    IDENTITY_TRUST_ANCHORS: anchorsPem,
    IDENTITY_TOKEN_FILE: "/token",
    IDENTITY_SVC_ADDR: address,
    DESTINATION_SVC_ADDR: address,
    DESTINATION_CONTEXT: '{"ns":"demo"}',
    DESTINATION_PROFILE_NETWORKS: "10.0.0.0/8",
    POLICY_SVC_ADDR: address,
    POLICY_WORKLOAD: '{"ns":"demo","pod":"web-1"}',
    ...extra,
  };
  const { config } = parseProxyConfig(
    Object.fromEntries(Object.entries(variables).map(([name, value]) => [`MESHCTL_PROXY_${name}`, value])),
  );
  const clock = new FakeClock();
  const resolver = {
    resolve: async (host: string) => {
      const found = host === "127.0.0.1" ? [host] : names[host];
      if (found) return found;
      throw new MeshError({ kind: "environment", code: "DNS_NOT_FOUND", message: `no ${host}` });
    },
  };
  const client = createGrpcClient({
    address: config.policy.server,
    resolver,
    tlsOptions: () => ({}),
    connectTimeoutMs: 10_000,
    backoff: { minMs: 0, maxMs: 1, jitterRatio: 0 },
    clock: systemClock,
    random: () => 0,
    log: silentLogger,
  });
  const source: StreamSource = {
    client,
    limits: NO_LIMITS,
    backoff: { minMs: 100, maxMs: 60_000, jitterRatio: 0 },
    clock,
    random: () => 0,
    log: silentLogger,
  };
  const discovery = createDiscovery({ config, destination: source, policy: source, resolver });
  const inboundPolicies = createInboundPolicies(config, source);
  t.after(async () => {
    discovery.close();
    inboundPolicies.close();
    client.close();
    await plane.close();
  });
  return { plane, clock, discovery, inboundPolicies, names };
}

/** Resolves when a watched value meets a condition, now or after a change. */
function until<T>(watched: Watched<T>, condition: (value: T) => boolean): Promise<T> {
  return new Promise((resolve) => {
    if (condition(watched.current)) return resolve(watched.current);
    const off = watched.onChange((value) => {
      if (!condition(value)) return;
      off();
      resolve(value);
    });
  });
}

/** Lets the event loop turn until a timer of the fake clock waits: the stream has ended and its back-off begun. */
async function untilTimer(clock: FakeClock, delayMs: number): Promise<void> {
  while (clock.nextDelayMs === undefined || Math.abs(clock.nextDelayMs - delayMs) > delayMs / 2)
    await settle();
}

const addr = (last: number, port = 80): MessageInitShape<typeof WeightedAddrSchema> => ({
  addr: tcp(last, port),
  weight: 10_000,
});
const balancer = (path: string) =>
  ({
    metadata: meta("service"),
    queue: { capacity: 100, failfastTimeout: ms(3000) },
    kind: {
      case: "balancer",
      value: {
        discovery: { kind: { case: "dst", value: { path } } },
        load: { case: "peakEwma", value: { defaultRtt: ms(30), decay: ms(10_000) } },
      },
    },
  }) as const;

// The generated types do not reach into oneofs; the schema does.
function servicePolicy(path: string): MessageInitShape<typeof OutboundPolicySchema> {
  const backends = {
    kind: { case: "firstAvailable", value: { backends: [{ backend: balancer(path) }] } },
  } as const;
  const http = { routes: [{ metadata: meta("http"), rules: [{ backends }] }] };
  return {
    metadata: meta("policy"),
    protocol: {
      kind: {
        case: "detect",
        value: {
          timeout: ms(10_000),
          opaque: { routes: [{ metadata: meta("opaq"), rules: [{ backends }] }] },
          http1: http,
          http2: http,
        },
      },
    },
  } as unknown as MessageInitShape<typeof OutboundPolicySchema>;
}

const web = { kind: "authority", name: "web.demo.svc.cluster.local", port: 80 } as const;
const PATH = "web.demo.svc.cluster.local:80";

test("target of a service has the policy's routes once profile and policy have come", async (t) => {
  const { plane, discovery } = await setUp(t);
  const found = discovery.target(web);
  const profile = await plane.next(PROFILE);
  const watch = await plane.next(WATCH);
  assert.deepEqual([profile.request.path, profile.request.contextToken], [PATH, '{"ns":"demo"}']);
  assert.deepEqual(watch.request.target, { case: "authority", value: PATH });
  assert.equal(watch.request.sourceWorkload, '{"ns":"demo","pod":"web-1"}');
  watch.send(servicePolicy(PATH));
  profile.send({ fullyQualifiedName: "web.demo.svc.cluster.local" });
  const { current } = await found;
  assert.equal(current.protocol, "detect");
  assert.deepEqual(current.httpRoutes[0]?.rules[0]?.backends.backends[0]?.backend.target, {
    kind: "balance",
    path: PATH,
    defaultRttMs: 30,
    decayMs: 10_000,
    penaltyMs: undefined,
  });
});

for (const name of ["web", "web.demo", "web.demo.svc", "WEB.demo.svc.cluster.local."]) {
  test(`short name ${name} is asked for in full, and shares the stream`, async (t) => {
    const { plane, discovery } = await setUp(t);
    discovery.target(web).catch(() => {});
    discovery.target({ ...web, name }).catch(() => {});
    assert.deepEqual((await plane.next(WATCH)).request.target, { case: "authority", value: PATH });
    await plane.next(PROFILE);
    // A second stream would have come on the same connection before this one.
    const other = discovery.target({ ...web, name: "other" }).catch(() => {});
    assert.deepEqual((await plane.next(WATCH)).request.target.value, "other.demo.svc.cluster.local:80");
    void other;
  });
}

test("address target within the profile networks waits for its profile; changes reach the holder", async (t) => {
  const { plane, discovery } = await setUp(t);
  const found = discovery.target({ kind: "address", ip: "10.0.0.9", port: 80 });
  const profile = await plane.next(PROFILE);
  const watch = await plane.next(WATCH);
  assert.equal(profile.request.path, "10.0.0.9:80");
  assert.deepEqual(
    [watch.request.target.case, watch.request.target.case === "addr" && watch.request.target.value.port],
    ["addr", 80],
  );
  watch.end(5, "no such service");
  const meshed = {
    ...addr(9),
    tlsIdentity: { strategy: { case: "dnsLikeIdentity", value: { name: "pod.id" } } },
  } as unknown as MessageInitShape<typeof WeightedAddrSchema>;
  profile.send({ endpoint: meshed });
  const target = await found;
  const endpointOf = (policy: typeof target.current) => {
    const backend = policy.httpRoutes[0]!.rules[0]!.backends.backends[0]!.backend.target;
    return backend.kind === "forward" ? backend.endpoint : undefined;
  };
  assert.equal(endpointOf(target.current)?.tls?.identity, "pod.id");
  profile.send({ endpoint: addr(9), opaqueProtocol: true });
  const changed = await until(target, ({ protocol }) => protocol === "opaque");
  assert.equal(endpointOf(changed)?.tls, undefined);
});

test("address outside the profile networks without policy is forwarded as it is", async (t) => {
  const { plane, discovery } = await setUp(t);
  const found = discovery.target({ kind: "address", ip: "192.0.2.7", port: 443 });
  (await plane.next(WATCH)).end(12);
  const backend = (await found).current.opaqueRoutes[0]!.backends.backends[0]!.backend.target;
  assert.equal(backend.kind === "forward" && backend.endpoint.address, "192.0.2.7:443");
});

test("name that the control plane does not know is resolved by DNS", async (t) => {
  const { plane, discovery } = await setUp(t, {}, { "api.example.com": ["192.0.2.2", "192.0.2.1"] });
  const found = discovery.target({ kind: "authority", name: "api.example.com", port: 443 });
  (await plane.next(WATCH)).end(5);
  const { backends } = (await found).current.httpRoutes[0]!.rules[0]!;
  assert.equal(backends.kind, "random-available");
  assert.deepEqual(
    backends.backends.map(({ backend: { target } }) => target.kind === "forward" && target.endpoint.address),
    ["192.0.2.1:443", "192.0.2.2:443"],
  );
});

test("name that nobody knows has a backend that leads nowhere, and is resolved again", async (t) => {
  const { plane, discovery, clock, names } = await setUp(t);
  const found = discovery.target({ kind: "authority", name: "no.example.com", port: 80 });
  (await plane.next(WATCH)).end(5);
  const target = await found;
  const kindOf = (policy: typeof target.current) =>
    policy.opaqueRoutes[0]!.backends.backends[0]!.backend.target.kind;
  assert.equal(kindOf(target.current), "none");
  names["no.example.com"] = ["192.0.2.1"];
  clock.advance(5000);
  await until(target, (policy) => kindOf(policy) === "forward");
});

test("Service that does not exist yet is found when the control plane has seen it", async (t) => {
  const { plane, discovery, clock } = await setUp(t);
  const found = discovery.target(web);
  (await plane.next(PROFILE)).end(2, "no such service");
  (await plane.next(WATCH)).end(5);
  const target = await found;
  assert.equal(target.current.meta.name, "fallback");
  await untilTimer(clock, 100);
  clock.advance(1000);
  (await plane.next(WATCH)).send(servicePolicy(PATH));
  await until(target, (policy) => policy.meta.name === "policy");
});

test("refused target rejects, and the next attempt asks anew", async (t) => {
  const { plane, discovery } = await setUp(t);
  const isRefused = (error: MeshError) =>
    error.code === "OUTBOUND_INVALID_TARGET" && /bad port/.test(error.message);
  const found = discovery.target(web);
  (await plane.next(WATCH)).end(3, "bad port");
  await assert.rejects(found, isRefused);
  const again = discovery.target(web);
  (await plane.next(WATCH)).end(9, "bad port");
  await assert.rejects(again, isRefused);
});

test("new target fails after 10 s when the control plane says nothing", async (t) => {
  const { plane, discovery, clock } = await setUp(t);
  const found = discovery.target(web);
  await plane.next(WATCH);
  clock.advance(10_000);
  await assert.rejects(found, (error: MeshError) => error.code === "OUTBOUND_DISCOVERY_TIMEOUT");
});

test("policy that cannot be decoded answers 500 and refuses connections", async (t) => {
  const { plane, discovery } = await setUp(t);
  const found = discovery.target({ kind: "address", ip: "192.0.2.7", port: 80 });
  (await plane.next(WATCH)).send({ metadata: meta("broken") });
  const { current } = await found;
  const [filter] = current.httpRoutes[0]!.rules[0]!.filters;
  assert.equal(filter?.kind === "failure" && filter.status, 500);
  assert.equal(current.opaqueRoutes[0]?.refused, "invalid");
});

test("released target is kept for 5 s, then its streams end", async (t) => {
  const { plane, discovery, clock } = await setUp(t);
  const found = discovery.target(web);
  const profile = await plane.next(PROFILE);
  const watch = await plane.next(WATCH);
  watch.send(servicePolicy(PATH));
  profile.send({});
  (await found).release();
  clock.advance(4999);
  const again = await discovery.target(web);
  again.release();
  clock.advance(5000);
  await Promise.all([watch.closed, profile.closed]);
});

test("endpoints stay known while the control plane is away, and its first Add replaces them", async (t) => {
  const { plane, discovery, clock } = await setUp(t);
  const endpoints = discovery.endpoints(PATH);
  assert.equal(endpoints.current.known, false);
  const first = await plane.next(GET);
  assert.deepEqual([first.request.path, first.request.contextToken], [PATH, '{"ns":"demo"}']);
  first.send({ update: { case: "add", value: { addrs: [addr(1), addr(2)] } } });
  const before = await until(endpoints, ({ endpoints: map }) => map.size === 2);
  plane.dropConnections();
  await untilTimer(clock, 100);
  assert.equal(endpoints.current, before);
  clock.advance(100);
  const second = await plane.next(GET);
  second.send({ update: { case: "remove", value: { addrs: [tcp(1)] } } });
  second.send({ update: { case: "add", value: { addrs: [addr(2), addr(3)] } } });
  const after = await until(endpoints, ({ endpoints: map }) => map.has("10.0.0.3:80"));
  assert.deepEqual([...after.endpoints.keys()], ["10.0.0.2:80", "10.0.0.3:80"]);
  assert.equal(after.endpoints.get("10.0.0.2:80"), before.endpoints.get("10.0.0.2:80"));
});

test("endpoints of a target that the control plane refuses are none, not awaited", async (t) => {
  const { plane, discovery } = await setUp(t);
  const endpoints = discovery.endpoints("10.0.0.1:80");
  (await plane.next(GET)).end(3, "not a service name");
  const set = await until(endpoints, ({ known }) => known);
  assert.deepEqual([set.exists, set.endpoints.size], [false, 0]);
});

const everybody = {
  networks: [{ net: { ip: { ip: { case: "ipv4", value: 0 } as const }, prefixLen: 0 } }],
  authentication: { permit: { case: "unauthenticated", value: {} } as const },
  metadata: meta("all-unauthenticated"),
};
const server = (parts: MessageInitShape<typeof ServerSchema> = {}) =>
  ({
    labels: { group: "policy.linkerd.io", kind: "server", name: "web-http" },
    protocol: { kind: { case: "http1", value: {} } },
    authorizations: [everybody],
    ...parts,
  }) as unknown as MessageInitShape<typeof ServerSchema>;

test("port has the default policy until the control plane answers, keeps the answer through an outage, and refuses junk", async (t) => {
  const { plane, inboundPolicies, clock } = await setUp(t, { INBOUND_DEFAULT_POLICY: "deny" });
  const policy = inboundPolicies.watch(8080);
  assert.deepEqual([policy.current.meta.name, policy.current.authorizations.length], ["deny", 0]);
  const first = await plane.next(PORT);
  assert.deepEqual([first.request.port, first.request.workload], [8080, '{"ns":"demo","pod":"web-1"}']);
  first.send(server());
  await until(policy, ({ meta: { name } }) => name === "web-http");
  plane.dropConnections();
  await untilTimer(clock, 100);
  assert.equal(policy.current.meta.name, "web-http");
  clock.advance(100);
  const second = await plane.next(PORT);
  second.send(server({ authorizations: [{ ...everybody, networks: [] }] }));
  const invalid = await until(policy, ({ meta: { name } }) => name === "invalid");
  assert.equal(invalid.authorizations.length, 0);
});

test("audit comes as a property of the policy", async (t) => {
  const { plane, inboundPolicies } = await setUp(t);
  const policy = inboundPolicies.watch(8080);
  (await plane.next(PORT)).send(server({ authorizations: [{ ...everybody, metadata: meta("audit") }] }));
  const audited = await until(policy, ({ audit }) => audit);
  assert.equal(audited.authorizations.length, 0);
});

test("ports named in the configuration are watched from the start, others leave after 90 s unused", async (t) => {
  const { plane, inboundPolicies, clock } = await setUp(t, { INBOUND_PORTS: "8080" });
  let isDecided = false;
  const decided = inboundPolicies.start().then(() => {
    isDecided = true;
  });
  const named = await plane.next(PORT);
  assert.equal(isDecided, false);
  named.send(server({}));
  await decided;
  inboundPolicies.watch(9090).release();
  const other = await plane.next(PORT);
  let isNamedClosed = false;
  named.closed.then(() => {
    isNamedClosed = true;
  });
  inboundPolicies.watch(8080).release();
  clock.advance(90_000);
  await other.closed;
  assert.equal(other.request.port, 9090);
  assert.equal(isNamedClosed, false);
});
