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

const look: Command = {
  name: "look",
  summary: "at things",
  arguments: [{ name: "resource", summary: "which", required: true, choices: ["deploy", "po"] }],
  flags: [{ name: "namespace", short: "n", type: "string", summary: "where" }],
  examples: [],
  run: async () => ({ exitCode: 0 }),
};

async function script(shell: (typeof SHELLS)[number]): Promise<string> {
  const root = { path: [], words: [{ name: "dev", summary: "local cluster" }], flags: GLOBAL_FLAGS };
  const below = [await completionNodes(["dev"], dev), await completionNodes(["look"], look)];
  return renderCompletion(shell, [root, ...below.flat()]);
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

/** Answers for `meshctl __complete`, by the last words of the question. */
const STUB = `meshctl() {
  case "$*" in
    "__complete look deploy w"|"__complete look deploy ") echo web ;;
    "__complete look deploy/w") echo deploy/web ;;
    "__complete look -n d"|"__complete look -n ") echo demo ;;
    "__complete --context ") echo here ;;
    *) echo "asked $*" ;;
  esac
}`;

for (const [words, expected] of [
  [["meshctl", "d"], ["dev"]],
  [["meshctl", "dev", "a"], ["apply"]],
  [
    ["meshctl", "dev", "-o", ""],
    ["table", "json"],
  ],
  [["meshctl", "dev", "apply", "--f"], ["--file"]],
  [["meshctl", "--verb"], ["--verbose"]],
  [
    ["meshctl", "look", ""],
    ["deploy", "po"],
  ],
  // What the program says, shown with what it was asked: a stub in these tests.
  [["meshctl", "look", "deploy", "w"], ["web"]],
  [["meshctl", "look", "deploy/w"], ["deploy/web"]],
  [["meshctl", "look", "-n", "d"], ["demo"]],
  [["meshctl", "--context", ""], ["here"]],
] as const) {
  test(`bash completes "${words.join(" ")}" to ${expected.join(", ")}`, async (t) => {
    const ask = [
      `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})`,
      `COMP_CWORD=${words.length - 1}`,
      "_meshctl",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it
      'printf "%s\\n" "${COMPREPLY[@]}"',
    ];
    const input = `${STUB}\n${await script("bash")}\n${ask.join("\n")}\n`;
    const { error, stdout, stderr } = spawnSync("bash", ["--norc"], { input, encoding: "utf8" });
    if (error) return t.skip("bash is not installed");
    assert.deepEqual(stdout.trim().split("\n"), expected, stderr);
  });
}

for (const [words, expected] of [
  [["meshctl", ""], ["dev:local cluster"]],
  [["meshctl", "dev", ""], ["apply:it's applied\\: all"]],
  [
    ["meshctl", "dev", "-o", ""],
    ["table", "json"],
  ],
  [["meshctl", "dev", "apply", ""], ["files"]],
  [["meshctl", "look", "deploy", ""], ["web"]],
  [["meshctl", "look", "-n", ""], ["demo"]],
] as const) {
  test(`zsh offers ${expected.join(", ")} after "${words.join(" ")}", and keeps PATH`, async (t) => {
    // What zsh's own functions would be given; outside of a completion there is nothing to complete.
    const stubs = [
      "compdef() { }",
      'compadd() { shift; print -rl -- "$@" }',
      "_files() { print files }",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it
      '_describe() { local -a them=("${(@P)argv[-1]}"); (( $#them )) && print -rl -- "${them[@]}" }',
    ];
    const ask = [
      `words=(${words.map((word) => `'${word}'`).join(" ")})`,
      `CURRENT=${words.length}`,
      `PREFIX='${words.at(-1)}'`,
      "before=$PATH",
      "_meshctl",
      "[[ $PATH == $before ]] || print 'PATH has changed'",
    ];
    const input = `${STUB}\n${stubs.join("\n")}\n${await script("zsh")}\n${ask.join("\n")}\n`;
    const { error, stdout, stderr } = spawnSync("zsh", ["-f"], { input, encoding: "utf8" });
    if (error) return t.skip("zsh is not installed");
    assert.deepEqual(stdout.trim().split("\n"), expected, stderr);
  });
}

test("bash offers flags only after a dash", async (t) => {
  const ask = ["COMP_WORDS=(meshctl dev '')", "COMP_CWORD=2", "_meshctl", 'echo "$' + '{COMPREPLY[*]}"'];
  const input = `${await script("bash")}\n${ask.join("\n")}\n`;
  const { error, stdout, stderr } = spawnSync("bash", ["--norc"], { input, encoding: "utf8" });
  if (error) return t.skip("bash is not installed");
  assert.equal(stdout.trim(), "apply", stderr);
});

for (const [line, expected] of [
  ["meshctl look deploy ", "web"],
  ["meshctl look -n ", "demo"],
  ["meshctl --context ", "here"],
] as const) {
  test(`fish completes "${line}" to ${expected}`, async (t) => {
    const stub = [
      "function meshctl",
      '  switch "$argv"',
      "    case '__complete look deploy '; echo web",
      "    case '__complete look -n '; echo demo",
      "    case '__complete --context '; echo here",
      "  end",
      "end",
    ];
    const input = `${stub.join("\n")}\n${await script("fish")}\ncomplete -C ${JSON.stringify(line)}\n`;
    const { error, stdout, stderr } = spawnSync("fish", ["--no-config", "-c", input], { encoding: "utf8" });
    if (error) return t.skip("fish is not installed");
    const words = stdout.split("\n").map((one) => one.split("\t")[0]);
    assert.ok(words.includes(expected), `${stdout}${stderr}`);
  });
}
