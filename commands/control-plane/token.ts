import { systemClock } from "../../src/base/clock.ts";
import type { Command } from "../../src/cli/command.ts";
import { FROM_FLAG, STATE_FLAG } from "./flags.ts";

export const command: Command = {
  name: "token",
  summary: "a token with which a proxy proves to be a service account, where there is no Kubernetes",
  description:
    "The control plane that serves the same directory accepts it. Whoever has the token is that account.",
  arguments: [{ name: "service-account", summary: "name of the account", required: true }],
  flags: [
    { ...FROM_FLAG, summary: "directory that the control plane serves" },
    STATE_FLAG,
    {
      name: "namespace",
      short: "n",
      type: "string",
      placeholder: "NAMESPACE",
      summary: "namespace of the account",
      default: "default",
    },
    { name: "duration", type: "duration", summary: "how long the token is good", default: "720h" },
  ],
  examples: [
    { command: "meshctl control-plane token web -n demo --from ./mesh > token", does: "for a proxy of web" },
  ],
  async run(options, [name], { cwd, console }) {
    const { fromDirectory, openState } = await import("./state.ts");
    const { issueToken } = await import("../../src/control/standalone/issue-token.ts");
    const nowMs = systemClock.now();
    const state = await openState({ state: options.state }, fromDirectory(options, cwd), cwd, nowMs);
    const account = { namespace: options.namespace as string, name: name! };
    const token = issueToken(state.tokenKey, account, { nowMs, lifetimeMs: options.duration as number });
    console.stdout.write(`${token}\n`);
    return { exitCode: 0 };
  },
};
