import type { Command } from "../../src/cli/command.ts";
import { collectProxyMetrics } from "../../src/collect/metrics-pods.ts";
import { openCluster } from "../../src/collect/open-cluster.ts";
import { parsePodsSelection } from "../../src/collect/selector.ts";
import { NAMESPACE_FLAG } from "../../src/views/live-flags.ts";
import { renderMetrics } from "../../src/views/metrics-text.ts";

export const command: Command = {
  name: "proxy-metrics",
  summary: "metrics of the proxies of a resource",
  arguments: [
    {
      name: "resource",
      summary: "whose proxies to ask: TYPE/NAME or TYPE NAME",
      required: true,
      variadic: true,
      choices: ["deploy", "ds", "sts", "rs", "rc", "job", "cj", "po"],
    },
  ],
  flags: [
    NAMESPACE_FLAG,
    {
      name: "obfuscate",
      type: "boolean",
      summary:
        "replace names of services, identities and addresses, so that the output can be shown to others",
    },
    {
      name: "wait",
      short: "w",
      type: "duration",
      default: "30s",
      summary: "how long to wait for each proxy",
    },
  ],
  examples: [
    { command: "meshctl diagnostics proxy-metrics po/web-1 -n demo", does: "of one pod" },
    { command: "meshctl diagnostics proxy-metrics deploy/web --obfuscate", does: "to attach to a report" },
  ],
  async run(options, args, context) {
    const selection = parsePodsSelection(args, "proxy-metrics");
    const kube = await openCluster(context);
    try {
      const namespace = (options.namespace as string | undefined) ?? kube.namespace;
      const parts = await collectProxyMetrics(
        kube,
        selection,
        namespace,
        options.wait as number,
        context.signal,
      );
      context.console.stdout.write(renderMetrics(parts, { obfuscate: options.obfuscate === true }));
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};
