import type { Command } from "../src/cli/command.ts";
import { explainNothing } from "../src/collect/explain-nothing.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { listPods } from "../src/collect/pods.ts";
import { requireOneScope } from "../src/collect/stat-query.ts";
import { ALL_NAMESPACES_FLAG, NAMESPACE_FLAG } from "../src/views/live-flags.ts";
import { renderPodList } from "../src/views/pod-list.ts";

export const command: Command = {
  name: "list",
  summary: "pods with a proxy, and whether it can be tapped",
  flags: [NAMESPACE_FLAG, ALL_NAMESPACES_FLAG],
  examples: [{ command: "meshctl list -A", does: "in all namespaces" }],
  async run(options, _args, context) {
    const { console, signal } = context;
    const given = options.namespace as string | undefined;
    requireOneScope(options.allNamespaces === true, given);
    const kube = await openCluster(context);
    try {
      const namespace = options.allNamespaces === true ? undefined : (given ?? kube.namespace);
      const pods = await listPods(kube, { namespace, signal });
      const text = renderPodList(pods);
      if (text !== "") console.stdout.write(text);
      else {
        const why = await explainNothing(kube, { namespace }, signal);
        console.stderr.write(`No meshed pods found.\n${why === undefined ? "" : `${why}\n`}`);
      }
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};
