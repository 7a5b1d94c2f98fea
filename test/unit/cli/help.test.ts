import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "../../../src/cli/command.ts";
import { renderCommandHelp, renderRootHelp } from "../../../src/cli/help.ts";
import { registryOf } from "../../support/cli.ts";

const WORDY =
  "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen";

const command: Command = {
  name: "wordy",
  summary: "says much",
  description: `${WORDY}\n${WORDY}\n\n- a list\n- stays`,
  flags: [{ name: "policy", type: "string", placeholder: "POLICY", summary: WORDY, choices: ["a", "b"] }],
  examples: [],
  run: async () => ({ exitCode: 0 }),
};

for (const columns of [60, 80, 120, 200]) {
  test(`help is never wider than ${columns} columns, nor than 120, and says every word`, () => {
    const help = renderCommandHelp(command, "meshctl wordy", columns);
    for (const line of help.split("\n")) assert.ok(line.length <= Math.min(columns, 120), line);
    const words = help.replace(/\s+/g, " ");
    assert.ok(words.includes(`${WORDY} ${WORDY} - a list - stays`));
    assert.ok(words.includes(`--policy POLICY ${WORDY}: a, b`));
    const root = renderRootHelp(registryOf([command]), "1.2.3", columns);
    for (const line of root.split("\n")) assert.ok(line.length <= Math.min(columns, 120), line);
  });
}

test("help goes on below its own column", () => {
  const help = renderCommandHelp(command, "meshctl wordy", 80);
  const flag = help.slice(help.indexOf("--policy POLICY"));
  const [first, second] = flag.split("\n");
  assert.equal(second!.search(/\S/), "      ".length + first!.indexOf("one"));
});

test("a list in a description stands as it was written", () => {
  assert.match(renderCommandHelp(command, "meshctl wordy", 60), /\n\n- a list\n- stays\n/);
});
