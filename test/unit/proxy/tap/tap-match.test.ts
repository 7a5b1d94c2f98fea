import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ObserveRequest_MatchSchema } from "../../../../src/api/gen/io/linkerd/proxy/tap_pb.js";
import { MeshError } from "../../../../src/base/error.ts";
import { ipv4ToNumber } from "../../../../src/base/ip.ts";
import type { LiveExchange } from "../../../../src/observe/live-exchange.ts";
import { compileMatch } from "../../../../src/proxy/tap/tap-match.ts";
import { buildExchange } from "../../observe/build-exchange.ts";

type MatchInit = MessageInitShape<typeof ObserveRequest_MatchSchema>;

function matches(init: MatchInit, fields: Partial<LiveExchange> = {}): boolean {
  return compileMatch(create(ObserveRequest_MatchSchema, init))(buildExchange(fields));
}

const ip = (text: string) => ({ ip: { case: "ipv4", value: ipv4ToNumber(text) } }) as const;
const method = (value: number): MatchInit => ({
  match: {
    case: "http",
    value: {
      match: { case: "method", value: { type: { case: "registered", value } } },
    },
  },
});
const path = (kind: "exact" | "prefix", value: string): MatchInit => ({
  match: {
    case: "http",
    value: { match: { case: "path", value: { match: { case: kind, value } } } },
  },
});
const netmask = (end: "source" | "destination", address: string, mask: number): MatchInit => ({
  match: { case: end, value: { match: { case: "netmask", value: { ip: ip(address), mask } } } },
});
const ports = (min: number, max: number): MatchInit => ({
  match: { case: "destination", value: { match: { case: "ports", value: { min, max } } } },
});
const label = (kind: "destinationLabel" | "routeLabel", key: string, value: string): MatchInit => ({
  match: { case: kind, value: { key, value } },
});
const seq = (kind: "all" | "any", ...each: MatchInit[]): MatchInit => ({
  match: { case: kind, value: { matches: each } },
});

test("matches look at method, path without query, authority and scheme", () => {
  assert.ok(matches(method(0)));
  assert.ok(!matches(method(1)));
  assert.ok(matches(path("exact", "/list"), { path: "/list?page=2" }));
  assert.ok(matches(path("prefix", "/li")));
  assert.ok(!matches(path("exact", "/li")));
  const scheme = (value: number): MatchInit => ({
    match: {
      case: "http",
      value: { match: { case: "scheme", value: { type: { case: "registered", value } } } },
    },
  });
  assert.ok(matches(scheme(0)) && !matches(scheme(1)));
});

test("matches look at both ends' addresses and ports", () => {
  assert.ok(matches(netmask("source", "10.0.0.0", 24)));
  assert.ok(!matches(netmask("source", "10.0.1.0", 24)));
  assert.ok(matches(netmask("destination", "10.0.0.2", 32)));
  assert.ok(matches(ports(8000, 9000)) && matches(ports(8080, 0)) && matches(ports(0, 8080)));
  assert.ok(!matches(ports(1, 80)));
});

test("matches look at labels: of the endpoint, of the server, of the profile's route", () => {
  const outbound = { direction: "outbound", labels: { deployment: "web" } } as const;
  assert.ok(matches(label("destinationLabel", "deployment", "web"), outbound));
  assert.ok(
    matches(label("destinationLabel", "server_id", "web.demo"), { ...outbound, peerIdentity: "web.demo" }),
  );
  assert.ok(matches(label("destinationLabel", "srv_name", "all-unauthenticated")));
  const routeRef = { group: "", kind: "ServiceProfile", namespace: "", name: "GET /", section: "", port: 0 };
  assert.ok(matches(label("routeLabel", "route", "GET /"), { routeRef }));
  assert.ok(!matches(label("routeLabel", "route", "GET /")));
});

test("matches combine; members that say nothing are skipped", () => {
  assert.ok(matches(seq("all", method(0), path("prefix", "/"), {})));
  assert.ok(!matches(seq("all", method(0), method(1))));
  assert.ok(matches(seq("any", method(1), method(0))));
  assert.ok(!matches(seq("any")), "nothing is no alternative");
  assert.ok(matches({ match: { case: "not", value: method(1) } }));
});

const bad: readonly (readonly [string, MatchInit])[] = [
  ["an empty match", {}],
  ["an empty negation", { match: { case: "not", value: {} } }],
  ["a prefix of 0", netmask("source", "10.0.0.0", 0)],
  ["a prefix of 33", netmask("source", "10.0.0.0", 33)],
  ["no ports", ports(0, 0)],
  ["ports the wrong way around", ports(90, 80)],
  ["a port that does not exist", ports(1, 65_536)],
  ["a label without a value", label("destinationLabel", "a", "")],
  ["an end matched by nothing", { match: { case: "source", value: {} } }],
  ["a request matched by nothing", { match: { case: "http", value: {} } }],
  ["a method of an unknown number", method(9)],
];

for (const [what, init] of bad) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => matches(init),
      (error) => error instanceof MeshError && error.code === "TAP_BAD_MATCH",
    );
  });
}
