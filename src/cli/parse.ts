import { Option, Command as Parser } from "commander";
import { tryParseGoDuration } from "../base/duration.ts";
import { MeshError } from "../base/error.ts";
import { suggest } from "../base/suggest.ts";
import type { FlagSpec } from "./command.ts";
import { defaultValue, optionKey, type ParsedLine, placeholderOf } from "./flags.ts";

export interface ParseOptions {
  /** Stop at the first word that is no flag; it and all after it are `args`. */
  readonly stopAtWord?: boolean;
  /** `meshctl stat`, for messages. */
  readonly path: string;
}

/**
 * Reads flags by their records. Go's forms work too: `--flag=false`, `--name=value`, `-ojson`, `-o=json`, bundled letters.
 *
 * @throws MeshError `USAGE_FLAG_UNKNOWN`, `USAGE_FLAG_VALUE_MISSING`, `USAGE_FLAG_VALUE_INVALID`
 */
export function parseLine(
  flags: readonly FlagSpec[],
  tokens: readonly string[],
  options: ParseOptions,
): ParsedLine {
  const parser = new FlagParser(flags, options.path);
  if (options.stopAtWord) parser.passThroughOptions();
  const negated = new Set<string>();
  const { operands, unknown } = parser.parseOptions(
    rewriteBooleans(flags, tokens, negated, options.stopAtWord === true),
  );
  const stray = unknown[0];
  if (stray !== undefined) parser.unknownFlag(stray);
  const values: Record<string, unknown> = { ...parser.opts() };
  const given = new Set<string>();
  for (const flag of flags) {
    const key = optionKey(flag.name);
    if (parser.getOptionValueSource(key) === "cli") given.add(key);
    if (negated.has(key)) {
      given.add(key);
      values[key] = false;
    }
  }
  return { options: values, given, args: operands };
}

class FlagParser extends Parser {
  readonly #flags: readonly FlagSpec[];
  readonly #path: string;

  constructor(flags: readonly FlagSpec[], path: string) {
    super();
    this.#flags = flags;
    this.#path = path;
    this.helpOption(false);
    for (const flag of flags) this.addOption(createOption(flag));
  }

  /** Called by commander when the line ends where a value should be. */
  optionMissingArgument(option: Option): never {
    const flag = this.#flags.find(({ name }) => `--${name}` === option.long);
    throw new MeshError({
      kind: "usage",
      code: "USAGE_FLAG_VALUE_MISSING",
      message: `flag ${option.long} needs a value`,
      hint: flag && `write ${option.long} ${placeholderOf(flag)}: ${flag.summary}`,
    });
  }

  unknownFlag(token: string): never {
    const name = token.replace(/=.*$/s, "");
    const boolean = this.#flags.find((flag) => flag.type === "boolean" && `--${flag.name}` === name);
    if (boolean && token !== name) {
      throw invalid(boolean, token.slice(name.length + 1), "true or false");
    }
    const known = this.#flags.filter((flag) => !flag.hidden).map((flag) => `--${flag.name}`);
    const meant = name.startsWith("--") ? suggest(name, known) : undefined;
    throw new MeshError({
      kind: "usage",
      code: "USAGE_FLAG_UNKNOWN",
      message: `${this.#path} has no flag ${name}`,
      hint: meant ? `did you mean ${meant}?` : undefined,
    });
  }
}

function createOption(flag: FlagSpec): Option {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  const value = flag.type === "boolean" ? "" : " <value>";
  const option = new Option(`${short}--${flag.name}${value}`);
  if (flag.type !== "boolean") {
    option.argParser((text: string, previous: unknown) => readValue(flag, text, previous));
  }
  if (flag.default !== undefined) option.default(defaultValue(flag));
  // `--no-color` is a flag of that name here, not the negation of `color`.
  option.negate = false;
  option.attributeName = () => optionKey(flag.name);
  return option;
}

// Lists that were begun on this line; a default list is replaced, not continued.
const begun = new WeakSet<readonly string[]>();

function readValue(flag: FlagSpec, text: string, previous: unknown): unknown {
  switch (flag.type) {
    case "number": {
      if (!/^-?\d+(\.\d+)?$/.test(text)) throw invalid(flag, text, "a number");
      return Number(text);
    }
    case "duration": {
      const ms = tryParseGoDuration(text);
      // No flag means a time that is over.
      if (ms === undefined || ms < 0) throw invalid(flag, text, "a duration such as 30s, 5m or 1h30m");
      return ms;
    }
    case "list":
    case "repeat": {
      const words = flag.type === "list" ? text.split(",").filter((word) => word !== "") : [text];
      for (const word of words) checkChoice(flag, word);
      const list = Array.isArray(previous) && begun.has(previous) ? previous.concat(words) : words;
      begun.add(list);
      return list;
    }
    default:
      checkChoice(flag, text);
      return text;
  }
}

function checkChoice(flag: FlagSpec, text: string): void {
  if (!flag.choices || flag.choices.includes(text)) return;
  throw invalid(flag, text, `one of ${flag.choices.join(", ")}`, suggest(text, flag.choices));
}

function invalid(flag: FlagSpec, text: string, expected: string, meant?: string): MeshError {
  return new MeshError({
    kind: "usage",
    code: "USAGE_FLAG_VALUE_INVALID",
    message: `"${text}" is no value for --${flag.name}: expected ${expected}`,
    hint: meant && `did you mean ${meant}?`,
  });
}

/** `--flag=true` and `--flag=false` of booleans become the flag, or nothing; `-o=json` becomes `-ojson`. */
function rewriteBooleans(
  flags: readonly FlagSpec[],
  tokens: readonly string[],
  negated: Set<string>,
  stopAtWord: boolean,
): string[] {
  const rewritten: string[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (token === "--" || (stopAtWord && !token.startsWith("-"))) {
      rewritten.push(...tokens.slice(index));
      break;
    }
    const flag = flags.find(({ name }) => token === `--${name}` || token.startsWith(`--${name}=`));
    const short = flags.find((candidate) => candidate.short !== undefined && token === `-${candidate.short}`);
    const takesNext = (flag && token === `--${flag.name}` ? flag : short)?.type;
    if (takesNext !== undefined && takesNext !== "boolean") {
      // The next token is this flag's value, whatever it looks like.
      rewritten.push(token, ...tokens.slice(index + 1, index + 2));
      index++;
      continue;
    }
    const key = flag && optionKey(flag.name);
    if (flag?.type === "boolean" && token === `--${flag.name}=false`) negated.add(key!);
    else if (flag?.type === "boolean" && token === `--${flag.name}=true`) {
      negated.delete(key!);
      rewritten.push(`--${flag.name}`);
    } else {
      if (flag?.type === "boolean" && token === `--${flag.name}`) negated.delete(key!);
      rewritten.push(/^-[A-Za-z]=/.test(token) ? token.slice(0, 2) + token.slice(3) : token);
    }
  }
  return rewritten;
}
