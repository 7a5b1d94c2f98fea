import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { type Check, CheckFailed, type CheckResult, Skipped } from "../../../src/check/check.ts";
import { renderChecksJson, TableRenderer } from "../../../src/check/render.ts";
import { runChecks } from "../../../src/check/runner.ts";
import { FakeClock } from "../../support/clock.ts";
import { ObjectCluster } from "../../support/object-cluster.ts";

function start(checks: readonly Check[], waitMs = 0, signal = new AbortController().signal) {
  const clock = new FakeClock();
  const results: CheckResult[] = [];
  const retries: string[] = [];
  const inputs = {
    kube: async () => new ObjectCluster([]).client(),
    namespace: "meshctl",
    dataPlaneNamespace: undefined,
    cliVersion: "1",
    expectedVersion: undefined,
    clock,
  };
  const done = runChecks([{ name: "category", checks }], {
    inputs,
    waitMs,
    signal,
    onResult: (result) => results.push(result),
    onRetry: (_check, error) => retries.push(error),
  });
  return { clock, results, retries, done };
}

function check(label: string, run: Check["run"], more: Partial<Check> = {}): Check {
  return { anchor: label.replaceAll(" ", "-"), label, run, ...more };
}

const fine: Check["run"] = async () => {};
const fails: Check["run"] = async () => {
  throw new CheckFailed("because");
};

test("a failing check fails the run, and the next ones still run", async () => {
  const { results, done } = start([check("a", fails), check("b", fine)]);
  assert.equal(await done, false);
  assert.deepEqual(
    results.map(({ label, outcome, error }) => [label, outcome, error]),
    [
      ["a", "error", "because"],
      ["b", "success", undefined],
    ],
  );
});

test("a warning fails nothing", async () => {
  const { results, done } = start([check("a", fails, { warning: true })]);
  assert.equal(await done, true);
  assert.equal(results[0]!.outcome, "warning");
});

test("a fatal failure ends the run, a fatal success does not", async () => {
  const { results, done } = start([
    check("a", fine, { fatal: true }),
    check("b", fails, { fatal: true }),
    check("c", fine),
  ]);
  assert.equal(await done, false);
  assert.deepEqual(
    results.map(({ label }) => label),
    ["a", "b"],
  );
});

test("a skipped check is success without a line", async () => {
  const { results, done } = start([
    check("a", async () => {
      throw new Skipped();
    }),
  ]);
  assert.equal(await done, true);
  assert.deepEqual(results, []);
});

test("a check that may retry is tried every 5 s until it holds", async () => {
  let attempts = 0;
  const { clock, results, retries, done } = start(
    [
      check(
        "a",
        async () => {
          if (++attempts < 3) throw new CheckFailed(`attempt ${attempts}`);
        },
        { retry: true },
      ),
    ],
    60_000,
  );
  await clock.advanceAsync(4_999);
  assert.equal(attempts, 1);
  await clock.advanceAsync(5_001);
  assert.equal(await done, true);
  assert.equal(attempts, 3);
  assert.deepEqual(retries, ["attempt 1", "attempt 2"]);
  assert.equal(results.length, 1);
});

test("retries end with the time to wait", async () => {
  let attempts = 0;
  const { clock, done } = start(
    [
      check(
        "a",
        async () => {
          attempts++;
          throw new CheckFailed("no");
        },
        { retry: true },
      ),
    ],
    12_000,
  );
  await clock.advanceAsync(60_000);
  assert.equal(await done, false);
  assert.equal(attempts, 3);
});

test("an attempt without answer ends after 30 s", async () => {
  const { clock, results, done } = start([check("a", () => new Promise(() => {}))]);
  await clock.advanceAsync(30_000);
  assert.equal(await done, false);
  assert.match(results[0]!.error ?? "", /no answer within 30 s/);
  assert.equal(clock.pending, 0);
});

test("Ctrl-C ends waiting at once", async () => {
  const stop = new AbortController();
  const { clock, done } = start([check("a", fails, { retry: true })], 60_000, stop.signal);
  await clock.advanceAsync(1);
  stop.abort(new Error("interrupted"));
  await assert.rejects(done, /interrupted/);
  assert.equal(clock.pending, 0);
});

test("an error of the cluster shows what happened and what to do", async () => {
  const { results, done } = start([
    check("a", async () => {
      throw new MeshError({ kind: "environment", code: "KUBE_X", message: "what", hint: "do" });
    }),
  ]);
  await done;
  assert.equal(results[0]!.error, "what\ndo");
});

const RESULTS: readonly CheckResult[] = [
  { category: "one", label: "a holds", anchor: "a", outcome: "success" },
  { category: "one", label: "b holds", anchor: "b", outcome: "warning", error: "first\nsecond" },
  { category: "second", label: "c holds", anchor: "c", outcome: "error", error: "no" },
];

function table(short: boolean, results = RESULTS): string {
  let text = "";
  const renderer = new TableRenderer({ write: (part) => void (text += part), colors: false, short });
  for (const result of results) renderer.result(result);
  renderer.end(false);
  return text;
}

test("the table shows categories, marks, errors and where hints are", () => {
  assert.equal(
    table(false),
    `one
---
√ a holds
‼ b holds
    first
    second
    see docs/troubleshooting.md#b for hints

second
------
× c holds
    no
    see docs/troubleshooting.md#c for hints

Status check results are ×
`,
  );
});

test("the short form leaves out what is fine", () => {
  assert.doesNotMatch(table(true), /a holds/);
  assert.equal(table(true, []), "Status check results are ×\n");
});

test("JSON is one document, with hints only where something failed", () => {
  assert.deepEqual(JSON.parse(renderChecksJson(RESULTS, false)), {
    success: false,
    categories: [
      {
        categoryName: "one",
        checks: [
          { description: "a holds", result: "success" },
          {
            description: "b holds",
            hint: "docs/troubleshooting.md#b",
            error: "first\nsecond",
            result: "warning",
          },
        ],
      },
      {
        categoryName: "second",
        checks: [{ description: "c holds", hint: "docs/troubleshooting.md#c", error: "no", result: "error" }],
      },
    ],
  });
});
