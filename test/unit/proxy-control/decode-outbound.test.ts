import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { GrpcRouteMatchSchema } from "../../../src/api/gen/io/linkerd/proxy/grpc_route_pb.js";
import {
  type BackendSchema,
  OutboundPolicySchema,
} from "../../../src/api/gen/io/linkerd/proxy/outbound_pb.js";
import type { MeshError } from "../../../src/base/error.ts";
import { regexCovers } from "../../../src/policy/match-request.ts";
import { decodeOutboundPolicy } from "../../../src/proxy/discovery/decode-outbound.ts";
import { decodeRegex } from "../../../src/proxy/discovery/decode-regex.ts";
import { decodeGrpcMatch } from "../../../src/proxy/discovery/decode-route.ts";

const ms = (value: number) => ({ seconds: BigInt(Math.floor(value / 1000)), nanos: (value % 1000) * 1e6 });
const meta = (name: string) => ({ kind: { case: "default", value: name } as const });

function backend(parts: MessageInitShape<typeof BackendSchema> = {}) {
  return {
    metadata: meta("service"),
    queue: { capacity: 100, failfastTimeout: ms(3000) },
    kind: {
      case: "balancer",
      value: {
        discovery: { kind: { case: "dst", value: { path: "web.demo:80" } } },
        load: { case: "peakEwma", value: { defaultRtt: ms(30), decay: ms(10_000) } },
      },
    },
    ...parts,
  };
}

const first = (...backends: object[]) => ({
  kind: { case: "firstAvailable", value: { backends: backends.map((entry) => ({ backend: entry })) } },
});
const random = (...weights: number[]) => ({
  kind: {
    case: "randomAvailable",
    value: { backends: weights.map((weight) => ({ weight, backend: { backend: backend() } })) },
  },
});

const decode = (protocol: object, metadata: object = meta("policy")) =>
  decodeOutboundPolicy(create(OutboundPolicySchema, { metadata, protocol: { kind: protocol } } as never));
const http1 = (rule: object, failureAccrual?: object) => ({
  case: "http1",
  value: {
    routes: [{ metadata: meta("r"), rules: [{ backends: first(backend()), ...rule }] }],
    ...(failureAccrual ? { failureAccrual } : {}),
  },
});
const ruleOf = (rule: object) => decode(http1(rule)).httpRoutes[0]!.rules[0]!;
const opaque = (rule: object, ...more: object[]) => ({
  case: "opaque",
  value: { routes: [{ metadata: meta("o"), rules: [rule, ...more] }] },
});

describe("distribution", () => {
  test("of one weighted backend is first-available", () => {
    assert.equal(ruleOf({ backends: random(5) }).backends.kind, "first-available");
  });
  test("of several keeps their weights", () => {
    const { kind, backends } = ruleOf({ backends: random(5, 0) }).backends;
    assert.deepEqual([kind, backends.map(({ weight }) => weight)], ["random-available", [5, 0]]);
  });
  test("may be empty", () => {
    const { kind } = ruleOf({ backends: { kind: { case: "empty", value: {} } } }).backends;
    assert.equal(kind, "empty");
  });
});

describe("backend", () => {
  const targetOf = (parts: object) =>
    ruleOf({ backends: first(backend(parts)) }).backends.backends[0]!.backend.target;
  test("of no kind leads nowhere", () =>
    assert.deepEqual(targetOf({ kind: { case: undefined } }), { kind: "none" }));
  test("that penalises has defaults", () => {
    const value = {
      discovery: { kind: { case: "dst", value: { path: "p:1" } } },
      load: { case: "penaltyPeakEwma", value: {} },
    };
    assert.deepEqual(targetOf({ kind: { case: "balancer", value } }), {
      kind: "balance",
      path: "p:1",
      defaultRttMs: 30,
      decayMs: 10_000,
      penaltyMs: 5000,
      maxRetryAfterMs: 300_000,
    });
  });
});

test("timeouts: the deprecated one stands in for the request's", () => {
  assert.deepEqual(ruleOf({ requestTimeout: ms(100) }).timeouts.requestMs, 100);
  assert.deepEqual(
    ruleOf({ requestTimeout: ms(100), timeouts: { request: ms(200), idle: ms(5) } }).timeouts,
    {
      requestMs: 200,
      responseMs: undefined,
      idleMs: 5,
    },
  );
});

test("retry has its statuses, limits and back-off", () => {
  const retry = {
    maxRetries: 2,
    maxRequestBytes: 65536,
    conditions: { statusRanges: [{ start: 500, end: 599 }] },
    timeout: ms(50),
    backoff: { minBackoff: ms(25), maxBackoff: ms(250), jitterRatio: 1 },
  };
  assert.deepEqual(ruleOf({ retry }).retry, {
    maxRetries: 2,
    maxRequestBytes: 65536,
    statuses: [[500, 599]],
    grpcCodes: new Set(),
    timeoutMs: 50,
    backoff: { minMs: 25, maxMs: 250, jitterRatio: 1, respectRetryAfter: false },
    limitsLastAttempt: false,
    repeatsAnyMethod: false,
    budget: undefined,
  });
});

test("retry may repeat any method, and has a budget whose values are in range", () => {
  const retryOf = (budget: object) =>
    ruleOf({ retry: { maxRetries: 1, conditions: {}, nonIdempotent: true, budget } }).retry!;
  const { repeatsAnyMethod, budget } = retryOf({ ratio: 0.2, minRetriesPerSecond: 10, ttl: ms(10_000) });
  assert.equal(repeatsAnyMethod, true);
  assert.deepEqual(budget, { ratio: 0.2, minPerSecond: 10, ttlMs: 10_000 });
  const wrong = [{ ratio: -1 }, { ratio: 1001 }, { ttl: ms(999) }, { ttl: ms(60_001) }, { ttl: undefined }];
  for (const change of wrong) {
    assert.equal(retryOf({ ratio: 0.2, ttl: ms(10_000), ...change }).budget, undefined);
  }
});

test("a rule says whether requests may override it", () => {
  assert.equal(ruleOf({}).allowsOverrides, false);
  assert.equal(ruleOf({ allowL5dRequestHeaders: true }).allowsOverrides, true);
});

test("gRPC retry has the codes of its conditions", () => {
  const rule = {
    backends: first(backend()),
    retry: { maxRetries: 1, conditions: { deadineExceeded: true, unavailable: true } },
  };
  const policy = decode({ case: "grpc", value: { routes: [{ metadata: meta("g"), rules: [rule] }] } });
  assert.deepEqual(policy.httpRoutes[0]!.rules[0]!.retry?.grpcCodes, new Set([4, 14]));
});

test("breaker of consecutive failures, and unified with its rounding", () => {
  const backoff = { minBackoff: ms(1000), maxBackoff: ms(60_000), jitterRatio: 0.5 };
  const accrual = (kind: object) => decode(http1({}, { kind })).failureAccrual;
  assert.deepEqual(accrual({ case: "consecutiveFailures", value: { maxFailures: 7, backoff } }), {
    minReadyEndpoints: 0,
    maxConsecutiveFailures: 7,
    successRateThreshold: 0,
    decayMs: 10_000,
    minRequests: 0,
    countsLimited: false,
    backoff: { minMs: 1000, maxMs: 60_000, jitterRatio: 0.5, respectRetryAfter: false },
  });
  const unified = accrual({
    case: "unified",
    value: {
      successRateThreshold: 0.80004,
      minRequests: 5,
      backoff: { ...backoff, respectRetryAfterHint: true },
    },
  });
  assert.equal(unified?.successRateThreshold, 0.8);
  const spared = decode(
    http1(
      {},
      {
        kind: { case: "consecutiveFailures", value: { maxFailures: 7, backoff } },
        ejection: { minReadyEndpoints: 2 },
      },
    ),
  ).failureAccrual;
  assert.equal(spared!.minReadyEndpoints, 2);
  assert.equal(unified.countsLimited, true);
  assert.equal(unified.backoff.respectRetryAfter, true);
});

describe("opaque routes", () => {
  test("may refuse", () => {
    for (const kind of ["forbidden", "invalid"]) {
      const rule = { backends: first(backend()), filters: [{ kind: { case: kind, value: {} } }] };
      assert.equal(decode(opaque(rule)).opaqueRoutes[0]!.refused, kind);
    }
  });
  test("may be absent, which refuses too", () => {
    assert.deepEqual(decode({ case: "opaque", value: { routes: [] } }).opaqueRoutes, []);
  });
});

describe("gRPC match", () => {
  const decodeRpc = (service: string, method: string) =>
    decodeGrpcMatch(create(GrpcRouteMatchSchema, { rpc: { service, method } }));
  test("is a POST", () => assert.equal(decodeRpc("", "").method, "POST"));
  test("of service and method is the exact path", () =>
    assert.deepEqual(decodeRpc("p.S", "M").path, { kind: "exact", value: "/p.S/M" }));
  test("of a service is a prefix", () =>
    assert.deepEqual(decodeRpc("p.S", "").path, { kind: "prefix", value: "/p.S" }));
  test("of a method takes any service, and ranks lowest", () => {
    const { path } = decodeRpc("", "M.x");
    assert.ok(path?.kind === "regex");
    assert.equal(path.length, 1);
    assert.deepEqual(
      ["/p.S/M.x", "/p.S/Max", "/p.S/q/M.x"].map((text) => regexCovers(path.value, text)),
      [true, false, false],
    );
  });
});

test("regular expressions of Rust's syntax are translated", () => {
  assert.equal(regexCovers(decodeRegex("(?i)abc", "x"), "ABC"), true);
  assert.equal(regexCovers(decodeRegex("(?P<year>[0-9]+)", "x"), "2026"), true);
  assert.equal(regexCovers(decodeRegex("a\\-b\\/c", "x"), "a-b/c"), true);
});

describe("a policy is refused whole", () => {
  const backoff = { minBackoff: ms(2000), maxBackoff: ms(1000) };
  const good = { backends: first(backend()) };
  const cases: readonly (readonly [what: string, protocol: object, metadata?: object])[] = [
    ["without a protocol", { case: undefined }],
    [
      "with a resource that is not named in full",
      http1({}),
      { kind: { case: "resource", value: { group: "core", kind: "Service", name: "web" } } },
    ],
    ["detecting without its parts", { case: "detect", value: { timeout: ms(1), http1: {}, http2: {} } }],
    ["without backends", http1({ backends: undefined })],
    ["with an empty first-available", http1({ backends: first() })],
    ["with a backend without queue", http1({ backends: first(backend({ queue: undefined } as never)) })],
    [
      "forwarding to no address",
      http1({ backends: first(backend({ kind: { case: "forward", value: {} } })) }),
    ],
    [
      "balancing without load",
      http1({
        backends: first(
          backend({
            kind: {
              case: "balancer",
              value: { discovery: { kind: { case: "dst", value: { path: "p:1" } } } },
            },
          }),
        ),
      }),
    ],
    ["retrying without conditions", http1({ retry: { maxRetries: 1 } })],
    [
      "retrying statuses above 599",
      http1({ retry: { conditions: { statusRanges: [{ start: 500, end: 600 }] } } }),
    ],
    [
      "retrying statuses backwards",
      http1({ retry: { conditions: { statusRanges: [{ start: 504, end: 502 }] } } }),
    ],
    [
      "with a back-off whose bounds are swapped",
      http1({}, { kind: { case: "consecutiveFailures", value: { backoff } } }),
    ],
    ["with a breaker of no kind", http1({}, { kind: { case: undefined } })],
    [
      "with two opaque routes",
      {
        case: "opaque",
        value: {
          routes: [
            { metadata: meta("a"), rules: [good] },
            { metadata: meta("b"), rules: [good] },
          ],
        },
      },
    ],
    ["with an opaque route of two rules", opaque(good, good)],
    ["with an opaque route without rules", { case: "opaque", value: { routes: [{ metadata: meta("a") }] } }],
  ];
  for (const [what, protocol, metadata] of cases) {
    test(what, () => {
      assert.throws(
        () => decode(protocol, metadata),
        (error: MeshError) => error.code === "POLICY_UNDECODABLE",
      );
    });
  }
});
