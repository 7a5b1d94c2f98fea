import type { Command } from "../src/cli/command.ts";
import { collectEdges } from "../src/collect/edges.ts";
import { parseEdgesQuery } from "../src/collect/edges-query.ts";
import { explainNothing } from "../src/collect/explain-nothing.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { describeCoverage } from "../src/collect/stats.ts";
import { renderEdgesJson, renderEdgesTable } from "../src/views/edges-table.ts";
import { ALL_NAMESPACES_FLAG, NAMESPACE_FLAG, TABLE_OUTPUT_FLAG } from "../src/views/live-flags.ts";

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
  flags: [NAMESPACE_FLAG, ALL_NAMESPACES_FLAG, TABLE_OUTPUT_FLAG],
  examples: [
    { command: "meshctl edges deploy -n demo", does: "between deployments" },
    { command: "meshctl edges po -A -o wide", does: "between all pods, with their identities" },
  ],
  async run(options, args, context) {
    const { console, signal } = context;
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
      const { edges, coverage, narrowed } = await collectEdges(kube, query, signal);
      if (options.output === "json") console.stdout.write(renderEdgesJson(edges));
      else if (edges.length === 0) {
        const why = await explainNothing(kube, query, signal);
        console.stderr.write(`No edges found.\n${why === undefined ? "" : `${why}\n`}`);
      } else console.stdout.write(renderEdgesTable(edges, { wide: options.output === "wide" }));
      if (narrowed) {
        console.stderr.write(
          `only pods of namespace ${query.namespace} may be listed: edges from elsewhere are missing\n`,
        );
      }
      const footer = describeCoverage(coverage);
      if (footer) console.stderr.write(`${footer}\n`);
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};
