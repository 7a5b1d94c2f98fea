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

/** What a line without any words says. Needs no parser: a proxy starts without one. */
export function emptyLine(flags: readonly FlagSpec[]): ParsedLine {
  const options: Record<string, unknown> = {};
  for (const flag of flags) {
    if (flag.default !== undefined) options[optionKey(flag.name)] = defaultValue(flag);
  }
  return { options, given: new Set(), args: [] };
}
