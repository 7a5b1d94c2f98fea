import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAuthority } from "../../../src/control/destination/authority.ts";

const CASES: readonly [text: string, expected: object | undefined][] = [
  [
    "web.demo.svc.cluster.local:8080",
    { kind: "service", service: "web", namespace: "demo", instance: undefined, port: 8080 },
  ],
  [
    "WEB.demo.svc.cluster.local.",
    { kind: "service", service: "web", namespace: "demo", instance: undefined, port: 80 },
  ],
  [
    "db-0.db.demo.svc.cluster.local:1",
    { kind: "service", instance: "db-0", service: "db", namespace: "demo", port: 1 },
  ],
  ["10.0.0.1:80", { kind: "ip", ip: "10.0.0.1", port: 80 }],
  ["[fd00::1]:443", { kind: "ip", ip: "fd00::1", port: 443 }],
  ["[::ffff:10.0.0.1]:443", { kind: "ip", ip: "10.0.0.1", port: 443 }],
  ["example.com", { kind: "foreign", host: "example.com", port: 80 }],
  ["web.svc.cluster.local:80", { kind: "foreign", host: "web.svc.cluster.local", port: 80 }],
  ["web.demo.svc.cluster.local:0", undefined],
  ["web.demo.svc.cluster.local:65536", undefined],
  ["web..svc.cluster.local:80", undefined],
  ["[web]:80", undefined],
  ["web demo:80", undefined],
  ["", undefined],
];

for (const [text, expected] of CASES) {
  test(`authority "${text}" is ${expected ? "read" : "refused"}`, () => {
    assert.deepEqual(parseAuthority(text, "cluster.local"), expected);
  });
}
