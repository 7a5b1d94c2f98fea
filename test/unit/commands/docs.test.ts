import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { registry } from "../../../commands/registry.ts";
import type { FlagSpec } from "../../../src/cli/command.ts";
import { visibleCommands } from "../../../src/cli/command-tree.ts";
import { completionNodes, renderCompletion, SHELLS } from "../../../src/cli/completion.ts";
import { manName, renderMan } from "../../../src/cli/doc-man.ts";
import { renderCliMarkdown } from "../../../src/cli/doc-markdown.ts";
import { GLOBAL_FLAGS } from "../../../src/cli/globals.ts";
import { renderCommandHelp } from "../../../src/cli/help.ts";

const entries = await visibleCommands(registry);
const shown = (flags: readonly FlagSpec[]) =>
  flags.filter(({ hidden }) => !hidden).map(({ name }) => `--${name}`);

test("docs/cli.md says what the commands say", () => {
  const page = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");
  assert.equal(page, renderCliMarkdown(entries), "refresh it: node scripts/cli-doc.ts --write");
});

test("help, page and manual page of a command have every flag of it, and no other", () => {
  const page = renderCliMarkdown(entries);
  for (const entry of entries) {
    const { path, command } = entry;
    const wanted = shown([...command.flags, ...GLOBAL_FLAGS]).sort();
    const help = renderCommandHelp(command, `meshctl ${path}`);
    assert.deepEqual(names(help, /^ {2}(?:-\w, | {4})(--[a-z0-9-]+)/gm), wanted, path);
    const man = renderMan(entry, "1.0.0", []).replaceAll("\\-", "-");
    assert.deepEqual(names(man, /^\.B (?:-\w, )?(--[a-z0-9-]+)/gm), wanted, path);
    const section = page.split(`\n## meshctl ${path}\n`)[1]!.split("\n## ")[0]!;
    assert.deepEqual(names(section, /^\| `(--[a-z0-9-]+)`/gm), shown(command.flags).sort(), path);
  }
});

test("completions have every command and flag", async () => {
  const nodes = (
    await Promise.all(
      Object.entries(registry.verbs)
        .filter(([, { hidden }]) => !hidden)
        .map(async ([name, { load }]) => completionNodes([name], (await load()).command)),
    )
  ).flat();
  assert.deepEqual(
    nodes.map(({ path }) => path.join(" ")),
    entries.map(({ path }) => path),
  );
  for (const shell of SHELLS) {
    const script = renderCompletion(shell, nodes);
    for (const { path, command } of entries) {
      for (const flag of shown(command.flags)) {
        const word = shell === "fish" ? `-l ${flag.slice(2)}` : flag;
        assert.ok(script.includes(word), `${shell}: ${path} ${flag}`);
      }
    }
  }
});

test("a manual page is troff that starts no line with a stray command", () => {
  for (const entry of entries) {
    const page = renderMan(entry, "1.0.0", ["dev"]);
    assert.match(page, new RegExp(`^\\.TH ${manName(entry.path).toUpperCase()} 1 `));
    for (const line of page.split("\n")) {
      assert.match(line, /^(?:\.(?:TH|SH|TP|B|BR|I|nf|fi)\b|[^.'].*$|$)/, `${entry.path}: ${line}`);
    }
  }
});

function names(text: string, pattern: RegExp): string[] {
  const found = [...text.matchAll(pattern)].map(([, name]) => name!);
  return [...new Set(found)].sort();
}
