import type { Command } from "../src/cli/command.ts";
import { explainNothing } from "../src/collect/explain-nothing.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { collectStat } from "../src/collect/stat.ts";
import { parseStatQuery } from "../src/collect/stat-query.ts";
import { describeCoverage } from "../src/collect/stats.ts";
import {
  ALL_NAMESPACES_FLAG,
  NAMESPACE_FLAG,
  SELECTOR_FLAG,
  TABLE_OUTPUT_FLAG,
  TIME_WINDOW_FLAG,
} from "../src/views/live-flags.ts";
import { renderStatJson, renderStatTables } from "../src/views/stat-table.ts";

export const command: Command = {
  name: "stat",
  summary: "success rate, requests, latency and connections of resources",
  description:
    "Asks the proxies of the selected pods for their last minute; no Prometheus is needed. Without a filter the numbers are the\n" +
    "traffic that came in; with --to, what went out to that resource; services are seen from their clients.\n" +
    "A resource is TYPE, TYPE/NAME or TYPE NAME...: deploy, ds, sts, rs, rc, job, cj, po, svc, ns, or all.",
  arguments: [
    {
      name: "resource",
      summary: "what to show",
      required: true,
      variadic: true,
      choices: ["deploy", "ds", "sts", "rs", "rc", "job", "cj", "po", "svc", "ns", "all"],
    },
  ],
  flags: [
    NAMESPACE_FLAG,
    ALL_NAMESPACES_FLAG,
    TIME_WINDOW_FLAG,
    { name: "to", type: "string", placeholder: "RESOURCE", summary: "only traffic to this resource" },
    { name: "to-namespace", type: "string", placeholder: "NAMESPACE", summary: "namespace of --to" },
    { name: "from", type: "string", placeholder: "RESOURCE", summary: "only traffic from this resource" },
    { name: "from-namespace", type: "string", placeholder: "NAMESPACE", summary: "namespace of --from" },
    TABLE_OUTPUT_FLAG,
    SELECTOR_FLAG,
    { name: "unmeshed", type: "boolean", summary: "also resources without a proxy" },
    {
      name: "watch",
      short: "w",
      type: "boolean",
      summary: "keep the table on the screen, up to date (a terminal only)",
    },
  ],
  examples: [
    { command: "meshctl stat deploy -n demo", does: "every deployment of a namespace" },
    { command: "meshctl stat deploy/web --to svc/books -n demo", does: "what web sees of one service" },
    { command: "meshctl stat ns -A -o json", does: "all namespaces, for scripts" },
  ],
  async run(options, args, context) {
    const { console, signal } = context;
    const queryIn = (contextNamespace: string) =>
      parseStatQuery({
        args,
        namespace: options.namespace as string | undefined,
        contextNamespace,
        allNamespaces: options.allNamespaces === true,
        windowMs: options.timeWindow as number,
        to: options.to as string | undefined,
        toNamespace: options.toNamespace as string | undefined,
        from: options.from as string | undefined,
        fromNamespace: options.fromNamespace as string | undefined,
        labelSelector: options.selector as string | undefined,
        unmeshed: options.unmeshed === true,
      });
    // A wrong line fails before a cluster is looked for.
    queryIn("default");
    const kube = await openCluster(context);
    try {
      const query = queryIn(kube.namespace);
      const view = { allNamespaces: options.allNamespaces === true, wide: options.output === "wide" };
      if (options.watch === true && console.stdout.isTty && options.output !== "json") {
        const { showStatScreen } = await import("../src/views/stat-screen.ts");
        await showStatScreen({
          console,
          signal,
          view,
          refresh: (stop) => collectStat(kube, query, stop),
          describeCoverage,
        });
        return { exitCode: 0 };
      }
      const { tables, coverage, narrowed } = await collectStat(kube, query, signal);
      if (options.output === "json") console.stdout.write(renderStatJson(tables));
      else if (tables.length === 0) {
        const why = await explainNothing(kube, query, signal);
        console.stderr.write(`No traffic found.\n${why === undefined ? "" : `${why}\n`}`);
      } else console.stdout.write(renderStatTables(tables, view));
      if (narrowed) {
        console.stderr.write(
          `only pods of namespace ${query.namespace} may be listed: clients elsewhere are missing\n`,
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
