import chalk from "chalk";
import { render } from "ink";
import type { ReactElement } from "react";
import type { Console } from "../cli/console.ts";

/**
 * Keeps an ink screen on the terminal until it leaves by itself or the signal takes it away.
 *
 * @param console its stdout is a terminal: a verb prints tables elsewhere
 * @param options `alternateScreen`: draw beside the shell's own lines, which come back at the end
 */
export async function showScreen(
  element: ReactElement,
  console: Console,
  signal: AbortSignal,
  options: { readonly alternateScreen: boolean },
): Promise<void> {
  // ink shares this instance, and it does not know NO_COLOR.
  if (!console.stdout.hasColors) chalk.level = 0;
  const app = render(element, {
    stdout: console.stdout.stream,
    stdin: console.stdin.stream,
    stderr: console.stderr.stream,
    patchConsole: false,
    alternateScreen: options.alternateScreen,
    // Left to itself, ink draws nothing and hears no keys wherever the environment has a CI variable.
    interactive: true,
  });
  const onAbort = (): void => app.unmount();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await app.waitUntilExit();
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
