import type { Command } from "../../src/cli/command.ts";
import { openCluster } from "../../src/collect/open-cluster.ts";
import { collectToldProfile } from "../../src/collect/told-policy.ts";
import { DESTINATION_POD_FLAG, tokenFlag } from "./flags.ts";

export const command: Command = {
  name: "profile",
  summary: "the profile of an address, as proxies are told",
  description:
    "Routes of a ServiceProfile, whether the port is opaque, and for a pod's address its endpoint. JSON.",
  arguments: [{ name: "address", summary: "10.0.0.1:8080, or a name and port", required: true }],
  flags: [DESTINATION_POD_FLAG, tokenFlag("")],
  examples: [{ command: "meshctl diagnostics profile 10.96.0.10:80", does: "what is behind an address" }],
  async run(options, args, context) {
    const kube = await openCluster(context);
    try {
      const profile = await collectToldProfile(
        kube,
        {
          target: args[0]!,
          address: context.globals.apiAddr,
          controlPlane: context.globals.meshctlNamespace,
          pod: options.destinationPod as string | undefined,
          token: (options.token as string | undefined) ?? "",
        },
        context.signal,
      );
      context.console.stdout.write(`${JSON.stringify(profile, undefined, 2)}\n`);
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};
