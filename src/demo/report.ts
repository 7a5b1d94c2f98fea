import { collectEdges, type EdgesResult } from "../collect/edges.ts";
import { resolveKind } from "../collect/kinds.ts";
import { collectStat, type StatQuery, type StatResult } from "../collect/stat.ts";
import { describeCoverage } from "../collect/stats.ts";
import type { KubeClient } from "../kube/client.ts";
import { renderEdgesTable } from "../views/edges-table.ts";
import { tableLines } from "../views/print-view.ts";
import { statTables } from "../views/stat-table.ts";
import { DEMO_NAMESPACE } from "./start.ts";
import { judgeDemo } from "./verdict.ts";

export const STAT_VIEW = { allNamespaces: false, wide: false } as const;

/** `stat deploy -n demo --unmeshed`: a pod without a proxy must show, or nobody would miss it. */
export function statQuery(windowMs: number): StatQuery {
  return {
    selections: [{ kind: resolveKind("deploy"), name: undefined }],
    namespace: DEMO_NAMESPACE,
    windowMs,
    unmeshed: true,
  };
}

export interface DemoReport {
  /** The tables, as `stat` and `edges` print them. */
  readonly text: string;
  /** Empty when the demo is well. */
  readonly problems: readonly string[];
  readonly pods: number;
  readonly edges: number;
}

/** Asks the proxies once more, and judges. */
export async function reportDemo(
  kube: KubeClient,
  options: {
    readonly windowMs: number;
    readonly program: string;
    /** Of the terminal, if it is one: the table is then made to fit. */
    readonly columns: number | undefined;
    readonly signal: AbortSignal;
  },
): Promise<DemoReport> {
  const { windowMs, program, columns, signal } = options;
  const stat = await collectStat(kube, statQuery(windowMs), signal);
  const edges = await collectEdges(
    kube,
    { kind: resolveKind("deploy"), namespace: DEMO_NAMESPACE, windowMs },
    signal,
  );
  return {
    text: renderReport(stat, edges, program, columns),
    problems: judgeDemo(stat, edges),
    pods: stat.tables.flatMap(({ rows }) => rows).reduce((sum, row) => sum + (row.meshed?.total ?? 0), 0),
    edges: edges.edges.length,
  };
}

function renderReport(
  stat: StatResult,
  edges: EdgesResult,
  program: string,
  columns: number | undefined,
): string {
  const tables = statTables(stat.tables, STAT_VIEW).map(
    (table) => `${tableLines(table, columns).join("\n")}\n`,
  );
  const footer = describeCoverage(stat.coverage);
  const blocks = [
    `$ ${program} stat deploy -n ${DEMO_NAMESPACE}\n`,
    tables.join("\n") || "No traffic found.\n",
    footer === undefined ? "" : `${footer}\n`,
    `\n$ ${program} edges deploy -n ${DEMO_NAMESPACE}\n`,
    renderEdgesTable(edges.edges, { wide: false }) || "No edges found.\n",
  ];
  return blocks.join("");
}
