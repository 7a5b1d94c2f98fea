import type { Command } from "../../src/cli/command.ts";
import { collectControllerMetrics } from "../../src/collect/metrics-pods.ts";
import { openCluster } from "../../src/collect/open-cluster.ts";
import { renderMetrics } from "../../src/views/metrics-text.ts";

export const command: Command = {
  name: "controller-metrics",
  summary: "metrics of the control plane",
  flags: [
    {
      name: "wait",
      short: "w",
      type: "duration",
      default: "30s",
      summary: "how long to wait for each container",
    },
  ],
  examples: [{ command: "meshctl diagnostics controller-metrics", does: "of every container" }],
  async run(options, _args, context) {
    const kube = await openCluster(context);
    try {
      const { meshctlNamespace } = context.globals;
      const parts = await collectControllerMetrics(
        kube,
        meshctlNamespace,
        options.wait as number,
        context.signal,
      );
      context.console.stdout.write(renderMetrics(parts, { obfuscate: false }));
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};
