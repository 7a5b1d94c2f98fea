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
    stdout: options.alternateScreen ? homing(console.stdout.stream) : console.stdout.stream,
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

const ENTER_ALTERNATE = "\u001b[?1049h";
const HOME = "\u001b[H";

/**
 * A terminal whose alternate screen begins at the top: entering it clears it and leaves the cursor where it was, and ink draws from
 * there on.
 */
function homing(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  const write = (chunk: unknown, ...rest: unknown[]): boolean => {
    const data = chunk === ENTER_ALTERNATE ? `${ENTER_ALTERNATE}${HOME}` : chunk;
    return (stream.write as (...all: unknown[]) => boolean).call(stream, data, ...rest);
  };
  return new Proxy(stream, {
    get(target, key) {
      if (key === "write") return write;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
