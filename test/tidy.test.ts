/** The repository reads itself: what reviews would repeat is checked here, each with what to do instead. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { collectErrorCodes, readErrorPage, renderErrorPage } from "../scripts/error-codes.ts";
import { importsOf, listFiles, ROOT, readSource, withoutComments } from "../scripts/source-files.ts";

const SRC = listFiles("src", ".ts");
const COMMANDS = listFiles("commands", ".ts");
const TESTS = listFiles("test", ".ts");
const SCRIPTS = listFiles("scripts", ".ts");
const PAGES = [
  ...listFiles("docs", ".md"),
  ...listFiles("src", ".md"),
  "README.md",
  "CHANGELOG.md",
  "ROADMAP.md",
];
const MANIFESTS = listFiles("manifests", ".yaml");

interface Ban {
  readonly pattern: RegExp;
  readonly instead: string;
  readonly except?: readonly string[];
}

const BANNED_IN_SRC: readonly Ban[] = [
  {
    pattern: /\bconsole\.(log|error|warn|info|debug|trace)\b/,
    instead: "write to the Console of the context, or log",
  },
  {
    pattern: /\bprocess\.(exit|exitCode|argv|stdout|stderr|stdin)\b/,
    instead: "return a result; commands/main.ts acts on it",
  },
  { pattern: /\bprocess\.env\b/, instead: "take the environment as a parameter" },
  { pattern: /\bDate\.now\(|\bnew Date\(\)/, instead: "take a Clock", except: ["src/base/clock.ts"] },
  { pattern: /\bperformance\.now\(/, instead: "take a Clock", except: ["src/base/clock.ts"] },
  { pattern: /\bMath\.random\b/, instead: "take the random function as a parameter" },
  {
    pattern: /\benum\s+[A-Z]|\bnamespace\s+[A-Z]/,
    instead: "an `as const` object: enums and namespaces do not strip",
  },
];

const BANNED_IN_COMMANDS: readonly Ban[] = [
  { pattern: /\bprocess\.exit\(/, instead: "return { exitCode }: process.exit cuts piped output" },
  { pattern: /\bconsole\.(log|error|warn|info)\(/, instead: "context.console" },
];

function offences(files: readonly string[], bans: readonly Ban[]): string[] {
  return files.flatMap((path) => {
    const lines = withoutComments(readSource(path)).split("\n");
    return bans
      .filter((ban) => !ban.except?.includes(path))
      .flatMap((ban) =>
        lines.flatMap((line, index) =>
          ban.pattern.test(line.replace(/"(?:[^"\\]|\\.)*"/g, '""'))
            ? [`${path}:${index + 1}: ${ban.pattern.exec(line)?.[0] ?? ban.pattern.source}: ${ban.instead}`]
            : [],
        ),
      );
  });
}

function hits(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((path) =>
    readSource(path)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

const NONE: string[] = [];

test("src leaves the process, the clock and chance to its callers", () => {
  assert.deepEqual(offences(SRC, BANNED_IN_SRC), NONE);
});

test("commands neither exit the process nor print past their console", () => {
  assert.deepEqual(offences(COMMANDS, BANNED_IN_COMMANDS), NONE);
});

test("nothing is marked as broken or unfinished", () => {
  const mark = new RegExp(
    `\\b(${["FIX", "ME"].join("")}|${["XX", "X"].join("")}|${["HA", "CK"].join("")})\\b`,
  );
  assert.deepEqual(hits([...SRC, ...COMMANDS, ...TESTS, ...SCRIPTS], mark), NONE);
});

test("no file names a path of somebody's machine", () => {
  const path = /(^|[\s"'`(=:])\/(home|Users|work|root)\/[A-Za-z0-9_.-]+/;
  assert.deepEqual(hits([...SRC, ...COMMANDS, ...TESTS, ...SCRIPTS, ...PAGES, ...MANIFESTS], path), NONE);
});

/** A table (`*-table.ts`) is one idea however long it is. */
const LINES_MAX = 400;
/** Files that were longer when the limit came; a ratchet: they may shrink, nothing joins them. */
const LONGER: Readonly<Record<string, number>> = { "src/local/kubelet/container-runner.ts": 414 };

test("files stay within 400 lines", () => {
  const long = [...SRC, ...COMMANDS, ...SCRIPTS].flatMap((path) => {
    const lines = path.endsWith("-table.ts") ? 0 : readSource(path).split("\n").length - 1;
    return lines > (LONGER[path] ?? LINES_MAX)
      ? [`${path}: ${lines} lines; which second idea moved in?`]
      : [];
  });
  assert.deepEqual(long, NONE);
});

test("every source file is loaded by something", () => {
  const files = [...SRC, ...COMMANDS];
  const loaded = new Set(["commands/main.ts"]);
  for (const file of loaded) {
    if (!files.includes(file)) continue;
    for (const { to } of importsOf(file)) loaded.add(to);
  }
  assert.deepEqual(
    files.filter((path) => !loaded.has(path) && !path.endsWith(".d.ts")),
    NONE,
  );
});

test("unit tests mirror the sources: `proxy` or `proxy-control` is a folder of src", () => {
  const strays = TESTS.filter((path) => path.startsWith("test/unit/") && path.endsWith(".test.ts")).filter(
    (path) => {
      const folder = path.split("/")[2]!;
      if (folder === "commands" || folder === "scripts") return false;
      return !SRC.some((source) => source.startsWith(`src/${folder.replace("-", "/")}/`));
    },
  );
  assert.deepEqual(strays, NONE);
});

test("every test file tests something", () => {
  const empty = TESTS.filter((path) => path.endsWith(".test.ts")).filter((path) => {
    const source = withoutComments(readSource(path));
    return !/\b(test|it|claim)\(/.test(source) || !/\bassert\b|\bfc\./.test(source);
  });
  assert.deepEqual(empty, NONE);
});

test("src/README.md names files that exist", () => {
  const known = new Set([...SRC, ...COMMANDS, ...SCRIPTS, ...TESTS]);
  const named = [...readSource("src/README.md").matchAll(/`(?:node )?([a-z][a-z0-9/-]*\.ts)\b/g)].map(
    ([, path]) => path!,
  );
  assert.ok(named.length > 20, "no names found: the search is broken");
  assert.deepEqual(
    named.filter((path) => !known.has(path) && !known.has(`src/${path}`)),
    NONE,
  );
});

test("links between our documents lead somewhere", () => {
  const broken = PAGES.flatMap((page) =>
    [...readSource(page).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].flatMap(([, target]) =>
      existsSync(new URL(target!, new URL(page, `file://${ROOT}`))) ? [] : [`${page}: ${target}`],
    ),
  );
  assert.deepEqual(broken, NONE);
});

test("docs/troubleshooting.md has a section for every check and every error that points there, and no other", () => {
  const anchors = SRC.flatMap((path) =>
    [...readSource(path).matchAll(/\banchor: "([^"]+)"/g)].map(([, anchor]) => anchor!),
  );
  const sections = [...readSource("docs/troubleshooting.md").matchAll(/^### (\S+)$/gm)].map(
    ([, anchor]) => anchor!,
  );
  assert.ok(anchors.length > 0, "no anchors found: the search is broken");
  assert.deepEqual([...new Set(anchors)].sort(), sections.sort());
});

test("docs/security.md names tests that exist, for every port that a manifest or a pod opens", () => {
  const page = readSource("docs/security.md");
  const rows = page.split("\n").filter((line) => /^\| (\d{4}|every port|skipped ports)/.test(line));
  const sources = TESTS.map(readSource).join("\n");
  const unknown = rows.flatMap((row) => {
    const named = [
      ...row
        .split("|")
        .at(-2)!
        .matchAll(/"([^"]+)"/g),
    ].map(([, name]) => name!);
    if (named.length === 0) return [`nothing shows: ${row.slice(0, 40)}`];
    return named.filter((name) => !sources.includes(`"${name}"`));
  });
  assert.deepEqual(unknown, NONE);
  const opened = MANIFESTS.filter((path) => path.startsWith("manifests/control-plane/")).flatMap((path) =>
    [...readSource(path).matchAll(/containerPort: (\d+)/g)].map(([, port]) => port!),
  );
  assert.ok(opened.length > 0, "no ports found: the search is broken");
  assert.deepEqual(
    opened.filter((port) => !rows.some((row) => row.includes(port))),
    NONE,
  );
});

test("docs/errors.md documents every code, with its present words, and no other", () => {
  const codes = collectErrorCodes();
  assert.ok(codes.length > 0, "no codes found: the search is broken");
  assert.equal(readErrorPage(), renderErrorPage(codes), "refresh it: node scripts/error-codes.ts --write");
});

test("codes that tests expect to be thrown exist", () => {
  const known = new Set(collectErrorCodes().map(({ code }) => code));
  const expectation = /\b(?:throws|rejects)\([^;]{0,400}?\bcode: "([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g;
  const unknown = TESTS.flatMap((path) =>
    [...readSource(path).matchAll(expectation)].flatMap(([, code]) =>
      known.has(code!) || /^(TEST|ERR)_/.test(code!) ? [] : [`${path}: ${code}`],
    ),
  );
  assert.deepEqual(unknown, NONE);
});
