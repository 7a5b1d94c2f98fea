import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  matchHosts,
  matchRequest,
  type RequestView,
  regexCovers,
} from "../../../src/policy/match-request.ts";
import type { HostMatch, HttpMatch } from "../../../src/policy/route.ts";
import { selectRoute } from "../../../src/policy/select-route.ts";

function request(
  target: string,
  parts: { method?: string; authority?: string; headers?: Record<string, string[]> } = {},
): RequestView {
  return {
    method: parts.method ?? "GET",
    target,
    authority: parts.authority ?? "web.demo:80",
    headerValues: (name) => parts.headers?.[name] ?? [],
  };
}

function match(parts: Partial<HttpMatch> = {}): HttpMatch {
  return { path: undefined, headers: [], queryParams: [], method: undefined, ...parts };
}

const exact = (value: string) => match({ path: { kind: "exact", value } });
const prefix = (value: string) => match({ path: { kind: "prefix", value } });
const regex = (value: RegExp) => match({ path: { kind: "regex", value, length: 0 } });

describe("a match takes a request", () => {
  const cases: readonly (readonly [
    what: string,
    match: HttpMatch,
    request: RequestView,
    expected: boolean,
  ])[] = [
    ["empty match: everything", match(), request("/a"), true],
    ["exact path, without the query", exact("/a"), request("/a?b=c"), true],
    ["not a longer path than the exact one", exact("/a"), request("/a/"), false],
    ["prefix: the path itself", prefix("/a"), request("/a"), true],
    ["prefix: a path below", prefix("/a"), request("/a/b"), true],
    ["prefix: not within a segment", prefix("/a"), request("/ab"), false],
    ["prefix with trailing slash: the path without", prefix("/a/"), request("/a"), true],
    ["prefix: the path with trailing slash", prefix("/a"), request("/a/"), true],
    ["prefix /: everything", prefix("/"), request("/x/y"), true],
    ["regex covering the path", regex(/\/v[0-9]+/), request("/v12"), true],
    ["regex: not a part of the path", regex(/\/v[0-9]+/), request("/v12/x"), false],
    ["regex: leftmost alternative decides", regex(/\/a|\/ab/), request("/ab"), false],
    ["method", match({ method: "POST" }), request("/", { method: "POST" }), true],
    ["not another method", match({ method: "POST" }), request("/"), false],
    [
      "header value",
      match({ headers: [{ name: "x-a", value: "1" }] }),
      request("/", { headers: { "x-a": ["1"] } }),
      true,
    ],
    [
      "any occurrence of a header",
      match({ headers: [{ name: "x-a", value: "2" }] }),
      request("/", { headers: { "x-a": ["1", "2"] } }),
      true,
    ],
    ["not an absent header", match({ headers: [{ name: "x-a", value: "" }] }), request("/"), false],
    [
      "header regex covers the value",
      match({ headers: [{ name: "x-a", value: /a+/ }] }),
      request("/", { headers: { "x-a": ["aab"] } }),
      false,
    ],
    [
      "query parameter, decoded",
      match({ queryParams: [{ name: "q", value: "a b" }] }),
      request("/?q=a+b"),
      true,
    ],
    [
      "any occurrence of a parameter",
      match({ queryParams: [{ name: "q", value: "2" }] }),
      request("/?q=1&q=2"),
      true,
    ],
    ["parameter names by case", match({ queryParams: [{ name: "Q", value: "1" }] }), request("/?q=1"), false],
    ["not without a query", match({ queryParams: [{ name: "q", value: "1" }] }), request("/"), false],
    [
      "every condition must hold",
      match({ path: { kind: "exact", value: "/a" }, method: "PUT" }),
      request("/a"),
      false,
    ],
  ];
  for (const [what, one, view, expected] of cases) {
    test(what, () => assert.equal(matchRequest(one, view) !== undefined, expected));
  }
});

describe("hosts", () => {
  const e = (host: string): HostMatch => ({ kind: "exact", host });
  const s = (suffix: string): HostMatch => ({ kind: "suffix", suffix });
  const cases: readonly (readonly [
    what: string,
    hosts: HostMatch[],
    authority: string,
    expected: boolean,
  ])[] = [
    ["an empty list takes all", [], "anything", true],
    ["exact, without port, by any case", [e("web.demo")], "Web.Demo:8080", true],
    ["exact ignores a trailing dot of the request", [e("web.demo")], "web.demo.", true],
    ["a pattern with a dot wants it", [e("web.demo.")], "web.demo", false],
    ["suffix wants one more label", [s(".example.com")], "example.com", false],
    ["suffix takes several labels", [s(".example.com")], "a.b.example.com", true],
    ["suffix does not end within a label", [s(".example.com")], "badexample.com", false],
    ["IPv6 authority with port", [e("[fd00::1]")], "[fd00::1]:80", true],
    ["no authority matches no host", [e("web")], "", false],
  ];
  for (const [what, hosts, authority, expected] of cases) {
    test(what, () => assert.equal(matchHosts(hosts, authority) >= 0, expected));
  }
});

interface Named {
  readonly name: string;
  readonly hosts: readonly HostMatch[];
  readonly rules: readonly { readonly matches: readonly HttpMatch[] }[];
}

const route = (name: string, matches: HttpMatch[], hosts: HostMatch[] = []): Named => ({
  name,
  hosts,
  rules: [{ matches }],
});
const chosen = (routes: Named[], view: RequestView) => selectRoute(routes, view)?.route.name;

describe("precedence", () => {
  const many = request("/abc/def?q=1", { method: "GET", headers: { a: ["1"], b: ["2"] } });
  const headers = [
    { name: "a", value: "1" },
    { name: "b", value: "2" },
  ];
  const pairs: readonly (readonly [what: string, worse: Named, better: Named, view: RequestView])[] = [
    [
      "an exact host beats a suffix, whatever the path",
      route("worse", [exact("/abc/def")], [{ kind: "suffix", suffix: ".demo" }]),
      route("better", [], [{ kind: "exact", host: "web.demo" }]),
      many,
    ],
    [
      "a longer suffix beats a shorter",
      route("worse", [], [{ kind: "suffix", suffix: ".c" }]),
      route("better", [], [{ kind: "suffix", suffix: ".b.c" }]),
      request("/", { authority: "a.b.c" }),
    ],
    [
      "any host beats none",
      route("worse", [exact("/abc/def")]),
      route("better", [], [{ kind: "suffix", suffix: ".demo" }]),
      many,
    ],
    [
      "a longer path beats a shorter",
      route("worse", [prefix("/abc")]),
      route("better", [prefix("/abc/def")]),
      many,
    ],
    ["prefix / beats no path", route("worse", [match()]), route("better", [prefix("/")]), many],
    [
      "a regex counts by the whole path",
      route("worse", [prefix("/abc")]),
      route("better", [regex(/\/.*/)]),
      many,
    ],
    [
      "more headers beat fewer",
      route("worse", [match({ headers: headers.slice(1) })]),
      route("better", [match({ headers })]),
      many,
    ],
    ["path beats headers", route("worse", [match({ headers })]), route("better", [prefix("/")]), many],
    [
      "headers beat parameters",
      route("worse", [match({ queryParams: [{ name: "q", value: "1" }] })]),
      route("better", [match({ headers: headers.slice(1) })]),
      many,
    ],
    [
      "parameters beat a method",
      route("worse", [match({ method: "GET" })]),
      route("better", [match({ queryParams: [{ name: "q", value: "1" }] })]),
      many,
    ],
    ["a method beats nothing", route("worse", [match()]), route("better", [match({ method: "GET" })]), many],
    [
      "the best alternative of a rule counts",
      route("worse", [prefix("/abc")]),
      route("better", [match(), exact("/abc/def")]),
      many,
    ],
  ];
  for (const [what, worse, better, view] of pairs) {
    test(`${what}, in either order`, () => {
      assert.equal(chosen([worse, better], view), "better");
      assert.equal(chosen([better, worse], view), "better");
    });
  }

  test("the kind of path match does not rank: the earlier of equals wins", () => {
    const routes = [route("prefix", [prefix("/abc")]), route("exact", [exact("/abc")])];
    assert.equal(chosen(routes, request("/abc")), "prefix");
    assert.equal(chosen(routes.toReversed(), request("/abc")), "exact");
  });

  test("nothing matches: no route", () => {
    assert.equal(chosen([route("a", [exact("/a")])], request("/b")), undefined);
    assert.equal(chosen([{ name: "ruleless", hosts: [], rules: [] }], request("/b")), undefined);
  });

  test("the matched prefix is told, for redirects", () => {
    assert.equal(selectRoute([route("a", [prefix("/abc/")])], many)?.rank.prefix, "/abc");
    assert.equal(selectRoute([route("a", [exact("/abc/def")])], many)?.rank.prefix, undefined);
  });
});

test("a regex covers only what its leftmost match spans", () => {
  assert.equal(regexCovers(/a|ab/, "ab"), false);
  assert.equal(regexCovers(/ab|a/, "ab"), true);
  assert.equal(regexCovers(/b/, "ab"), false);
  assert.equal(regexCovers(/(?:)/, ""), true);
});
