import type { Command } from "../src/cli/command.ts";
import {
  COMPLETION_MS_MAX,
  completeNames,
  flagInLine,
  readCompletion,
} from "../src/collect/complete-words.ts";
import { openCluster } from "../src/collect/open-cluster.ts";

export const command: Command = {
  name: "__complete",
  summary: "names for completion scripts",
  hidden: true,
  takesAnything: true,
  arguments: [{ name: "word", summary: "the line up to the cursor", required: false, variadic: true }],
  flags: [],
  examples: [{ command: "meshctl __complete stat deploy ''", does: "names of deployments" }],
  async run(_options, words, context) {
    const completion = readCompletion(words);
    if (!completion) return { exitCode: 0 };
    const text = (...names: string[]) => flagInLine(words, names);
    const kubeconfig = text("--kubeconfig");
    try {
      let names: readonly string[];
      if (completion.of === "contexts") {
        const { listContexts } = await import("../src/kube/kubeconfig.ts");
        names = await listContexts({ kubeconfig, env: context.env });
      } else {
        const globals = { kubeconfig, context: text("--context"), as: text("--as"), asGroup: [] };
        const kube = await openCluster({ globals, env: context.env });
        try {
          const namespace = text("-n", "--namespace") ?? kube.namespace;
          const signal = AbortSignal.any([context.signal, AbortSignal.timeout(COMPLETION_MS_MAX)]);
          names = await completeNames(kube, completion, namespace, signal);
        } finally {
          kube.close();
        }
      }
      context.console.stdout.write(names.map((name) => `${name}\n`).join(""));
    } catch {
      // A shell in the middle of a line has no place for an error: there is nothing to offer.
    }
    return { exitCode: 0 };
  },
};
