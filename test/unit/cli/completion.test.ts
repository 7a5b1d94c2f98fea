import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "../../../src/cli/command.ts";
import { completionNodes, renderCompletion, SHELLS } from "../../../src/cli/completion.ts";
import { GLOBAL_FLAGS } from "../../../src/cli/globals.ts";

const apply: Command = {
  name: "apply",
  summary: "it's applied: all",
  flags: [{ name: "file", short: "f", type: "string", summary: "what's $HOME" }],
  examples: [],
  run: async () => ({ exitCode: 0 }),
};
const dev: Command = {
  name: "dev",
  summary: "local cluster",
  flags: [
    { name: "output", short: "o", type: "string", summary: "form", choices: ["table", "json"] },
    { name: "secret", type: "boolean", summary: "unseen", hidden: true },
  ],
  examples: [],
  subcommands: { apply: { summary: apply.summary, load: async () => apply } },
  run: async () => ({ exitCode: 0 }),
};

async function script(shell: (typeof SHELLS)[number]): Promise<string> {
  const root = { path: [], words: [{ name: "dev", summary: "local cluster" }], flags: GLOBAL_FLAGS };
  return renderCompletion(shell, [root, ...(await completionNodes(["dev"], dev))]);
}

for (const shell of SHELLS) {
  test(`the ${shell} script knows verbs, subcommands, flags and choices, and no hidden flag`, async () => {
    const text = await script(shell);
    for (const word of ["dev", "apply", "output", "meshctl-namespace", "table", "json"])
      assert.match(text, new RegExp(word));
    assert.doesNotMatch(text, /secret/);
  });

  test(`the ${shell} script is valid`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "meshctl-completion-"));
    t.after(() => rm(folder, { recursive: true }));
    const file = join(folder, "script");
    await writeFile(file, await script(shell));
    const { status, error, stderr } = spawnSync(shell, ["-n", file], { encoding: "utf8" });
    if (error) return t.skip(`${shell} is not installed`);
    assert.equal(status, 0, stderr);
  });
}

for (const [words, expected] of [
  [["meshctl", "d"], ["dev"]],
  [["meshctl", "dev", "a"], ["apply"]],
  [
    ["meshctl", "dev", "-o", ""],
    ["table", "json"],
  ],
  [["meshctl", "dev", "apply", "--f"], ["--file"]],
  [["meshctl", "--verb"], ["--verbose"]],
] as const) {
  test(`bash completes "${words.join(" ")}" to ${expected.join(", ")}`, async (t) => {
    const ask = [
      `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})`,
      `COMP_CWORD=${words.length - 1}`,
      "_meshctl",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it
      'printf "%s\\n" "${COMPREPLY[@]}"',
    ];
    const input = `${await script("bash")}\n${ask.join("\n")}\n`;
    const { error, stdout, stderr } = spawnSync("bash", ["--norc"], { input, encoding: "utf8" });
    if (error) return t.skip("bash is not installed");
    assert.deepEqual(stdout.trim().split("\n"), expected, stderr);
  });
}
