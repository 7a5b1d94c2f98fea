import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  applyRequestFilters,
  applyResponseFilters,
  type FilterAnswer,
  type MutableHeaders,
} from "../../../src/policy/apply-filters.ts";
import { IMPLICIT_MATCH } from "../../../src/policy/match-request.ts";
import type { HttpFilter, Redirect } from "../../../src/policy/route.ts";

class Headers implements MutableHeaders {
  list: [string, string][];
  constructor(list: [string, string][] = []) {
    this.list = list;
  }
  append(name: string, value: string) {
    this.list.push([name, value]);
  }
  set(name: string, value: string) {
    this.remove(name);
    this.append(name, value);
  }
  remove(name: string) {
    this.list = this.list.filter(([other]) => other.toLowerCase() !== name.toLowerCase());
  }
}

function run(
  filters: HttpFilter[],
  options: {
    target?: string;
    authority?: string;
    prefix?: string;
    headers?: Headers;
    random?: number;
    scheme?: "http" | "https";
  } = {},
): FilterAnswer | undefined {
  return applyRequestFilters(filters, {
    request: {
      method: "GET",
      target: options.target ?? "/a/b?c=d",
      authority: options.authority ?? "web.demo",
      headerValues: () => [],
    },
    headers: options.headers ?? new Headers(),
    scheme: options.scheme ?? "http",
    rank: { ...IMPLICIT_MATCH, prefix: options.prefix },
    random: () => options.random ?? 0,
  });
}

test("modifiers add, then set, then remove", () => {
  const headers = new Headers([["x-old", "1"]]);
  const modifier = {
    add: [
      ["x-a", "1"],
      ["x-b", "1"],
    ] as const,
    set: [["X-A", "2"]] as const,
    remove: ["x-b", "x-old"],
  };
  assert.equal(run([{ kind: "request-headers", modifier }], { headers }), undefined);
  assert.deepEqual(headers.list, [["X-A", "2"]]);
});

test("response modifiers wait for the response", () => {
  const headers = new Headers();
  const filters: HttpFilter[] = [
    { kind: "response-headers", modifier: { add: [["x", "1"]], set: [], remove: [] } },
  ];
  run(filters, { headers });
  assert.deepEqual(headers.list, []);
  applyResponseFilters(filters, headers);
  assert.deepEqual(headers.list, [["x", "1"]]);
});

describe("failure injection by ratio", () => {
  const cases: readonly (readonly [ratio: number, random: number, fails: boolean])[] = [
    [1, 0.999, true],
    [0, 0, false],
    [0.25, 0.24, true],
    [0.25, 0.25, false],
  ];
  for (const [ratio, random, fails] of cases) {
    test(`${ratio} with ${random}`, () => {
      const answer = run([{ kind: "failure", status: 418, message: "tea", ratio }], { random });
      assert.deepEqual(
        answer,
        fails ? { kind: "failure", status: 418, message: "tea", grpcCode: undefined } : undefined,
      );
    });
  }
});

test("filters before the one that answers take effect, those after do not", () => {
  const headers = new Headers();
  const add = (name: string): HttpFilter => ({
    kind: "request-headers",
    modifier: { add: [[name, "1"]], set: [], remove: [] },
  });
  run([add("before"), { kind: "failure", status: 500, message: "", ratio: 1 }, add("after")], { headers });
  assert.deepEqual(headers.list, [["before", "1"]]);
});

describe("redirect", () => {
  const base: Redirect = {
    scheme: undefined,
    host: undefined,
    port: undefined,
    path: undefined,
    status: 302,
  };
  const cases: readonly (readonly [
    what: string,
    redirect: Partial<Redirect>,
    options: Parameters<typeof run>[1],
    expected: string | undefined,
  ])[] = [
    ["keeps what it does not name", { scheme: "https" }, {}, "https://web.demo/a/b?c=d"],
    ["to itself is skipped", { host: "web.demo" }, {}, undefined],
    [
      "to another host keeps an odd port",
      { host: "x" },
      { authority: "web.demo:8080" },
      "http://x:8080/a/b?c=d",
    ],
    [
      "drops the request's default port",
      { scheme: "https" },
      { authority: "web.demo:80" },
      "https://web.demo/a/b?c=d",
    ],
    ["elides the new scheme's default port", { scheme: "https", port: 443 }, {}, "https://web.demo/a/b?c=d"],
    ["names an odd port", { port: 8443 }, {}, "http://web.demo:8443/a/b?c=d"],
    ["full path drops the query", { path: { kind: "full", value: "/new" } }, {}, "http://web.demo/new"],
    [
      "full path may bring a query",
      { path: { kind: "full", value: "/new?x=1" } },
      {},
      "http://web.demo/new?x=1",
    ],
    [
      "prefix keeps the rest and the query",
      { path: { kind: "prefix", value: "/z" } },
      { prefix: "/a" },
      "http://web.demo/z/b?c=d",
    ],
    [
      "prefix / is put in front",
      { path: { kind: "prefix", value: "/z/" } },
      { prefix: "/" },
      "http://web.demo/z/a/b?c=d",
    ],
    [
      "prefix replaced by / leaves one slash",
      { path: { kind: "prefix", value: "/" } },
      { prefix: "/a/b" },
      "http://web.demo/?c=d",
    ],
  ];
  for (const [what, redirect, options, expected] of cases) {
    test(what, () => {
      const answer = run([{ kind: "redirect", redirect: { ...base, ...redirect } }], options);
      assert.deepEqual(answer, expected && { kind: "redirect", status: 302, location: expected });
    });
  }

  test("of a prefix is invalid when the rule matched without one", () => {
    const answer = run([{ kind: "redirect", redirect: { ...base, path: { kind: "prefix", value: "/z" } } }]);
    assert.equal(answer?.kind, "invalid");
  });
});

function rewrite(filter: HttpFilter & { kind: "rewrite" }, target: string, prefix?: string) {
  const headers = new Headers([["host", "web.demo"]]);
  let rewritten: string | undefined;
  const answer = applyRequestFilters([filter], {
    request: { method: "GET", target, authority: "web.demo", headerValues: () => [] },
    headers,
    retarget: (to) => {
      rewritten = to;
    },
    scheme: "http",
    rank: { ...IMPLICIT_MATCH, prefix },
    random: () => 0,
  });
  return { answer, rewritten, headers: headers.list };
}

test("a rewrite of the prefix keeps the rest and the query", () => {
  const to = (value: string): HttpFilter & { kind: "rewrite" } => ({
    kind: "rewrite",
    rewrite: { host: undefined, path: { kind: "prefix", value } },
  });
  assert.equal(rewrite(to("/v2"), "/v1/a?q=1", "/v1").rewritten, "/v2/a?q=1");
  assert.equal(rewrite(to("/"), "/v1/a", "/v1").rewritten, "/a");
  assert.equal(rewrite(to("/"), "/v1", "/v1").rewritten, "/");
  assert.equal(rewrite(to("/"), "/v1?q=1", "/v1").rewritten, "/?q=1");
  assert.equal(rewrite(to("/v2/"), "/a", "/").rewritten, "/v2/a");
});

test("a rewrite of the whole path keeps the query, one of the host leaves the path", () => {
  const path = { kind: "full", value: "/one" } as const;
  assert.equal(
    rewrite({ kind: "rewrite", rewrite: { host: undefined, path } }, "/a/b?c=d").rewritten,
    "/one?c=d",
  );
  const { rewritten, headers } = rewrite(
    { kind: "rewrite", rewrite: { host: "other.example", path: undefined } },
    "/a",
  );
  assert.equal(rewritten, undefined);
  assert.deepEqual(headers, [["Host", "other.example"]]);
});

test("a rewrite of a prefix under a rule that matched otherwise is an error of the route", () => {
  const path = { kind: "prefix", value: "/v2" } as const;
  const { answer, rewritten } = rewrite({ kind: "rewrite", rewrite: { host: undefined, path } }, "/v1/a");
  assert.equal(answer?.kind, "invalid");
  assert.equal(rewritten, undefined);
});

test("a redirect that names only a status answers with the request's own location", () => {
  const redirect = { scheme: undefined, host: undefined, port: undefined, path: undefined, status: 303 };
  assert.deepEqual(run([{ kind: "redirect", redirect }], { target: "/a" }), {
    kind: "redirect",
    status: 303,
    location: "http://web.demo/a",
  });
});
