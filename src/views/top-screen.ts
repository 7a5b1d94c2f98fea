import chalk from "chalk";
import { Box, type Key, Text, useApp, useInput, useWindowSize } from "ink";
import { createElement as h, type ReactElement, useEffect, useState } from "react";
import type { Console } from "../cli/console.ts";
import type { TopKeys, TopRow, TopSort } from "../observe/top-rows.ts";
import { showScreen } from "./show-screen.ts";
import { renderTable } from "./table.ts";
import { topCells } from "./top-cells.ts";
import { topDetail } from "./top-detail.ts";
import { pressTopKey, TOP_START, type TopKey, type TopState } from "./top-keys.ts";

const REDRAW_MS = 200;
/** Lines that are no rows: two hints, a blank, the header, the footer. */
const FRAME_LINES = 5;

export interface TopScreenOptions {
  readonly console: Console;
  readonly signal: AbortSignal;
  readonly keys: TopKeys;
  /** Begins with each path as it is. */
  readonly rawPaths?: boolean;
  readonly rows: (sort: TopSort, paths: "raw" | "grouped") => readonly TopRow[];
  /** The latest notice: a proxy that is silent, lines that were lost. */
  readonly notice: () => string | undefined;
  /** How many proxies stream. */
  readonly footer: string;
  /** Resolves when no stream is left. */
  readonly ended: Promise<void>;
}

/** Shows the live table until `q`, Ctrl-C or the signal. When every stream has ended, it stays and says so. */
export async function showTopScreen(options: TopScreenOptions): Promise<void> {
  await showScreen(h(TopScreen, options), options.console, options.signal, { alternateScreen: true });
}

function TopScreen(options: TopScreenOptions): ReactElement {
  const { exit } = useApp();
  const { rows: height, columns: width } = useWindowSize();
  const [{ state, pinned }, setPressed] = useState<Pressed>({
    state: { ...TOP_START, grouped: options.rawPaths !== true },
    pinned: undefined,
  });
  const [ended, setEnded] = useState(false);
  const [rows, setRows] = useState<readonly TopRow[]>([]);
  const { sort, grouped, paused } = state;
  const shown = rows.filter((row) => hasText(row, state.filter));
  const current = follow(state, pinned, shown);
  useInput((input, key) => {
    // From what was before this key, which may not have been drawn yet.
    setPressed((before) => {
      const start = follow(before.state, before.pinned, shown);
      const next = keysOf(input, key).reduce((now, one) => pressTopKey(now, one, shown.length), start);
      return { state: next, pinned: next.chosen === undefined ? undefined : shown[next.chosen]?.key };
    });
  });
  useEffect(() => {
    if (state.done) exit();
  }, [state.done, exit]);
  useEffect(() => {
    let gone = false;
    const over = options.ended.catch(() => {});
    void over.then(() => {
      if (!gone) setEnded(true);
    });
    return () => {
      gone = true;
    };
  }, [options.ended]);
  useEffect(() => {
    if (paused) return;
    const refresh = (): void => setRows(options.rows(sort, grouped ? "grouped" : "raw"));
    refresh();
    const timer = setInterval(refresh, REDRAW_MS);
    return () => clearInterval(timer);
  }, [paused, sort, grouped, options]);
  const notice = ended ? "every stream has ended; press q to quit" : options.notice();
  return h(TopFrame, {
    rows,
    keys: options.keys,
    state: current,
    notice,
    footer: options.footer,
    height,
    width,
  });
}

/** What the keys have made, and the key of the chosen row: it stays chosen wherever the order takes it. */
interface Pressed {
  readonly state: TopState;
  readonly pinned: string | undefined;
}

function follow(state: TopState, pinned: string | undefined, shown: readonly TopRow[]): TopState {
  const at = shown.findIndex(({ key }) => key === pinned);
  return state.chosen !== undefined && at >= 0 ? { ...state, chosen: at } : state;
}

/** Keys that were pressed quickly arrive as one text. */
function keysOf(input: string, key: Key): readonly TopKey[] {
  if (key.leftArrow) return [{ name: "left" }];
  if (key.rightArrow) return [{ name: "right" }];
  if (key.upArrow) return [{ name: "up" }];
  if (key.downArrow) return [{ name: "down" }];
  if (key.return) return [{ name: "enter" }];
  if (key.escape) return [{ name: "escape" }];
  if (key.backspace || key.delete) return [{ name: "backspace" }];
  if (key.ctrl || key.meta) return [];
  return [...input].map((letter) => ({ letter }));
}

export interface TopFrameProps {
  readonly rows: readonly TopRow[];
  readonly keys: TopKeys;
  readonly state: TopState;
  readonly notice: string | undefined;
  readonly footer: string;
  readonly height: number;
  readonly width: number;
}

/** One picture of the screen. */
export function TopFrame(props: TopFrameProps): ReactElement {
  const { keys, state, notice, footer, height, width } = props;
  const rows = props.rows.filter((row) => hasText(row, state.filter));
  const chosen = state.chosen === undefined ? undefined : Math.min(state.chosen, rows.length - 1);
  const chosenRow = chosen === undefined ? undefined : rows[chosen];
  const detail = state.detail && chosenRow ? ["", ...topDetail(chosenRow, width)] : [];
  const room = Math.max(1, height - FRAME_LINES - (notice === undefined ? 0 : 1) - detail.length);
  // The chosen row stays in sight.
  const first = chosen === undefined ? 0 : Math.max(0, Math.min(chosen - room + 1, rows.length - room));
  const { columns, cells } = topCells(rows.slice(first, first + room), keys);
  const [header = "", ...lines] = renderTable(columns, cells, 2).trimEnd().split("\n");
  const cut = (line: string): string => [...line].slice(state.scroll, state.scroll + width).join("");
  const line = (key: string, text: string, more: object = {}): ReactElement =>
    h(Text, { key, wrap: "truncate", ...more }, text === "" ? " " : text);
  return h(
    Box,
    { flexDirection: "column" },
    line("keys", firstHint(state)),
    line("scroll", "(press a/Left and d/Right to scroll, Up and Down to choose, Enter for details)"),
    line("blank", ""),
    line("header", cut(header), { bold: true }),
    ...lines.map((text, index) =>
      line(`row${index}`, colourRate(cut(text)), { inverse: first + index === chosen }),
    ),
    rows.length === 0
      ? line("empty", props.rows.length === 0 ? "waiting for requests ..." : "no row has this text", {
          dimColor: true,
        })
      : null,
    ...detail.map((text, index) => line(`detail${index}`, text)),
    notice === undefined ? null : line("notice", notice, { color: "yellow" }),
    line("footer", footerText(rows.length, lines.length, first, footer), { dimColor: true }),
  );
}

function firstHint(state: TopState): string {
  if (state.typing) return `filter: ${state.filter}_ (Enter to keep it, Escape to leave it)`;
  const filter = state.filter === "" ? "/ to filter" : `/ to filter: "${state.filter}"`;
  const paths = state.grouped ? "g for raw paths" : "g to group paths";
  return `(press q to quit, p to ${state.paused ? "go on" : "pause"}, s to sort: ${state.sort}, ${filter}, ${paths})`;
}

function footerText(all: number, shown: number, first: number, footer: string): string {
  const which =
    shown === all
      ? `${all} ${all === 1 ? "row" : "rows"}`
      : `rows ${first + 1} to ${first + shown} of ${all}`;
  return `${which}; ${footer}`;
}

function hasText(row: TopRow, text: string): boolean {
  if (text === "") return true;
  return [row.source, row.destination, row.method, row.path, row.route].some((part) => part.includes(text));
}

function colourRate(line: string): string {
  return line.replace(/(\d+\.\d\d)%$/, (text, percent: string) => {
    const value = Number(percent);
    return value < 95 ? chalk.red(text) : value < 99 ? chalk.yellow(text) : text;
  });
}
