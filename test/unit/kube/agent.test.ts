import assert from "node:assert/strict";
import { test } from "node:test";
import { proxyFromEnv } from "../../../src/kube/agent.ts";

const CASES: readonly [server: string, env: Record<string, string>, expected: string | undefined][] = [
  ["https://api.example.com:6443", {}, undefined],
  ["https://api.example.com:6443", { HTTPS_PROXY: "http://proxy:3128" }, "http://proxy:3128"],
  ["https://api.example.com:6443", { https_proxy: "proxy:3128" }, "http://proxy:3128"],
  ["https://127.0.0.1:6443", { HTTPS_PROXY: "http://proxy:3128" }, undefined],
  ["https://[::1]:6443", { HTTPS_PROXY: "http://proxy:3128" }, undefined],
  [
    "https://api.example.com",
    { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "other, .example.com" },
    undefined,
  ],
  [
    "https://notexample.com",
    { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "example.com" },
    "http://proxy:3128",
  ],
  ["https://api.example.com", { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "*" }, undefined],
];

for (const [server, env, expected] of CASES) {
  test(`proxy of ${server} is ${expected ?? "none"} with ${JSON.stringify(env)}`, () => {
    assert.equal(proxyFromEnv(new URL(server), env), expected);
  });
}
