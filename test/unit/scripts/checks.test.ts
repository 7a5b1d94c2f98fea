import assert from "node:assert/strict";
import { test } from "node:test";
import { checkBudgets } from "../../../scripts/check-budgets.ts";
import { checkImports, findCycles } from "../../../scripts/check-imports.ts";
import { type ImportEdge, withoutComments } from "../../../scripts/source-files.ts";

const edge = (from: string, to: string, kind: ImportEdge["kind"] = "static"): ImportEdge => ({
  from,
  to,
  kind,
  line: 1,
});

for (const [from, to, kind, problem] of [
  ["src/proxy/a.ts", "src/net/b.ts", "static", undefined],
  ["src/proxy/a.ts", "src/base/b.ts", "static", undefined],
  ["src/proxy/a.ts", "src/proxy/x/b.ts", "static", undefined],
  ["commands/a.ts", "src/proxy/b.ts", "static", undefined],
  ["src/proxy/a.ts", "undici", "static", undefined],
  ["src/local/a.ts", "src/inject/b.ts", "type", undefined],
  ["src/local/a.ts", "src/inject/b.ts", "static", "local may import only types of inject"],
  [
    "src/proxy/a.ts",
    "src/kube/b.ts",
    "dynamic",
    "proxy may not import kube (src/kube/b.ts); it may import base, net, wire, policy, api, identity, metrics, observe",
  ],
  ["src/base/a.ts", "src/wire/b.ts", "type", "base may not import wire (src/wire/b.ts); it may import base"],
  ["src/cli/a.ts", "commands/b.ts", "type", "nothing imports commands/: move what is shared into src/"],
  [
    "src/new/a.ts",
    "src/wire/b.ts",
    "static",
    "folder src/new is not in the table of scripts/check-imports.ts",
  ],
] as const) {
  test(`the import (${kind}) of ${to} by ${from} is ${problem ? "refused" : "allowed"}`, () => {
    assert.deepEqual(checkImports([edge(from, to, kind)]), problem ? [`${from}:1: ${problem}`] : []);
  });
}

test("cycles are found along imports that load, and only along those", () => {
  const chain = [edge("src/a.ts", "src/b.ts"), edge("src/b.ts", "src/c.ts")];
  assert.deepEqual(findCycles(chain), []);
  assert.deepEqual(findCycles([...chain, edge("src/c.ts", "src/a.ts", "type")]), []);
  assert.deepEqual(findCycles([...chain, edge("src/c.ts", "src/a.ts", "dynamic")]), []);
  assert.deepEqual(findCycles([...chain, edge("src/c.ts", "src/a.ts")]), [
    ["src/a.ts", "src/b.ts", "src/c.ts", "src/a.ts"],
  ]);
});

test("withoutComments blanks comments and keeps text and lines", () => {
  const source =
    'const a = "// no"; // yes\n/* two\nlines */ const b = `/* no */`; const c = /["/]/; // "x"\n';
  assert.equal(
    withoutComments(source).replace(/ +$/gm, ""),
    'const a = "// no";\n\n         const b = `/* no */`; const c = /["/]/;\n',
  );
});

function metafile(proxyInput: string, kind: "import-statement" | "dynamic-import") {
  const output = (
    entryPoint: string | undefined,
    input: string,
    imports: { path: string; kind: string }[] = [],
  ) => ({
    bytes: 100,
    ...(entryPoint === undefined ? {} : { entryPoint }),
    imports,
    inputs: { [input]: { bytesInOutput: 10 } },
  });
  return {
    outputs: {
      "dist/proxy.js": output("commands/proxy.ts", "commands/proxy.ts", [{ path: "dist/chunk.js", kind }]),
      "dist/stat.js": output("commands/stat.ts", "commands/stat.ts", [{ path: "dist/chunk.js", kind }]),
      "dist/chunk.js": output(undefined, proxyInput),
    },
  };
}

test("the proxy may not load ink, not even later; a verb may, later", () => {
  const ink = "node_modules/ink/build/index.js";
  assert.deepEqual(checkBudgets(metafile(ink, "dynamic-import")).problems, [
    `commands/proxy.ts may not load ${ink} (by dist/chunk.js)`,
  ]);
  assert.deepEqual(checkBudgets(metafile(ink, "import-statement")).problems, [
    `commands/proxy.ts may not load ${ink} (by dist/chunk.js)`,
    `commands/stat.ts may not load ${ink} (by dist/chunk.js)`,
  ]);
  assert.deepEqual(checkBudgets(metafile("src/net/dial.ts", "import-statement")).problems, []);
});
