import { systemClock } from "../src/base/clock.ts";
import type { Command } from "../src/cli/command.ts";
import { explainNothing } from "../src/collect/explain-nothing.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { collectStat } from "../src/collect/stat.ts";
import { parseStatQuery } from "../src/collect/stat-query.ts";
import { describeCoverage, summarizeCoverage } from "../src/collect/stats.ts";
import {
  ALL_NAMESPACES_FLAG,
  NAMESPACE_FLAG,
  outputFlag,
  SELECTOR_FLAG,
  STAT_FORMATS,
  TIME_WINDOW_FLAG,
  WATCH_FLAG,
} from "../src/views/live-flags.ts";
import { type MeshView, parseViewFormat } from "../src/views/mesh-view.ts";
import { showView } from "../src/views/show-view.ts";
import { statData, statTables } from "../src/views/stat-table.ts";

export const command: Command = {
  name: "stat",
  summary: "success rate, requests, latency and connections of resources",
  description:
    "Asks the proxies of the selected pods for their last minute; no Prometheus is needed. Without a filter the numbers are the\n" +
    "traffic that came in; with --to, what went out to that resource; services are seen from their clients.\n" +
    "A resource is TYPE, TYPE/NAME or TYPE NAME...: deploy, ds, sts, rs, rc, job, cj, po, svc, ns, or all; or a policy: srv, httproute,\n" +
    "ap, saz, whose numbers are what it decided about.",
  arguments: [
    {
      name: "resource",
      summary: "what to show",
      required: true,
      variadic: true,
      choices: [
        "deploy",
        "ds",
        "sts",
        "rs",
        "rc",
        "job",
        "cj",
        "po",
        "svc",
        "ns",
        "srv",
        "httproute",
        "ap",
        "saz",
        "all",
      ],
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
    outputFlag(STAT_FORMATS),
    SELECTOR_FLAG,
    { name: "unmeshed", type: "boolean", summary: "also resources without a proxy" },
    WATCH_FLAG,
  ],
  examples: [
    { command: "meshctl stat deploy -n demo", does: "every deployment of a namespace" },
    { command: "meshctl stat deploy/web --to svc/books -n demo", does: "what web sees of one service" },
    { command: "meshctl stat ns -A -o json", does: "all namespaces, for scripts" },
    { command: "meshctl stat srv -n demo", does: "what each Server let in, and refused" },
  ],
  async run(options, args, context) {
    const { console, signal } = context;
    const format = parseViewFormat(options.output as string | undefined, STAT_FORMATS);
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
      const shape = { allNamespaces: options.allNamespaces === true, wide: format.kind === "wide" };
      const collect = async (stop: AbortSignal): Promise<MeshView> => {
        const { tables, coverage, narrowed } = await collectStat(kube, query, stop);
        const why = tables.length === 0 ? await explainNothing(kube, query, stop) : undefined;
        return {
          tables: statTables(tables, shape),
          data: statData(tables),
          empty: `No traffic found.\n${why === undefined ? "" : `${why}\n`}`,
          notices: [
            ...(narrowed
              ? [`only pods of namespace ${query.namespace} may be listed: clients elsewhere are missing`]
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
