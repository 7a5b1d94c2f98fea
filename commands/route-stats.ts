import { systemClock } from "../src/base/clock.ts";
import type { ArgumentSpec, Command, CommandContext, FlagSpec } from "../src/cli/command.ts";
import { explainNothing } from "../src/collect/explain-nothing.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { collectRouteStats, type RouteStatsQuery } from "../src/collect/route-stats.ts";
import { parsePodsSelection } from "../src/collect/selector.ts";
import { checkWindow } from "../src/collect/stat-query.ts";
import { describeCoverage, summarizeCoverage } from "../src/collect/stats.ts";
import type { RouteRow } from "../src/observe/route-row.ts";
import {
  NAMESPACE_FLAG,
  outputFlag,
  SELECTOR_FLAG,
  STAT_FORMATS,
  TIME_WINDOW_FLAG,
  WATCH_FLAG,
} from "../src/views/live-flags.ts";
import { parseViewFormat, type TableContent, type ViewFormat } from "../src/views/mesh-view.ts";
import { showView } from "../src/views/show-view.ts";

/** What the verbs by route have in common. */
export const ROUTE_FLAGS: readonly FlagSpec[] = [NAMESPACE_FLAG, TIME_WINDOW_FLAG, SELECTOR_FLAG, WATCH_FLAG];

export function routeResource(kinds: readonly string[]): ArgumentSpec {
  return {
    name: "resource",
    summary: "TYPE/NAME or TYPE NAME",
    required: true,
    variadic: true,
    choices: kinds,
  };
}

export interface RouteVerb {
  readonly context: CommandContext;
  readonly format: ViewFormat;
  readonly watch: boolean;
  /** Without namespace, where the context decides. */
  readonly query: (contextNamespace: string) => RouteStatsQuery;
  readonly tables: (rows: readonly RouteRow[]) => readonly TableContent[];
  readonly data: (rows: readonly RouteRow[]) => unknown;
}

/** `stat-inbound` and `stat-outbound`: what the proxies of a resource saw on one of their sides. */
export function sideCommand(
  side: "inbound" | "outbound",
  {
    summary,
    description,
    tables,
    data,
  }: Pick<Command, "summary" | "description"> & Pick<RouteVerb, "tables" | "data">,
): Command {
  const name = `stat-${side}`;
  return {
    name,
    summary,
    ...(description === undefined ? {} : { description }),
    arguments: [routeResource(["deploy", "ds", "sts", "rs", "rc", "job", "cj", "po", "ns"])],
    flags: [...ROUTE_FLAGS, outputFlag(STAT_FORMATS)],
    examples: [{ command: `meshctl ${name} deploy/web -n demo`, does: "of one deployment" }],
    async run(options, args, context) {
      const selection = parsePodsSelection(args, name, ["namespace"]);
      return showRouteStats({
        context,
        format: parseViewFormat(options.output as string | undefined, STAT_FORMATS),
        watch: options.watch === true,
        query: (contextNamespace) => ({
          selection,
          side,
          namespace: (options.namespace as string | undefined) ?? contextNamespace,
          windowMs: options.timeWindow as number,
          labelSelector: options.selector as string | undefined,
        }),
        tables,
        data,
      });
    },
  };
}

/** Collects figures by route and shows them as the verb wants it. */
export async function showRouteStats(verb: RouteVerb): Promise<{ readonly exitCode: number }> {
  const { context, format, watch } = verb;
  // A wrong line fails before a cluster is looked for.
  checkWindow(verb.query("default").windowMs);
  const kube = await openCluster(context);
  try {
    const query = verb.query(kube.namespace);
    await showView({
      console: context.console,
      signal: context.signal,
      clock: systemClock,
      format,
      watch,
      async collect(stop) {
        const { rows, coverage, narrowed } = await collectRouteStats(kube, query, stop);
        const why = rows.length === 0 ? await explainNothing(kube, query, stop) : undefined;
        return {
          tables: verb.tables(rows),
          data: verb.data(rows),
          empty: `No traffic found.\n${why === undefined ? "" : `${why}\n`}`,
          notices: [
            ...(narrowed
              ? [`only pods of namespace ${query.namespace} may be listed: others are missing`]
              : []),
            ...[describeCoverage(coverage) ?? []].flat(),
          ],
          footer: summarizeCoverage(coverage),
        };
      },
    });
    return { exitCode: 0 };
  } finally {
    kube.close();
  }
}
