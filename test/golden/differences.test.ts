import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { registry } from "../../commands/registry.ts";
import { compareGolden, runGoldenCase } from "../support/golden.ts";

const root = fileURLToPath(new URL(".", import.meta.url));
const page = readFileSync(new URL("../../docs/differences.md", import.meta.url), "utf8");

interface Row {
  readonly command: string;
  readonly what: string;
  readonly state: string;
  readonly why: string;
  readonly shownBy: string;
}

/** Rows of the table whose header has these columns. */
const rows: readonly Row[] = page
  .split("| command | what | state | why | shown by |\n")[1]!
  .split("\n\n")[0]!
  .split("\n")
  .slice(1)
  .map((line) => {
    const [, command = "", what = "", state = "", why = "", shownBy = ""] = line
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim());
    return { command, what, state, why, shownBy: shownBy.replaceAll("`", "") };
  });

test("docs/differences.md has rows, each with a state, and a reason where it is not done", () => {
  assert.ok(rows.length > 90, `${rows.length} rows`);
  for (const row of rows) {
    assert.match(row.state, /^(done|different|n\/a|not yet)$/, row.what);
    if (row.state === "different" || row.state === "n/a") assert.notEqual(row.why, "", row.what);
  }
});

test("every command of Linkerd's has a row", () => {
  // Reference: the tree of Linkerd's commands, without multicluster's and those that it has deprecated.
  const wanted = [
    ..."authz check completion diagnostics identity inject install install-cni multicluster profile prune".split(" "),
    ..."uninject uninstall upgrade version viz dashboard edges routes stat tap top stat-inbound stat-outbound".split(" "),
    ..."viz authz,viz list,viz allow-scrapes,viz profile,viz dashboard,global".split(","),
  ];
  const found = new Set(rows.map(({ command }) => command));
  assert.deepEqual(
    wanted.filter((command) => !found.has(command)),
    [],
  );
});

for (const { command, what, state, shownBy } of rows) {
  test(`${command}: ${what} (${state}) is as ${shownBy} shows`, async () => {
    const directory = join(root, shownBy);
    assert.ok(existsSync(join(directory, "cmd")), `there is no golden case ${shownBy}`);
    const [verb = "", name = ""] = shownBy.split("/");
    const golden = { command: verb, name, directory };
    const outcome = await runGoldenCase(golden, registry);
    compareGolden(golden, outcome, {});
    if (state === "not yet") {
      assert.equal(outcome.exit, "1\n");
      assert.match(outcome.stderr, /is not part of (this )?version/);
    }
  });
}
