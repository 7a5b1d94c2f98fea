import assert from "node:assert/strict";
import { test } from "node:test";
import { listenAddress, serviceAddress } from "../../../src/demo/roles/role.ts";

for (const [env, expected] of [
  [{}, { host: "0.0.0.0", port: 8080 }],
  [
    { LISTEN_HOST: "127.5.0.9", PORT: "81" },
    { host: "127.5.0.9", port: 81 },
  ],
  [
    { LISTEN_HOST: "", PORT: "tcp://10.0.0.1:80" },
    { host: "0.0.0.0", port: 8080 },
  ],
] as const) {
  test(`listenAddress of ${JSON.stringify(env)}`, () => {
    assert.deepEqual(listenAddress(env, 8080), expected);
  });
}

for (const [env, expected] of [
  [{}, { host: "kv-store", port: 6000 }],
  [
    { KV_STORE_SERVICE_HOST: "127.5.128.3", KV_STORE_SERVICE_PORT: "20001" },
    { host: "127.5.128.3", port: 20001 },
  ],
  [{ KV_STORE_SERVICE_HOST: "127.5.128.3" }, { host: "kv-store", port: 6000 }],
  [
    { KV_STORE_SERVICE_HOST: "127.5.128.3", KV_STORE_SERVICE_PORT: "0" },
    { host: "kv-store", port: 6000 },
  ],
] as const) {
  test(`serviceAddress of ${JSON.stringify(env)}`, () => {
    assert.deepEqual(serviceAddress(env, "kv-store", 6000), expected);
  });
}
