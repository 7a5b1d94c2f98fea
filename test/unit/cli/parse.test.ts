import assert from "node:assert/strict";
import { test } from "node:test";
import type { FlagSpec } from "../../../src/cli/command.ts";
import { tryPlainLine } from "../../../src/cli/flags.ts";
import { parseLine } from "../../../src/cli/parse.ts";

const FLAGS: readonly FlagSpec[] = [
  { name: "namespace", short: "n", type: "string", summary: "where" },
  { name: "all-namespaces", short: "A", type: "boolean", summary: "everywhere" },
  { name: "time-window", short: "t", type: "duration", summary: "how long", default: "1m" },
  {
    name: "output",
    short: "o",
    type: "string",
    summary: "form",
    choices: ["table", "json"],
    default: "table",
  },
  { name: "max", type: "number", summary: "how many" },
  { name: "values", short: "f", type: "list", summary: "files", default: ["a"] },
  { name: "set", type: "repeat", summary: "assignments" },
  { name: "no-color", type: "boolean", summary: "plain" },
];

function parse(line: string, stopAtWord = false) {
  return parseLine(FLAGS, line === "" ? [] : line.split(" "), { path: "meshctl x", stopAtWord });
}

const DEFAULTS = { timeWindow: 60_000, output: "table", values: ["a"] };

for (const [line, options, args, given] of [
  ["", {}, [], []],
  ["deploy web", {}, ["deploy", "web"], []],
  ["-n demo deploy", { namespace: "demo" }, ["deploy"], ["namespace"]],
  ["deploy -n demo", { namespace: "demo" }, ["deploy"], ["namespace"]],
  ["-ndemo", { namespace: "demo" }, [], ["namespace"]],
  ["-n=demo", { namespace: "demo" }, [], ["namespace"]],
  ["--namespace=demo", { namespace: "demo" }, [], ["namespace"]],
  ["--namespace=", { namespace: "" }, [], ["namespace"]],
  ["--namespace --all-namespaces", { namespace: "--all-namespaces" }, [], ["namespace"]],
  ["-A", { allNamespaces: true }, [], ["allNamespaces"]],
  ["--all-namespaces=false", { allNamespaces: false }, [], ["allNamespaces"]],
  ["--all-namespaces=true", { allNamespaces: true }, [], ["allNamespaces"]],
  ["--all-namespaces=false -A", { allNamespaces: false }, [], ["allNamespaces"]],
  ["--all-namespaces=false --all-namespaces", { allNamespaces: true }, [], ["allNamespaces"]],
  ["-Ao json", { allNamespaces: true, output: "json" }, [], ["allNamespaces", "output"]],
  ["-t 1m30s", { timeWindow: 90_000 }, [], ["timeWindow"]],
  ["--max -5", { max: -5 }, [], ["max"]],
  ["-f b,c -f d", { values: ["b", "c", "d"] }, [], ["values"]],
  ["--set a=1,b=2 --set c=3", { set: ["a=1,b=2", "c=3"] }, [], ["set"]],
  ["--no-color", { noColor: true }, [], ["noColor"]],
  ["-- -n demo", {}, ["-n", "demo"], []],
] as const) {
  test(`parseLine reads "${line}"`, () => {
    const parsed = parse(line);
    assert.deepEqual(parsed.options, { ...DEFAULTS, ...options });
    assert.deepEqual(parsed.args, args);
    assert.deepEqual([...parsed.given], given);
  });
}

test("parseLine stops at the first word when asked, and leaves flags behind it alone", () => {
  const parsed = parse("-n demo apply -f x --unheard-of", true);
  assert.deepEqual(parsed.args, ["apply", "-f", "x", "--unheard-of"]);
  assert.deepEqual([...parsed.given], ["namespace"]);
});

test("a default list is replaced, not continued, and another line starts afresh", () => {
  assert.deepEqual(parse("-f b").options.values, ["b"]);
  assert.deepEqual(parse("-f c").options.values, ["c"]);
  assert.deepEqual(parse("").options.values, ["a"]);
});

for (const line of [
  "",
  "a",
  "a b",
  "-",
  "--all-namespaces",
  "a --all-namespaces b --no-color",
  "--no-color --no-color a",
]) {
  for (const stopAtWord of [false, true]) {
    const how = stopAtWord ? "up to a word" : "whole";
    test(`tryPlainLine reads "${line}" (${how}) as the parser does`, () => {
      const tokens = line === "" ? [] : line.split(" ");
      assert.deepEqual(tryPlainLine(FLAGS, tokens, stopAtWord), parse(line, stopAtWord));
    });
  }
}

for (const line of ["-A", "--all-namespaces=false", "--namespace x", "-n x", "--", "--unheard-of", "a -1"]) {
  test(`tryPlainLine leaves "${line}" to the parser`, () => {
    assert.equal(tryPlainLine(FLAGS, line.split(" "), false), undefined);
  });
}

for (const [line, code, message, hint] of [
  ["--namespac x", "USAGE_FLAG_UNKNOWN", "meshctl x has no flag --namespac", "did you mean --namespace?"],
  ["--zzz=1", "USAGE_FLAG_UNKNOWN", "meshctl x has no flag --zzz", undefined],
  ["-z", "USAGE_FLAG_UNKNOWN", "meshctl x has no flag -z", undefined],
  ["-n", "USAGE_FLAG_VALUE_MISSING", "flag --namespace needs a value", "write --namespace TEXT: where"],
  [
    "-o jsn",
    "USAGE_FLAG_VALUE_INVALID",
    '"jsn" is no value for --output: expected one of table, json',
    "did you mean json?",
  ],
  ["--max=many", "USAGE_FLAG_VALUE_INVALID", '"many" is no value for --max: expected a number', undefined],
  [
    "-t 5",
    "USAGE_FLAG_VALUE_INVALID",
    '"5" is no value for --time-window: expected a duration such as 30s, 5m or 1h30m',
    undefined,
  ],
  [
    "-t=-5s",
    "USAGE_FLAG_VALUE_INVALID",
    '"-5s" is no value for --time-window: expected a duration such as 30s, 5m or 1h30m',
    undefined,
  ],
  [
    "--all-namespaces=maybe",
    "USAGE_FLAG_VALUE_INVALID",
    '"maybe" is no value for --all-namespaces: expected true or false',
    undefined,
  ],
] as const) {
  test(`parseLine refuses "${line}"`, () => {
    assert.throws(() => parse(line), { name: "MeshError", kind: "usage", code, message, hint });
  });
}
