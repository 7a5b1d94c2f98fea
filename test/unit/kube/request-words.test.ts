import assert from "node:assert/strict";
import { test } from "node:test";
import { describeRequest } from "../../../src/kube/request-words.ts";

const CASES: readonly [method: string, path: string, object: string, canI: string][] = [
  ["GET", "/api/v1/namespaces/demo/pods", "list pods in namespace demo", "list pods -n demo"],
  ["GET", "/api/v1/namespaces/demo/pods/web-1", "get pods web-1 in namespace demo", "get pods/web-1 -n demo"],
  ["GET", "/api/v1/namespaces/demo", "get namespaces demo", "get namespaces/demo"],
  ["GET", "/apis/apps/v1/deployments", "list deployments", "list deployments.apps -A"],
  [
    "POST",
    "/apis/authentication.k8s.io/v1/tokenreviews",
    "create tokenreviews",
    "create tokenreviews.authentication.k8s.io",
  ],
  [
    "GET",
    "/api/v1/namespaces/demo/pods/web-1/log?follow=true",
    "get pods/log web-1 in namespace demo",
    "get pods/web-1 --subresource=log -n demo",
  ],
  ["GET", "/api/v1/nodes", "list nodes", "list nodes"],
  ["GET", "/api/v1/pods", "list pods", "list pods -A"],
  ["GET", "/version", "GET /version", "get /version"],
];

for (const [method, path, object, canI] of CASES) {
  test(`request words name verb, object and permission of ${method} ${path}`, () => {
    const words = describeRequest(method, path);
    assert.equal(`${words.verb} ${words.object}`, object);
    assert.equal(words.canI, canI);
  });
}
