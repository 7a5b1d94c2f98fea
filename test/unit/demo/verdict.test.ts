import assert from "node:assert/strict";
import { test } from "node:test";
import { EXPECTED_DEPLOYMENTS, EXPECTED_EDGES, EXPECTED_HTTP, judgeDemo } from "../../../src/demo/verdict.ts";
import type { EdgeRow } from "../../../src/observe/edge.ts";
import type { StatRow } from "../../../src/observe/stat-row.ts";

function row(name: string, more: Partial<StatRow> = {}): StatRow {
  const http = { successRate: 0.95, rps: 20, p50Ms: 1, p95Ms: 2, p99Ms: 3, deniedRps: 0 };
  return {
    kind: "deployment",
    namespace: "demo",
    name,
    meshed: { count: 1, total: 1 },
    status: undefined,
    http: EXPECTED_HTTP.includes(name) ? http : undefined,
    tcp: undefined,
    ...more,
  };
}

function edge(src: string, dst: string, noTlsReason = ""): EdgeRow {
  return { src, srcNamespace: "demo", dst, dstNamespace: "demo", clientId: "a", serverId: "b", noTlsReason };
}

function judge(change: {
  readonly rows?: (rows: StatRow[]) => StatRow[];
  readonly edges?: (edges: EdgeRow[]) => EdgeRow[];
  readonly silent?: readonly { pod: string; reason: string }[];
}): string[] {
  const rows = EXPECTED_DEPLOYMENTS.map((name) => row(name));
  const edges = EXPECTED_EDGES.map(([src, dst]) => edge(src, dst));
  const kind = { name: "deployment" } as never;
  return judgeDemo(
    {
      tables: [{ kind, rows: change.rows?.(rows) ?? rows }],
      coverage: {
        asked: 6,
        answered: 6,
        silent: change.silent ?? [],
        windowMs: 60_000,
        shortestWindowMs: 60_000,
      },
    },
    { edges: change.edges?.(edges) ?? edges },
  );
}

const change = (name: string, more: Partial<StatRow>) => (rows: StatRow[]) =>
  rows.map((one) => (one.name === name ? { ...one, ...more } : one));

test("the demo is well when all is meshed, secured and busy", () => {
  assert.deepEqual(judge({}), []);
});

for (const [name, input, problems] of [
  [
    "a pod without proxy",
    { rows: change("web", { meshed: { count: 1, total: 2 } }) },
    ["1 of 2 pods of web have no proxy"],
  ],
  [
    "a missing deployment",
    { rows: (rows: StatRow[]) => rows.slice(1) },
    ["deployment catalog has no pods", "no request to catalog was answered"],
  ],
  [
    "a silent service",
    { rows: change("orders", { http: undefined }) },
    ["no request to orders was answered"],
  ],
  [
    "a service that always fails",
    { rows: change("orders", { http: { ...row("orders").http!, successRate: 0 } }) },
    ["every request to orders failed"],
  ],
  [
    "a proxy that did not answer",
    { silent: [{ pod: "demo/web-1", reason: "timeout" }] },
    ["the proxy of demo/web-1 did not answer: timeout"],
  ],
  [
    "an edge in the clear",
    { edges: (edges: EdgeRow[]) => [...edges, edge("web", "catalog-slow", "Disabled")] },
    ["web -> catalog-slow is not secured: Disabled"],
  ],
  [
    "an edge that is missing",
    { edges: (edges: EdgeRow[]) => edges.slice(1) },
    ["no connection of traffic to web was seen"],
  ],
] as const) {
  test(`the demo is not well with ${name}`, () => {
    assert.deepEqual(judge(input), problems);
  });
}
