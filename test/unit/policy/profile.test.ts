import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestView } from "../../../src/policy/match-request.ts";
import { defaultMeta } from "../../../src/policy/meta.ts";
import {
  holdsForRequest,
  isFailure,
  type ProfileRoute,
  type RequestCondition,
  type ResponseRule,
  selectProfileRoute,
} from "../../../src/policy/profile.ts";

const request = (method: string, target: string): RequestView => ({
  method,
  target,
  authority: "web",
  headerValues: () => [],
});
const GET_BOOKS = request("GET", "/books?page=2");
const get: RequestCondition = { kind: "method", method: "GET" };
const books: RequestCondition = { kind: "path", regex: /^\/books$/ };
const never: RequestCondition = { kind: "any", conditions: [] };

test("conditions of requests combine; an empty all holds always, an empty any never", () => {
  const holds = (condition: RequestCondition) => holdsForRequest(condition, GET_BOOKS);
  assert.equal(holds({ kind: "all", conditions: [] }), true);
  assert.equal(holds(never), false);
  assert.equal(holds({ kind: "all", conditions: [get, books] }), true);
  assert.equal(holds({ kind: "all", conditions: [get, never] }), false);
  assert.equal(holds({ kind: "any", conditions: [never, books] }), true);
  assert.equal(holds({ kind: "not", condition: get }), false);
});

test("a path is compared without its query", () => {
  assert.equal(holdsForRequest(books, GET_BOOKS), true);
  assert.equal(holdsForRequest(books, request("GET", "/books/1")), false);
});

test("the first route that takes a request counts, and what none takes has the fallback", () => {
  const route = (name: string, condition: RequestCondition): ProfileRoute => ({
    meta: defaultMeta(name),
    condition,
    rule: undefined as never,
  });
  const profile = {
    canonicalName: "web:80",
    routes: [route("one", never), route("two", get), route("three", books)],
    fallback: route("rest", never),
  };
  assert.equal(selectProfileRoute(profile, GET_BOOKS).meta.name, "two");
  assert.equal(selectProfileRoute(profile, request("PUT", "/books")).meta.name, "three");
  assert.equal(selectProfileRoute(profile, request("PUT", "/")).meta.name, "rest");
});

test("the first rule that is about a status says whether it is a failure; else gRPC's status, else 5xx", () => {
  const status = (min: number, max: number, failure: boolean): ResponseRule => ({
    condition: { kind: "status", min, max },
    isFailure: failure,
  });
  const rules = [status(503, 503, false), status(500, 599, true), status(404, 404, true)];
  const failures = [200, 404, 500, 503].filter((code) => isFailure(rules, code, -1));
  assert.deepEqual(failures, [404, 500]);
  assert.deepEqual([isFailure([], 500, -1), isFailure([], 404, -1)], [true, false]);
  assert.deepEqual([isFailure([], 200, 14), isFailure([], 200, 5)], [true, false]);
});

test("conditions of statuses combine", () => {
  const teapot = { kind: "status", min: 418, max: 418 } as const;
  const client = { kind: "status", min: 400, max: 499 } as const;
  const rules: ResponseRule[] = [
    { condition: { kind: "all", conditions: [client, { kind: "not", condition: teapot }] }, isFailure: true },
    { condition: { kind: "any", conditions: [teapot] }, isFailure: false },
  ];
  assert.deepEqual([isFailure(rules, 400, -1), isFailure(rules, 418, -1)], [true, false]);
});
