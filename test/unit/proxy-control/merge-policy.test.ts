import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { Distribution, OutboundPolicy } from "../../../src/policy/outbound.ts";
import type { Profile } from "../../../src/proxy/discovery/decode-profile.ts";
import {
  type MergeInput,
  mergePolicy,
  plainEndpoint,
  uniformPolicy,
} from "../../../src/proxy/discovery/merge-policy.ts";

const ENDPOINT = { ...plainEndpoint("10.0.0.9", 80), tls: { identity: "pod.id", serverName: "pod.id" } };
const balance = (path: string): Distribution => ({
  kind: "first-available",
  backends: [
    {
      weight: 1,
      backend: {
        meta: defaultMeta("p"),
        target: { kind: "balance", path, defaultRttMs: 1, decayMs: 1, penaltyMs: undefined },
      },
      filters: [],
    },
  ],
});
const POLICY: OutboundPolicy = uniformPolicy(defaultMeta("policy"), balance("web.demo:80"));
const HTTP_ONLY: OutboundPolicy = { ...POLICY, protocol: "http1", opaqueRoutes: [] };
const PROFILE: Profile = {
  name: "web.demo.svc.cluster.local",
  isOpaque: false,
  endpoint: undefined,
  overrides: [],
  routes: [],
  retryBudget: undefined,
  meta: defaultMeta("profile"),
};

/** `protocol: http leads to | opaque leads to`, as `p2c path`, `ip:port` or `none`, with weights when there are several. */
function summary(policy: OutboundPolicy): string {
  const leads = (distribution: Distribution | undefined) =>
    distribution?.backends
      .map(({ weight, backend: { target } }) => {
        const where =
          target.kind === "balance"
            ? `p2c ${target.path}`
            : target.kind === "forward"
              ? target.endpoint.address
              : "none";
        return distribution.backends.length > 1 ? `${weight} ${where}` : where;
      })
      .join(", ") ?? "-";
  return `${policy.protocol}: ${leads(policy.httpRoutes[0]?.rules[0]?.backends)} | ${leads(policy.opaqueRoutes[0]?.backends)}`;
}

const split = [
  { path: "a.demo:80", weight: 90, meta: defaultMeta("a") },
  { path: "b.demo:80", weight: 10, meta: defaultMeta("b") },
];

describe("profile and policy", () => {
  const cases: readonly (readonly [what: string, input: Partial<MergeInput>, expected: string])[] = [
    ["neither: the address", { addresses: ["10.0.0.1"] }, "detect: 10.0.0.1:80 | 10.0.0.1:80"],
    [
      "neither, several addresses: any of them",
      { addresses: ["10.0.0.1", "10.0.0.2"] },
      "detect: 1 10.0.0.1:80, 1 10.0.0.2:80 | 1 10.0.0.1:80, 1 10.0.0.2:80",
    ],
    ["neither, no address: nowhere", {}, "detect: none | none"],
    [
      "only an endpoint: the endpoint, not the address",
      { profile: { ...PROFILE, name: "", endpoint: ENDPOINT }, addresses: ["10.0.0.9"] },
      "detect: 10.0.0.9:80 | 10.0.0.9:80",
    ],
    [
      "an opaque endpoint without policy: bytes only",
      { profile: { ...PROFILE, name: "", endpoint: ENDPOINT, isOpaque: true } },
      "opaque: 10.0.0.9:80 | 10.0.0.9:80",
    ],
    ["policy alone", { policy: POLICY }, "detect: p2c web.demo:80 | p2c web.demo:80"],
    [
      "policy with a plain profile: the policy",
      { policy: POLICY, profile: PROFILE },
      "detect: p2c web.demo:80 | p2c web.demo:80",
    ],
    [
      "policy with an endpoint: the policy",
      { policy: POLICY, profile: { ...PROFILE, endpoint: ENDPOINT } },
      "detect: p2c web.demo:80 | p2c web.demo:80",
    ],
    [
      "policy of an opaque port: its opaque routes",
      { policy: POLICY, profile: { ...PROFILE, isOpaque: true } },
      "opaque: p2c web.demo:80 | p2c web.demo:80",
    ],
    [
      "HTTP policy of an opaque port: the service by name",
      { policy: HTTP_ONLY, profile: { ...PROFILE, isOpaque: true } },
      "opaque: p2c web.demo:80 | p2c web.demo.svc.cluster.local:80",
    ],
    [
      "split: the policy is ignored",
      { policy: HTTP_ONLY, profile: { ...PROFILE, overrides: split } },
      "detect: 90 p2c a.demo:80, 10 p2c b.demo:80 | 90 p2c a.demo:80, 10 p2c b.demo:80",
    ],
    [
      "split of an opaque port",
      { policy: POLICY, profile: { ...PROFILE, overrides: split, isOpaque: true } },
      "opaque: 90 p2c a.demo:80, 10 p2c b.demo:80 | 90 p2c a.demo:80, 10 p2c b.demo:80",
    ],
    [
      "split without a name is none",
      { policy: POLICY, profile: { ...PROFILE, name: "", overrides: split } },
      "detect: p2c web.demo:80 | p2c web.demo:80",
    ],
  ];
  for (const [what, input, expected] of cases) {
    test(what, () => {
      const merged = mergePolicy({
        target: { kind: "address", ip: "10.0.0.9", port: 80 },
        profile: undefined,
        policy: undefined,
        addresses: [],
        ...input,
      });
      assert.equal(summary(merged), expected);
    });
  }
});

test("the endpoint of a profile keeps its identity, so that pods are dialled with mutual TLS", () => {
  const merged = mergePolicy({
    target: { kind: "address", ip: "10.0.0.9", port: 80 },
    profile: { ...PROFILE, endpoint: ENDPOINT },
    policy: undefined,
    addresses: ["10.0.0.9"],
  });
  const target = merged.opaqueRoutes[0]!.backends.backends[0]!.backend.target;
  assert.equal(target.kind === "forward" && target.endpoint.tls?.identity, "pod.id");
});
