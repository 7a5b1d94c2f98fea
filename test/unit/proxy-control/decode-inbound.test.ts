import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type AuthzSchema, ServerSchema } from "../../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import type { MeshError } from "../../../src/base/error.ts";
import { formatNetwork } from "../../../src/base/ip.ts";
import { authorizeConnection, authorizeRequest } from "../../../src/policy/authorize.ts";
import { decodeServer, invalidServerPolicy } from "../../../src/proxy/discovery/decode-inbound.ts";

type Server = MessageInitShape<typeof ServerSchema>;
type Authz = MessageInitShape<typeof AuthzSchema>;
const meta = (name: string) => ({ kind: { case: "default", value: name } as const });
const network = (value: number, prefixLen: number) => ({
  ip: { ip: { case: "ipv4", value } as const },
  prefixLen,
});

function authz(parts: Authz = {}): Authz {
  return {
    networks: [{ net: network(0x0a000000, 8), except: [network(0x0a010000, 16)] }],
    authentication: { permit: { case: "unauthenticated", value: {} } },
    metadata: meta("a"),
    ...parts,
  } as Authz;
}

const meshTls = (clients: object): Authz => ({
  authentication: { permit: { case: "meshTLS", value: { clients } as never } },
});

function decode(parts: Server) {
  return decodeServer(
    create(ServerSchema, {
      labels: { name: "web" },
      protocol: { kind: { case: "opaque", value: {} } },
      ...parts,
    } as Server),
  );
}

const authentication = (parts: Authz) =>
  decode({ authorizations: [authz(parts)] }).authorizations[0]!.authentication;

test("authorization has its networks with exceptions, and the metadata's name", () => {
  const [only] = decode({ authorizations: [authz()] }).authorizations;
  assert.equal(only?.meta.name, "a");
  assert.deepEqual(
    only?.networks.map((entry) => [formatNetwork(entry.network), entry.except.map(formatNetwork)]),
    [["10.0.0.0/8", ["10.1.0.0/16"]]],
  );
});

test("authentication kinds", () => {
  assert.deepEqual(authentication({}), { kind: "unauthenticated" });
  assert.deepEqual(authentication(meshTls({ case: "unauthenticated", value: {} })), {
    kind: "tls-unauthenticated",
  });
  assert.deepEqual(
    authentication(
      meshTls({
        case: "identities",
        value: { identities: [{ name: "a.b" }], suffixes: [{ parts: ["foo", "bar"] }, { parts: [] }] },
      }),
    ),
    { kind: "identities", identities: new Set(["a.b"]), suffixes: [".foo.bar", ""] },
  );
});

describe("names", () => {
  const name = (labels: Record<string, string>) => {
    const { group, kind, name: found } = decode({ labels }).meta;
    return `${group}/${kind}/${found}`;
  };
  test("default to a Server of the policy group", () =>
    assert.equal(name({ name: "web" }), "policy.linkerd.io/server/web"));
  test("are the labels when all three are there", () =>
    assert.equal(name({ group: "", kind: "default", name: "deny" }), "/default/deny"));
  test("understand the legacy default", () => assert.equal(name({ name: "default:deny" }), "/default/deny"));
  test("understand the legacy kind", () =>
    assert.equal(name({ name: "serverauthorization:web" }), "policy.linkerd.io/serverauthorization/web"));
  test("of an authorization may be in its labels", () => {
    const { meta: found } = decode({
      authorizations: [authz({ metadata: undefined, labels: { name: "x" } } as Authz)],
    }).authorizations[0]!;
    assert.deepEqual([found.kind, found.name], ["serverauthorization", "x"]);
  });
});

test("detect carries timeout, routes and rate limit", () => {
  const policy = decode({
    protocol: {
      kind: {
        case: "detect",
        value: {
          timeout: { seconds: 10n, nanos: 500_000_000 },
          httpRoutes: [
            {
              metadata: meta("probe"),
              hosts: [{ match: { case: "suffix", value: { reverseLabels: ["com", "example"] } } }],
              authorizations: [authz()],
              rules: [
                {
                  matches: [
                    {
                      path: { kind: { case: "exact", value: "/live" } },
                      method: { type: { case: "registered", value: 0 } },
                      headers: [{ name: "X-A", value: { case: "exact", value: Buffer.from("1") } }],
                    },
                  ],
                },
              ],
            },
          ],
          httpLocalRateLimit: {
            metadata: meta("limit"),
            total: { requestsPerSecond: 100 },
            overrides: [
              { limit: { requestsPerSecond: 5 }, clients: { identities: [{ name: "a.b" }, { name: "" }] } },
            ],
          },
        },
      },
    },
  });
  assert.deepEqual(policy.protocol, { kind: "detect", timeoutMs: 10_500 });
  const [route] = policy.routes;
  assert.deepEqual(route?.hosts, [{ kind: "suffix", suffix: ".example.com" }]);
  assert.deepEqual(route?.rules[0]?.matches, [
    {
      path: { kind: "exact", value: "/live" },
      headers: [{ name: "x-a", value: "1" }],
      queryParams: [],
      method: "GET",
    },
  ]);
  assert.deepEqual(
    [policy.rateLimit?.total, policy.rateLimit?.perIdentity, policy.rateLimit?.overrides],
    [100, 0, [{ identities: new Set(["a.b"]), requestsPerSecond: 5 }]],
  );
});

test("a user's policy that is called audit does not audit", () => {
  const resource = {
    kind: {
      case: "resource",
      value: { group: "policy.linkerd.io", kind: "authorizationpolicy", name: "audit" },
    },
  } as const;
  const policy = decode({ authorizations: [authz({ metadata: resource })] });
  assert.deepEqual([policy.audit, policy.authorizations.length], [false, 1]);
});

describe("a server is refused whole", () => {
  const http1 = (rule: object): Server => ({
    protocol: { kind: { case: "http1", value: { routes: [{ metadata: meta("r"), rules: [rule] }] } } },
  });
  const cases: readonly (readonly [what: string, parts: Server])[] = [
    ["without a protocol", { protocol: {} }],
    ["detecting without a timeout", { protocol: { kind: { case: "detect", value: {} } } }],
    ["without a name", { labels: {} }],
    ["with an authorization without network", { authorizations: [authz({ networks: [] })] }],
    ["with a prefix that is too long", { authorizations: [authz({ networks: [{ net: network(0, 33) }] })] }],
    ["with an authorization that permits nothing", { authorizations: [authz({ authentication: {} })] }],
    ["with mesh TLS for no clients", { authorizations: [authz(meshTls({ case: undefined }))] }],
    ["with an empty path match", http1({ matches: [{ path: {} }] })],
    ["with a bad regex", http1({ matches: [{ path: { kind: { case: "regex", value: "(" } } }] })],
    ["with an empty method", http1({ matches: [{ method: {} }] })],
    [
      "with a method that is no token",
      http1({ matches: [{ method: { type: { case: "unregistered", value: "A B" } } }] }),
    ],
    [
      "with an unknown method number",
      http1({ matches: [{ method: { type: { case: "registered", value: 99 } } }] }),
    ],
    [
      "with a bad header name",
      http1({ matches: [{ headers: [{ name: "a b", value: { case: "regex", value: "x" } }] }] }),
    ],
    [
      "with a header value of two lines",
      http1({
        filters: [
          {
            kind: {
              case: "requestHeaderModifier",
              value: { add: { headers: [{ name: "a", value: Buffer.from("x\r\ny") }] } },
            },
          },
        ],
      }),
    ],
    ["with a filter of no kind", http1({ filters: [{}] })],
    [
      "with a redirect to a relative path",
      http1({
        filters: [{ kind: { case: "redirect", value: { path: { replace: { case: "full", value: "x" } } } } }],
      }),
    ],
    [
      "with a failure ratio above one",
      http1({
        filters: [
          {
            kind: {
              case: "failureInjector",
              value: { status: 500, ratio: { numerator: 2, denominator: 1 } },
            },
          },
        ],
      }),
    ],
    [
      "with a failure status that is none",
      http1({ filters: [{ kind: { case: "failureInjector", value: { status: 42 } } }] }),
    ],
  ];
  for (const [what, parts] of cases) {
    test(what, () => {
      assert.throws(
        () => decode(parts),
        (error: MeshError) => error.code === "POLICY_UNDECODABLE",
      );
    });
  }
});

test("the stand-in for a refused server lets requests reach its 500 and no connection through", () => {
  const policy = invalidServerPolicy();
  const peer = { ip: "10.1.1.1", identity: "", meshTls: false };
  assert.equal(authorizeConnection(policy, peer, []).allowed, false);
  assert.equal(authorizeRequest(policy, policy.routes[0], peer, []).allowed, true);
  const [filter] = policy.routes[0]!.rules[0]!.filters;
  assert.equal(filter?.kind === "failure" && filter.status, 500);
});
