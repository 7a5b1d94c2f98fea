import { systemClock } from "../src/base/clock.ts";
import type { Command } from "../src/cli/command.ts";
import { collectEdges } from "../src/collect/edges.ts";
import { parseEdgesQuery } from "../src/collect/edges-query.ts";
import { explainNothing } from "../src/collect/explain-nothing.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { describeCoverage, summarizeCoverage } from "../src/collect/stats.ts";
import { edgesData, edgesTables } from "../src/views/edges-table.ts";
import {
  ALL_NAMESPACES_FLAG,
  EDGES_FORMATS,
  NAMESPACE_FLAG,
  outputFlag,
  WATCH_FLAG,
} from "../src/views/live-flags.ts";
import { type MeshView, parseViewFormat } from "../src/views/mesh-view.ts";
import { showView } from "../src/views/show-view.ts";

export const command: Command = {
  name: "edges",
  summary: "which resources talk to which, and whether mutual TLS secures it",
  description:
    "Connections that are open, or were opened in the last minute, in either direction of the namespace. SECURED is √, or why not.\n" +
    "-o wide adds the identities of both ends.",
  arguments: [
    {
      name: "type",
      summary: "kind of resource",
      required: true,
      choices: ["deploy", "ds", "sts", "rs", "rc", "job", "cj", "po", "ns"],
    },
  ],
  flags: [NAMESPACE_FLAG, ALL_NAMESPACES_FLAG, outputFlag(EDGES_FORMATS), WATCH_FLAG],
  examples: [
    { command: "meshctl edges deploy -n demo", does: "between deployments" },
    { command: "meshctl edges po -A -o wide", does: "between all pods, with their identities" },
  ],
  async run(options, args, context) {
    const { console, signal } = context;
    const format = parseViewFormat(options.output as string | undefined, EDGES_FORMATS);
    const queryIn = (contextNamespace: string) =>
      parseEdgesQuery({
        args,
        namespace: options.namespace as string | undefined,
        contextNamespace,
        allNamespaces: options.allNamespaces === true,
      });
    // A wrong line fails before a cluster is looked for.
    queryIn("default");
    const kube = await openCluster(context);
    try {
      const query = queryIn(kube.namespace);
      const collect = async (stop: AbortSignal): Promise<MeshView> => {
        const { edges, coverage, narrowed } = await collectEdges(kube, query, stop);
        const why = edges.length === 0 ? await explainNothing(kube, query, stop) : undefined;
        return {
          tables: edgesTables(edges, { wide: format.kind === "wide" }),
          data: edgesData(edges),
          empty: `No edges found.\n${why === undefined ? "" : `${why}\n`}`,
          notices: [
            ...(narrowed
              ? [`only pods of namespace ${query.namespace} may be listed: edges from elsewhere are missing`]
              : []),
            ...[describeCoverage(coverage) ?? []].flat(),
          ],
          footer: summarizeCoverage(coverage),
        };
      };
      await showView({
        console,
        signal,
        clock: systemClock,
        format,
        watch: options.watch === true,
        collect,
      });
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};
