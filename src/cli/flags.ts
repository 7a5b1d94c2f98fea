import { tryParseGoDuration } from "../base/duration.ts";
import type { FlagSpec, Options } from "./command.ts";

/** What a command line says, before anyone acts on it. */
export interface ParsedLine {
  readonly options: Options;
  /** Keys of the flags that were on the line. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
}

/** `meshctl-namespace` -> `meshctlNamespace` */
export function optionKey(flagName: string): string {
  return flagName.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** What stands for a value in help when the record names nothing better. */
export const DEFAULT_PLACEHOLDERS: Readonly<Record<FlagSpec["type"], string>> = {
  boolean: "",
  string: "TEXT",
  number: "N",
  duration: "DURATION",
  list: "LIST",
  repeat: "TEXT",
};

/** How help and messages write a flag's value. */
export function placeholderOf(flag: FlagSpec): string {
  if (flag.choices) return flag.choices.join("|");
  if (flag.placeholder !== undefined) return flag.placeholder;
  return DEFAULT_PLACEHOLDERS[flag.type];
}

/** A flag's default as its parsed value. */
export function defaultValue(flag: FlagSpec): unknown {
  if (flag.type !== "duration" || typeof flag.default !== "string") return flag.default;
  return tryParseGoDuration(flag.default);
}

/**
 * Reads a line whose only flags are booleans in full (`--client`), which needs no parser: commander is a third of the time that
 * `version --client` takes. Says what `parseLine` would.
 *
 * @returns undefined when the line has any other token with a dash
 */
export function tryPlainLine(
  flags: readonly FlagSpec[],
  tokens: readonly string[],
  stopAtWord: boolean,
): ParsedLine | undefined {
  const options: Record<string, unknown> = {};
  for (const flag of flags) {
    if (flag.default !== undefined) options[optionKey(flag.name)] = defaultValue(flag);
  }
  const given = new Set<string>();
  const args: string[] = [];
  for (const [index, token] of tokens.entries()) {
    if (!token.startsWith("-") || token === "-") {
      if (stopAtWord) return { options, given, args: tokens.slice(index) };
      args.push(token);
      continue;
    }
    const flag = flags.find(({ name, type }) => type === "boolean" && token === `--${name}`);
    if (!flag) return undefined;
    options[optionKey(flag.name)] = true;
    given.add(optionKey(flag.name));
  }
  return { options, given, args };
}
