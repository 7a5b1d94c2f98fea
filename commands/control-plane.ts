import { MeshError } from "../src/base/error.ts";
import type { Command } from "../src/cli/command.ts";
import { runFromDirectory, STANDALONE_FLAGS } from "./control-plane/standalone.ts";

const load = (module: Promise<{ readonly command: Command }>): Promise<Command> =>
  module.then(({ command }) => command);

export const command: Command = {
  name: "control-plane",
  summary: "the processes that proxies ask: identity, and controller (discovery, policy, injector)",
  description:
    "With --from, both in one process, over a directory of YAML files instead of Kubernetes: Services, ExternalWorkloads, " +
    "EndpointSlices, policies, routes. LISTEN_HOST is the address to bind (default ::).",
  flags: STANDALONE_FLAGS,
  examples: [
    { command: "meshctl control-plane identity --help", does: "flags of one of the processes of a cluster" },
    { command: "meshctl control-plane --from ./mesh", does: "a mesh without Kubernetes" },
  ],
  subcommands: {
    identity: {
      summary: "issues certificates to service accounts",
      load: () => load(import("./control-plane/identity.ts")),
    },
    controller: {
      summary: "discovery, policy and the injector's webhook",
      load: () => load(import("./control-plane/controller.ts")),
    },
    token: {
      summary: "a token with which a proxy proves to be a service account, where there is no Kubernetes",
      load: () => load(import("./control-plane/token.ts")),
    },
  },
  async run(options, _args, context) {
    if (options.from !== undefined) return runFromDirectory(options, context);
    throw new MeshError({
      kind: "usage",
      code: "CONTROL_NO_PROCESS",
      message: "control-plane needs to know what to serve: identity, controller, or a directory (--from)",
      hint: "meshctl control-plane --help",
    });
  },
};
