import { MeshError } from "../src/base/error.ts";
import type { Command } from "../src/cli/command.ts";
import { completionNodes, renderCompletion, SHELLS, type Shell } from "../src/cli/completion.ts";
import { VISIBLE_GLOBAL_FLAGS } from "../src/cli/globals.ts";
import { registry } from "./registry.ts";

export const command: Command = {
  name: "completion",
  summary: "completion script for bash, zsh or fish",
  description:
    "Prints a script for the shell to source. It holds every command, flag and fixed value; only for names of resources, namespaces and\n" +
    "contexts it asks this program, which asks the cluster.",
  arguments: [{ name: "SHELL", summary: "the shell", required: true, choices: SHELLS }],
  flags: [],
  examples: [
    { command: "source <(meshctl completion bash)", does: "bash, in this session" },
    { command: "source <(meshctl completion zsh)", does: "zsh, after compinit" },
    { command: "meshctl completion fish | source", does: "fish, in this session" },
  ],
  async run(_options, [shell], { console }) {
    if (!SHELLS.includes(shell as Shell)) {
      throw new MeshError({
        kind: "usage",
        code: "COMPLETION_SHELL_UNSUPPORTED",
        message: `no completion for the shell "${shell}"`,
        hint: `the shells are ${SHELLS.join(", ")}`,
      });
    }
    const visible = Object.entries(registry.verbs).filter(([, verb]) => !verb.hidden);
    const words = visible.map(([name, { summary }]) => ({ name, summary }));
    const nodes = [{ path: [], words, flags: VISIBLE_GLOBAL_FLAGS }];
    for (const [name, verb] of visible) {
      nodes.push(...((await completionNodes([name], (await verb.load()).command)) as typeof nodes));
    }
    console.stdout.write(renderCompletion(shell as Shell, nodes));
    return { exitCode: 0 };
  },
};
