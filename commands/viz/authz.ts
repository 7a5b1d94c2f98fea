import { systemClock } from "../../src/base/clock.ts";
import type { Command } from "../../src/cli/command.ts";
import { collectAuthzStats } from "../../src/collect/authz-stats.ts";
import { openCluster } from "../../src/collect/open-cluster.ts";
import { parsePodsSelection } from "../../src/collect/selector.ts";
import { checkWindow } from "../../src/collect/stat-query.ts";
import { describeCoverage, summarizeCoverage } from "../../src/collect/stats.ts";
import { authzData, authzTables } from "../../src/views/authz-table.ts";
import {
  NAMESPACE_FLAG,
  outputFlag,
  STAT_FORMATS,
  TIME_WINDOW_FLAG,
  WATCH_FLAG,
} from "../../src/views/live-flags.ts";
import { parseViewFormat } from "../../src/views/mesh-view.ts";
import { showView } from "../../src/views/show-view.ts";

export const command: Command = {
  name: "authz",
  summary: "traffic of a resource by what authorized it",
  description:
    "A blank AUTHORIZATION is what nothing authorized: it was refused. Authorizations without traffic have `-`. The policies alone, without\n" +
    "traffic, shows `meshctl authz`.",
  arguments: [
    {
      name: "resource",
      summary: "TYPE/NAME or TYPE NAME",
      required: true,
      variadic: true,
      choices: ["deploy", "ds", "sts", "rs", "rc", "job", "cj", "po", "ns"],
    },
  ],
  flags: [NAMESPACE_FLAG, TIME_WINDOW_FLAG, WATCH_FLAG, outputFlag(STAT_FORMATS)],
  examples: [{ command: "meshctl viz authz deploy/web -n demo", does: "who gets in, and who does not" }],
  async run(options, args, context) {
    const { console, signal } = context;
    const format = parseViewFormat(options.output as string | undefined, STAT_FORMATS);
    const selection = parsePodsSelection(args, "authz", ["namespace"]);
    const windowMs = options.timeWindow as number;
    checkWindow(windowMs);
    const kube = await openCluster(context);
    try {
      const namespace = (options.namespace as string | undefined) ?? kube.namespace;
      await showView({
        console,
        signal,
        clock: systemClock,
        format,
        watch: options.watch === true,
        async collect(stop) {
          const { rows, notices, coverage } = await collectAuthzStats(
            kube,
            selection,
            namespace,
            windowMs,
            stop,
          );
          return {
            tables: authzTables(rows),
            data: authzData(rows),
            empty: "No traffic found.\n",
            notices: [...notices, ...[describeCoverage(coverage) ?? []].flat()],
            footer: summarizeCoverage(coverage),
          };
        },
      });
      return { exitCode: 0 };
    } finally {
      kube.close();
    }
  },
};
