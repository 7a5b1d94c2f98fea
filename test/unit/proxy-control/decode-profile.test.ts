import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { DestinationProfileSchema } from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import type { RequestView } from "../../../src/policy/match-request.ts";
import { defaultMeta } from "../../../src/policy/meta.ts";
import { selectProfileRoute } from "../../../src/policy/profile.ts";
import { decodeProfile } from "../../../src/proxy/discovery/decode-profile.ts";
import { mergePolicy, uniformPolicy } from "../../../src/proxy/discovery/merge-policy.ts";

type Init = MessageInitShape<typeof DestinationProfileSchema>;
type RouteInit = NonNullable<Init["routes"]>[number];

const path = (regex: string) => ({ match: { case: "path" as const, value: { regex } } });
const method = (value: number) => ({
  match: { case: "method" as const, value: { type: { case: "registered" as const, value } } },
});
const status = (min: number, max: number) => ({ match: { case: "status" as const, value: { min, max } } });
const route = (condition: object | undefined, change: object = {}): RouteInit =>
  ({ ...(condition && { condition }), metricsLabels: { route: "r" }, ...change }) as RouteInit;
const decode = (init: Init) => decodeProfile(create(DestinationProfileSchema, init));
const BUDGET = { retryRatio: 0.5, minRetriesPerSecond: 10, ttl: { seconds: 10n, nanos: 0 } };
const NAME = "web.demo.svc.cluster.local";
const view = (target: string): RequestView => ({
  method: "GET",
  target,
  authority: NAME,
  headerValues: () => [],
});

test("a path is anchored as text where it is not", () => {
  const regexes = [" /a ", "^/a", "/a$", "a|b"].map((regex) => {
    const [decoded] = decode({ routes: [route(path(regex))] }).routes;
    return decoded!.condition.kind === "path" ? decoded!.condition.regex.source : "";
  });
  assert.deepEqual(regexes, ["^\\/a$", "^\\/a$", "^\\/a$", "^a|b$"]);
});

test("a route whose condition cannot be decoded is left out, also when it is only a part that cannot", () => {
  const broken = [
    undefined,
    { match: { case: undefined } },
    path("("),
    { match: { case: "all" as const, value: { matches: [path("/a"), path("(")] } } },
    { match: { case: "not" as const, value: path("(") } },
    method(99),
  ];
  const { routes } = decode({
    routes: [...broken.map((each) => route(each)), route(path("/well"))],
  });
  assert.equal(routes.length, 1);
});

test("response classes that say nothing are left out", () => {
  const [decoded] = decode({
    routes: [
      route(path("/"), {
        responseClasses: [
          { condition: { match: { case: "all", value: { matches: [] } } }, isFailure: true },
          { condition: status(500, 0), isFailure: true },
          { condition: status(503, 502), isFailure: true },
          { condition: status(99, 100), isFailure: true },
          { isFailure: true },
          { condition: status(400, 599), isFailure: true },
        ],
      }),
    ],
  }).routes;
  assert.deepEqual(decoded!.responses, [
    { condition: { kind: "status", min: 400, max: 599 }, isFailure: true },
  ]);
});

test("nothing is retried without a budget that is in range", () => {
  assert.equal(decode({ retryBudget: BUDGET }).retryBudget?.ratio, 0.5);
  assert.equal(decode({}).retryBudget, undefined);
  assert.equal(
    decode({ retryBudget: { ...BUDGET, ttl: { seconds: 61n, nanos: 0 } } }).retryBudget,
    undefined,
  );
  assert.equal(decode({ retryBudget: { ...BUDGET, retryRatio: 1001 } }).retryBudget, undefined);
});

test("a profile's routes replace the policy's, with its times, and one budget for all that may be retried", () => {
  const profile = decode({
    fullyQualifiedName: NAME,
    retryBudget: BUDGET,
    routes: [
      route(path("/a"), { isRetryable: true, timeout: { seconds: 2n, nanos: 0 } }),
      route(path("/b"), { isRetryable: true }),
      route(path("/c")),
    ],
  });
  const policy = uniformPolicy(defaultMeta("policy"), { kind: "empty", backends: [] });
  const target = { kind: "address", ip: "10.0.0.9", port: 80 } as const;
  const merged = mergePolicy({ target, profile, policy, addresses: [] });
  const ruleFor = (to: string) => selectProfileRoute(merged.profile!, view(to)).rule;
  assert.equal(merged.profile!.canonicalName, `${NAME}:80`);
  assert.equal(ruleFor("/a").timeouts.headMs, 2000);
  assert.equal(ruleFor("/a").retry!.budget, ruleFor("/b").retry!.budget);
  assert.equal(ruleFor("/c").retry, undefined);
  assert.equal(ruleFor("/else").retry, undefined);
  const { target: leadsTo } = ruleFor("/else").backends.backends[0]!.backend;
  assert.equal(leadsTo.kind === "balance" && leadsTo.path, `${NAME}:80`);
  // Bytes that are no HTTP know no routes: the policy's way holds for them.
  assert.deepEqual(merged.opaqueRoutes, policy.opaqueRoutes);
  const nameless = mergePolicy({ target, profile: { ...profile, name: "" }, policy, addresses: [] });
  assert.equal(nameless, policy);
  const opaque = mergePolicy({ target, profile: { ...profile, isOpaque: true }, policy, addresses: [] });
  assert.equal(opaque.profile, undefined);
});
