import chalk from "chalk";
import { Box, Text, useApp, useInput, useWindowSize } from "ink";
import { createElement as h, type ReactElement, useEffect, useState } from "react";
import type { Console } from "../cli/console.ts";
import { showScreen } from "./show-screen.ts";
import { type StatTableOptions, type StatTableView, statCells } from "./stat-table.ts";
import { type Column, renderTable } from "./table.ts";

const REFRESH_MS = 2000;

/** One answer of the collector. */
export interface StatScreenResult<C> {
  readonly tables: readonly StatTableView[];
  readonly coverage: C;
}

export interface StatScreenOptions<C> {
  readonly console: Console;
  readonly signal: AbortSignal;
  readonly view: StatTableOptions;
  readonly refresh: (signal: AbortSignal) => Promise<StatScreenResult<C>>;
  readonly describeCoverage: (coverage: C) => string | undefined;
}

/** Keeps the tables of `stat` on the terminal until `q`, Ctrl-C or the signal. */
export async function showStatScreen<C>(options: StatScreenOptions<C>): Promise<void> {
  await showScreen(h(StatScreen<C>, options), options.console, options.signal, { alternateScreen: false });
}

function StatScreen<C>(options: StatScreenOptions<C>): ReactElement {
  const { exit } = useApp();
  const [frame, setFrame] = useState<Omit<StatFrameProps, "width">>({
    tables: undefined,
    view: options.view,
    notice: undefined,
  });
  useInput((input) => {
    // Keys that were pressed quickly arrive as one text.
    if (input.includes("q")) exit();
  });
  useEffect(() => {
    const stop = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const turn = async (): Promise<void> => {
      try {
        const { tables, coverage } = await options.refresh(stop.signal);
        setFrame({ tables, view: options.view, notice: options.describeCoverage(coverage) });
      } catch (error) {
        if (stop.signal.aborted) return;
        // The last table stays, with what went wrong under it; the next turn may mend it.
        const notice = error instanceof Error ? error.message : String(error);
        setFrame((last) => ({ ...last, notice }));
      }
      if (!stop.signal.aborted) timer = setTimeout(turn, REFRESH_MS);
    };
    void turn();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [options]);
  const { columns: width } = useWindowSize();
  return h(StatFrame, { ...frame, width });
}

export interface StatFrameProps {
  /** Undefined until the first answer. */
  readonly tables: readonly StatTableView[] | undefined;
  readonly view: StatTableOptions;
  readonly notice: string | undefined;
  /** Columns of the terminal. */
  readonly width: number;
}

/** One picture of the screen. */
export function StatFrame({ tables, view, notice, width }: StatFrameProps): ReactElement {
  const blocks = (tables ?? []).map((table) => {
    const { columns, cells } = statCells(
      table,
      view,
      (tables?.length ?? 0) > 1 ? `${table.kind.short}/` : "",
    );
    const [header = "", ...lines] = fitTable(columns, cells, width);
    return h(
      Box,
      { key: table.kind.name, flexDirection: "column", marginBottom: 1 },
      h(Text, { bold: true, wrap: "truncate" }, header),
      ...lines.map((line, index) => h(Text, { key: index, wrap: "truncate" }, colourLine(line))),
    );
  });
  const state =
    tables === undefined ? "asking the proxies ..." : tables.length === 0 ? "No traffic found." : "";
  return h(
    Box,
    { flexDirection: "column" },
    ...blocks,
    state === "" ? null : h(Text, { key: "state" }, state),
    notice === undefined ? null : h(Text, { key: "notice", color: "yellow" }, notice),
    h(Text, { key: "keys", dimColor: true }, "(press q to quit)"),
  );
}

/** Lines of a table with the widest gap that the terminal has room for. */
function fitTable(
  columns: readonly Column[],
  cells: readonly (readonly string[])[],
  width: number,
): string[] {
  for (let gap = 3; ; gap--) {
    const lines = renderTable(columns, cells, gap).trimEnd().split("\n");
    if (gap === 1 || lines.every((line) => line.length <= width)) return lines;
  }
}

/** Success rates by how they are: red below 95 %, yellow below 99 %. */
function colourLine(line: string): string {
  return line.replace(/(\d+\.\d\d)%/, (text, percent: string) => {
    const value = Number(percent);
    return value < 95 ? chalk.red(text) : value < 99 ? chalk.yellow(text) : text;
  });
}
