import chalk from "chalk";
import { Box, Text, useApp, useInput, useWindowSize } from "ink";
import { createElement as h, type ReactElement, useEffect, useState } from "react";
import type { Console } from "../cli/console.ts";
import type { TopKeys, TopRow, TopSort } from "../observe/top-rows.ts";
import { showScreen } from "./show-screen.ts";
import { renderTable } from "./table.ts";
import { topCells } from "./top-cells.ts";

const REDRAW_MS = 200;
const SCROLL_CELLS = 5;
const SORTS: readonly TopSort[] = ["count", "worst", "success"];
/** Lines that are not rows: two hints, a blank, the header, the notice. */
const FRAME_LINES = 5;

export interface TopScreenOptions {
  readonly console: Console;
  readonly signal: AbortSignal;
  readonly keys: TopKeys;
  readonly rows: (sort: TopSort) => readonly TopRow[];
  /** The latest notice: a proxy that is silent, lines that were lost. */
  readonly notice: () => string | undefined;
  /** Resolves when no stream is left. */
  readonly ended: Promise<void>;
}

/** Shows the live table until `q`, Ctrl-C or the signal. When every stream has ended, it stays and says so. */
export async function showTopScreen(options: TopScreenOptions): Promise<void> {
  await showScreen(h(TopScreen, options), options.console, options.signal, { alternateScreen: true });
}

/**
 *   running --p--> paused --p--> running      q, Ctrl-C: leaves
 *   a, left / d, right: scroll by five cells   s: next order
 */
function TopScreen(options: TopScreenOptions): ReactElement {
  const { exit } = useApp();
  const { rows: height, columns: width } = useWindowSize();
  const [scroll, setScroll] = useState(0);
  const [sort, setSort] = useState<TopSort>("count");
  const [paused, setPaused] = useState(false);
  const [ended, setEnded] = useState(false);
  const [rows, setRows] = useState<readonly TopRow[]>([]);
  const press = (letter: string): void => {
    if (letter === "q") exit();
    else if (letter === "a") setScroll((cells) => Math.max(0, cells - SCROLL_CELLS));
    else if (letter === "d") setScroll((cells) => cells + SCROLL_CELLS);
    else if (letter === "p") setPaused((now) => !now);
    else if (letter === "s") setSort((now) => SORTS[(SORTS.indexOf(now) + 1) % SORTS.length]!);
  };
  useInput((input, key) => {
    if (key.leftArrow) press("a");
    else if (key.rightArrow) press("d");
    // Keys that were pressed quickly arrive as one text.
    else for (const letter of input) press(letter);
  });
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
    setRows(options.rows(sort));
    const timer = setInterval(() => setRows(options.rows(sort)), REDRAW_MS);
    return () => clearInterval(timer);
  }, [paused, sort, options]);
  const notice = ended ? "every stream has ended; press q to quit" : options.notice();
  return h(TopFrame, { rows, keys: options.keys, scroll, sort, paused, notice, height, width });
}

export interface TopFrameProps {
  readonly rows: readonly TopRow[];
  readonly keys: TopKeys;
  /** Cells that are scrolled to the left. */
  readonly scroll: number;
  readonly sort: TopSort;
  readonly paused: boolean;
  readonly notice: string | undefined;
  readonly height: number;
  readonly width: number;
}

/** One picture of the screen. */
export function TopFrame(props: TopFrameProps): ReactElement {
  const { rows, keys, scroll, sort, paused, notice, height, width } = props;
  const { columns, cells } = topCells(rows.slice(0, Math.max(1, height - FRAME_LINES)), keys);
  const [header = "", ...lines] = renderTable(columns, cells, 2).trimEnd().split("\n");
  const cut = (line: string): string => [...line].slice(scroll, scroll + width).join("");
  return h(
    Box,
    { flexDirection: "column" },
    h(
      Text,
      { wrap: "truncate" },
      `(press q to quit, p to ${paused ? "go on" : "pause"}, s to sort: ${sort})`,
    ),
    h(Text, { wrap: "truncate" }, "(press a/LeftArrowKey to scroll left, d/RightArrowKey to scroll right)"),
    h(Text, null, " "),
    h(Text, { bold: true, wrap: "truncate" }, cut(header)),
    ...lines.map((line, index) => h(Text, { key: index, wrap: "truncate" }, colourRate(cut(line)))),
    rows.length === 0 ? h(Text, { key: "empty", dimColor: true }, "waiting for requests ...") : null,
    notice === undefined ? null : h(Text, { key: "notice", color: "yellow", wrap: "truncate" }, notice),
  );
}

function colourRate(line: string): string {
  return line.replace(/(\d+\.\d\d)%$/, (text, percent: string) => {
    const value = Number(percent);
    return value < 95 ? chalk.red(text) : value < 99 ? chalk.yellow(text) : text;
  });
}
