import type { Clock } from "../base/clock.ts";
import { MeshError } from "../base/error.ts";
import type { Console } from "../cli/console.ts";
import type { MeshView, ViewFormat } from "./mesh-view.ts";
import { printView } from "./print-view.ts";

export interface ShowViewOptions {
  readonly console: Console;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly format: ViewFormat;
  /** `--watch`: on a terminal the table stays, up to date; elsewhere it is printed once. */
  readonly watch: boolean;
  readonly collect: (signal: AbortSignal) => Promise<MeshView>;
}

/**
 * Prints a view, or keeps it on the screen and leaves the last one behind.
 *
 * @throws MeshError `VIEW_WATCH` for a format that is no table
 */
export async function showView(options: ShowViewOptions): Promise<void> {
  const { console, signal, clock, format, collect } = options;
  const isTable = format.kind === "table" || format.kind === "wide";
  if (options.watch && !isTable) {
    throw new MeshError({
      kind: "usage",
      code: "VIEW_WATCH",
      message: `--watch keeps a table on the screen, and ${format.kind} is none`,
      hint: "leave out --watch or --output",
    });
  }
  if (options.watch && console.stdout.isTty) {
    const { showWatchScreen } = await import("./watch-screen.ts");
    const last = await showWatchScreen({ console, signal, clock, refresh: collect });
    if (last) printOnce(console, last, format);
    return;
  }
  printOnce(console, await collect(signal), format);
}

/** A view as text on stdout, what it lacks on stderr. */
export function printOnce(console: Console, view: MeshView, format: ViewFormat): void {
  const { stdout, stderr } = console;
  const isTable = format.kind === "table" || format.kind === "wide";
  if (isTable && view.tables.length === 0) stderr.write(view.empty);
  else stdout.write(printView(view, format, stdout.isTty ? stdout.columns : undefined));
  for (const notice of view.notices) stderr.write(`${notice}\n`);
}
