import chalk from "chalk";
import { Box, Text, useApp, useInput, useWindowSize } from "ink";
import { createElement as h, type ReactElement, useEffect, useState } from "react";
import type { Clock } from "../base/clock.ts";
import { formatGoDuration } from "../base/duration.ts";
import type { Console } from "../cli/console.ts";
import { fitTable } from "./fit-table.ts";
import type { MeshView, TableContent } from "./mesh-view.ts";
import { showScreen } from "./show-screen.ts";

const REFRESH_MS = 2000;
/** Lines that are no table: notice, footer, keys. */
const FRAME_LINES = 3;

export interface WatchScreenOptions {
  readonly console: Console;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly refresh: (signal: AbortSignal) => Promise<MeshView>;
  /** Lines above the tables. */
  readonly intro?: string | undefined;
}

/**
 * Keeps a view on the terminal, up to date, until `q`, Ctrl-C or the signal.
 *
 * Beside the shell's own lines (alternate screen): there a terminal that becomes narrower does not break lines that
 * are drawn already, of which remains would stay.
 *
 * @returns the last answer, for who wants to leave it behind
 */
export async function showWatchScreen(options: WatchScreenOptions): Promise<MeshView | undefined> {
  let last: MeshView | undefined;
  const refresh = async (signal: AbortSignal): Promise<MeshView> => {
    last = await options.refresh(signal);
    return last;
  };
  const screen = h(WatchScreen, { ...options, refresh });
  await showScreen(screen, options.console, options.signal, { alternateScreen: true });
  return last;
}

/**
 *   running --p--> paused --p--> running      q, Ctrl-C: leaves
 */
function WatchScreen(options: WatchScreenOptions): ReactElement {
  const { exit } = useApp();
  const { columns: width, rows: height } = useWindowSize();
  const [view, setView] = useState<MeshView | undefined>();
  const [failure, setFailure] = useState<string | undefined>();
  const [paused, setPaused] = useState(false);
  useInput((input) => {
    // Keys that were pressed quickly arrive as one text.
    for (const letter of input) {
      if (letter === "q") exit();
      else if (letter === "p") setPaused((now) => !now);
    }
  });
  useEffect(() => {
    if (paused) return;
    const stop = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const { clock, refresh } = options;
    let answeredAtMs = clock.monotonic();
    const turn = async (): Promise<void> => {
      try {
        setView(await refresh(stop.signal));
        setFailure(undefined);
        answeredAtMs = clock.monotonic();
      } catch (error) {
        if (stop.signal.aborted) return;
        // The last table stays, with what went wrong under it; the next turn may mend it.
        const seconds = Math.round((clock.monotonic() - answeredAtMs) / 1000) * 1000;
        const message = error instanceof Error ? error.message : String(error);
        setFailure(`${message} (no answer for ${formatGoDuration(seconds)})`);
      }
      if (!stop.signal.aborted) timer = setTimeout(turn, REFRESH_MS);
    };
    void turn();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [options, paused]);
  return h(WatchFrame, { intro: options.intro, view, failure, paused, width, height });
}

export interface WatchFrameProps {
  readonly intro?: string | undefined;
  /** Undefined until the first answer. */
  readonly view: MeshView | undefined;
  /** Why the latest question has no answer. */
  readonly failure: string | undefined;
  readonly paused: boolean;
  readonly width: number;
  readonly height: number;
}

/** One picture of the screen. */
export function WatchFrame(props: WatchFrameProps): ReactElement {
  const { intro, view, failure, paused, width, height } = props;
  const tables = view?.tables ?? [];
  const notices = failure === undefined ? (view?.notices ?? []) : [failure];
  const footer = view?.footer === undefined ? 0 : 1;
  const introLines = intro?.split("\n") ?? [];
  // A blank line after each table.
  const room = Math.max(
    1,
    height - FRAME_LINES - notices.length - footer - tables.length - introLines.length,
  );
  const { shown, hiddenRows, hiddenColumns } = fitTables(tables, width, room);
  const blocks = shown.map(([header = "", ...lines], index) =>
    h(
      Box,
      // Tables have no names of their own, and their order is fixed.
      { key: index, flexDirection: "column", marginBottom: 1 },
      h(Text, { bold: true, wrap: "truncate" }, header),
      ...lines.map((line, at) => h(Text, { key: at, wrap: "truncate" }, colourRates(line))),
    ),
  );
  const hidden = [
    ...(hiddenRows > 0 ? [`${hiddenRows} more ${hiddenRows === 1 ? "row" : "rows"}`] : []),
    ...hiddenColumns,
  ];
  const state =
    view === undefined ? "asking the proxies ..." : tables.length === 0 ? view.empty.trimEnd() : "";
  const line = (key: string, props: object, text: string) => h(Text, { key, ...props }, text);
  return h(
    Box,
    { flexDirection: "column" },
    ...introLines.map((text, index) => line(`intro${index}`, { wrap: "truncate" }, text === "" ? " " : text)),
    ...blocks,
    state === "" ? null : line("state", {}, state),
    hidden.length === 0
      ? null
      : line("hidden", { color: "yellow", wrap: "truncate" }, `no room for: ${hidden.join(", ")}`),
    ...notices.map((text, index) => line(`notice${index}`, { color: "yellow" }, text)),
    footer === 0 ? null : line("footer", { dimColor: true, wrap: "truncate" }, view!.footer!),
    line("keys", { dimColor: true }, `(press q to quit, p to ${paused ? "go on" : "pause"})`),
  );
}

function fitTables(
  tables: readonly TableContent[],
  width: number,
  room: number,
): {
  readonly shown: readonly (readonly string[])[];
  readonly hiddenRows: number;
  readonly hiddenColumns: readonly string[];
} {
  const shown: (readonly string[])[] = [];
  const hiddenColumns = new Set<string>();
  let left = room;
  let hiddenRows = 0;
  for (const table of tables) {
    const fitted = fitTable(table, width);
    for (const header of fitted.hidden) hiddenColumns.add(header);
    const lines = fitted.lines.slice(0, Math.max(0, left));
    hiddenRows += Math.max(0, fitted.lines.length - Math.max(1, lines.length));
    left -= lines.length;
    // A header alone says nothing.
    if (lines.length > 1) shown.push(lines);
  }
  return { shown, hiddenRows, hiddenColumns: [...hiddenColumns] };
}

/** Success rates by how they are: red below 95 %, yellow below 99 %. */
export function colourRates(line: string): string {
  return line.replace(/(\d+\.\d\d)%/, (text, percent: string) => {
    const value = Number(percent);
    return value < 95 ? chalk.red(text) : value < 99 ? chalk.yellow(text) : text;
  });
}
