import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tryParseNetwork } from "../../../src/base/ip.ts";
import { authorizeConnection, authorizeRequest, type Peer } from "../../../src/policy/authorize.ts";
import type { Authorization, InboundRoute, ServerPolicy } from "../../../src/policy/inbound.ts";
import { defaultMeta } from "../../../src/policy/meta.ts";

const net = (text: string) => tryParseNetwork(text)!;
const OWN = [net("127.0.0.0/8"), net("10.9.9.9/32")];
const CLIENT: Peer = { ip: "10.1.2.3", identity: "", meshTls: false };
const MESHED: Peer = {
  ip: "10.1.2.3",
  identity: "web.demo.serviceaccount.identity.meshctl.cluster.local",
  meshTls: true,
};

function authorization(name: string, parts: Partial<Authorization> = {}): Authorization {
  return {
    meta: defaultMeta(name),
    networks: [{ network: net("0.0.0.0/0"), except: [] }],
    authentication: { kind: "unauthenticated" },
    ...parts,
  };
}

const identities = (list: string[], suffixes: string[] = []): Authorization["authentication"] => ({
  kind: "identities",
  identities: new Set(list),
  suffixes,
});

function policy(parts: Partial<ServerPolicy> = {}): ServerPolicy {
  return {
    meta: defaultMeta("server"),
    protocol: { kind: "detect", timeoutMs: 1 },
    authorizations: [],
    routes: [],
    rateLimit: undefined,
    audit: false,
    ...parts,
  };
}

describe("one authorization covers a peer", () => {
  const cases: readonly (readonly [
    what: string,
    parts: Partial<Authorization>,
    peer: Peer,
    expected: boolean,
  ])[] = [
    ["anybody", {}, CLIENT, true],
    ["not from another network", { networks: [{ network: net("10.2.0.0/16"), except: [] }] }, CLIENT, false],
    [
      "not within an exception",
      { networks: [{ network: net("10.0.0.0/8"), except: [net("10.1.0.0/16")] }] },
      CLIENT,
      false,
    ],
    [
      "outside the exception",
      { networks: [{ network: net("10.0.0.0/8"), except: [net("10.2.0.0/16")] }] },
      CLIENT,
      true,
    ],
    [
      "by the second network when the first has a hole",
      {
        networks: [
          { network: net("10.0.0.0/8"), except: [net("10.1.0.0/16")] },
          { network: net("10.1.2.0/24"), except: [] },
        ],
      },
      CLIENT,
      true,
    ],
    [
      "IPv4-mapped addresses as IPv4",
      { networks: [{ network: net("10.0.0.0/8"), except: [] }] },
      { ...CLIENT, ip: "::ffff:10.1.2.3" },
      true,
    ],
    ["not IPv6 by an IPv4 network", {}, { ...CLIENT, ip: "fd00::1" }, false],
    [
      "TLS without identity, when only TLS is asked",
      { authentication: { kind: "tls-unauthenticated" } },
      { ...CLIENT, meshTls: true },
      true,
    ],
    ["not plaintext, when TLS is asked", { authentication: { kind: "tls-unauthenticated" } }, CLIENT, false],
    ["a listed identity", { authentication: identities([MESHED.identity]) }, MESHED, true],
    ["not another identity", { authentication: identities(["other"]) }, MESHED, false],
    [
      "not an identity without TLS",
      { authentication: identities([MESHED.identity]) },
      { ...MESHED, meshTls: false },
      false,
    ],
    ["an identity by suffix", { authentication: identities([], [".meshctl.cluster.local"]) }, MESHED, true],
    [
      "not by a suffix that ends within a label",
      { authentication: identities([], [".luster.local"]) },
      MESHED,
      false,
    ],
    [
      "not a name that is the bare suffix",
      { authentication: identities([], [".b.c"]) },
      { ...MESHED, identity: ".b.c" },
      false,
    ],
    ["any identity by the empty suffix", { authentication: identities([], [""]) }, MESHED, true],
    [
      "not nobody by the empty suffix",
      { authentication: identities([], [""]) },
      { ...CLIENT, meshTls: true },
      false,
    ],
    [
      "not a URI by suffix",
      { authentication: identities([], [".d"]) },
      { ...MESHED, identity: "spiffe://a/b.d" },
      false,
    ],
    [
      "a URI by exact match",
      { authentication: identities(["spiffe://a/b"]) },
      { ...MESHED, identity: "spiffe://a/b" },
      true,
    ],
  ];
  for (const [what, parts, peer, expected] of cases) {
    test(what, () => {
      const verdict = authorizeConnection(policy({ authorizations: [authorization("a", parts)] }), peer, OWN);
      assert.equal(verdict.allowed, expected);
      assert.equal(verdict.by.name, expected ? "a" : "server");
    });
  }
});

test("no authorizations deny, naming the policy", () => {
  assert.deepEqual(authorizeConnection(policy(), CLIENT, OWN), {
    allowed: false,
    verdict: "denied",
    by: defaultMeta("server"),
  });
});

for (const ip of ["127.0.0.1", "10.9.9.9", "::ffff:127.0.0.1"]) {
  test(`own host is always allowed (${ip})`, () => {
    const verdict = authorizeConnection(policy(), { ...CLIENT, ip }, OWN);
    assert.deepEqual([verdict.allowed, verdict.by.name], [true, "localhost"]);
  });
}

test("audit lets everything pass and says that nothing authorized it", () => {
  const verdict = authorizeConnection(policy({ audit: true }), CLIENT, OWN);
  assert.deepEqual([verdict.allowed, verdict.verdict, verdict.by.name], [true, "audited", "audit"]);
});

test("audit does not hide a real authorization", () => {
  const audited = policy({ audit: true, authorizations: [authorization("a")] });
  assert.deepEqual(authorizeConnection(audited, CLIENT, OWN).verdict, "allowed");
});

for (const kind of ["http1", "http2", "grpc"] as const) {
  test(`${kind} policy refuses bytes that are not HTTP, even from the own host`, () => {
    const httpOnly = policy({ protocol: { kind }, authorizations: [authorization("a")] });
    assert.equal(authorizeConnection(httpOnly, { ...CLIENT, ip: "127.0.0.1" }, OWN).allowed, false);
    assert.equal(authorizeRequest(httpOnly, undefined, CLIENT, OWN).allowed, true);
  });
}

test("route authorizations come first, and the server's are added to them", () => {
  const route: InboundRoute = {
    meta: defaultMeta("route"),
    hosts: [],
    authorizations: [authorization("probe", { networks: [{ network: net("10.1.0.0/16"), except: [] }] })],
    rules: [],
  };
  const server = policy({ authorizations: [authorization("everybody")] });
  assert.equal(authorizeRequest(server, route, CLIENT, OWN).by.name, "probe");
  assert.equal(authorizeRequest(server, route, { ...CLIENT, ip: "10.2.0.1" }, OWN).by.name, "everybody");
  assert.equal(authorizeRequest(policy(), route, { ...CLIENT, ip: "10.2.0.1" }, OWN).allowed, false);
});
