import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { OpaqueRoute } from "../../../src/policy/outbound.ts";
import type { HostMatch } from "../../../src/policy/route.ts";
import { selectTlsRoute } from "../../../src/policy/select-tls-route.ts";

function route(name: string, ...snis: string[]): OpaqueRoute {
  const matches = snis.map(
    (sni): HostMatch =>
      sni.startsWith(".") ? { kind: "suffix", suffix: sni } : { kind: "exact", host: sni },
  );
  return {
    meta: defaultMeta(name),
    backends: { kind: "empty", backends: [] },
    refused: undefined,
    ...(matches.length > 0 && { snis: matches }),
  };
}

const pick = (routes: OpaqueRoute[], sni: string | undefined) => selectTlsRoute(routes, sni)?.meta.name;

test("a server name takes its exact route, else the longest suffix, else the one that names none", () => {
  const routes = [
    route("any"),
    route("com", ".com"),
    route("example", ".example.com", ".example.org"),
    route("exact", "a.example.com"),
    route("twin", "a.example.com"),
  ];
  assert.equal(pick(routes, "a.example.com"), "exact");
  assert.equal(pick(routes, "b.example.com"), "example");
  assert.equal(pick(routes, "b.example.org"), "example");
  assert.equal(pick(routes, "example.com"), "com");
  assert.equal(pick(routes, "example.net"), "any");
  assert.equal(pick(routes, undefined), "any");
});

test("a suffix needs one more label, names compare as they are, and nothing matches nothing", () => {
  assert.equal(pick([route("com", ".com")], ".com"), undefined);
  assert.equal(pick([route("exact", "a.com")], "A.com"), undefined);
  assert.equal(pick([route("exact", "a.com")], undefined), undefined);
  assert.equal(pick([], "a.com"), undefined);
});
