import type { Command } from "../src/cli/command.ts";
import { planUninstall } from "../src/install/plan-uninstall.ts";
import { printObjects } from "../src/install/print-objects.ts";

export const command: Command = {
  name: "uninstall",
  summary: "print what an installation put into the cluster, to delete it",
  description: "Refuses while pods outside the control plane are meshed. Changes nothing itself.",
  flags: [
    { name: "force", short: "f", type: "boolean", summary: "also while pods are meshed" },
    {
      name: "output",
      short: "o",
      type: "string",
      placeholder: "FORMAT",
      summary: "format",
      choices: ["yaml", "json"],
      default: "yaml",
    },
  ],
  examples: [{ command: "meshctl uninstall | kubectl delete -f -", does: "remove the mesh" }],
  async run(options, _args, { console, globals, env }) {
    const { createKubeClient } = await import("../src/kube/connect.ts");
    const { kubeconfig, context, as, asGroup, meshctlNamespace } = globals;
    const kube = await createKubeClient({ kubeconfig, context, as, asGroups: asGroup, env });
    try {
      const objects = await planUninstall(kube, meshctlNamespace, options.force === true);
      console.stdout.write(printObjects(objects, options.output as "yaml" | "json"));
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};
