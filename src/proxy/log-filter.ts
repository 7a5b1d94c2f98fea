import type { LogLevel } from "../base/log.ts";

/** Which lines are written: the level of each target, by its longest name that a directive has. */
export interface LogFilter {
  /** As it was given. */
  readonly text: string;
  /** 0 (`off`) to 5 (`trace`). @param target `meshctl`, or a part of it: `meshctl::inbound` */
  rankOf(target: string): number;
}

export const LOG_RANKS: Readonly<Record<LogLevel | "off", number>> = {
  off: 0,
  error: 1,
  warn: 2,
  info: 3,
  debug: 4,
  trace: 5,
};

interface Directive {
  /** "": every target. */
  readonly target: string;
  readonly rank: number;
}

/**
 * Reads filter directives as Linkerd's proxy has them: a comma list of `level`, `target=level` or `target`. `linkerd` means the
 * same as `meshctl`, so that its settings work here.
 *
 *     warn,meshctl=info,meshctl::outbound=debug
 *
 * Directives about spans (`[{headers}]=off`) are understood and about nothing here: lines have no spans, and headers are never
 * logged. Without a level that is for all, what no directive names is not written.
 *
 * @returns undefined when one of them is malformed
 */
export function tryParseLogFilter(text: string): LogFilter | undefined {
  const directives: Directive[] = [];
  for (const part of text.split(/,(?![^[]*\])/)) {
    const directive = tryParseDirective(part.trim());
    if (directive === undefined) return undefined;
    if (directive !== "about spans") directives.push(directive);
  }
  // The longest names first; of the same name the last counts.
  directives.reverse().sort((a, b) => b.target.length - a.target.length);
  return {
    text: text.trim(),
    rankOf: (target) => directives.find((each) => covers(each.target, target))?.rank ?? 0,
  };
}

function tryParseDirective(text: string): Directive | "about spans" | undefined {
  const shape = /^([\w:.-]*)(\[[^\]]*\])?(?:=([a-z]+))?$/i.exec(text);
  if (!shape || text === "") return undefined;
  const [, name = "", span, levelText] = shape;
  const rank = rankOf(levelText ?? "trace");
  if (rank === undefined) return undefined;
  if (span !== undefined) return "about spans";
  // A word alone is a level, or the name of a target that says everything.
  if (levelText === undefined) {
    const bare = rankOf(name);
    if (bare !== undefined) return { target: "", rank: bare };
  }
  if (name === "") return undefined;
  // A misspelt level would otherwise be a target that nobody has.
  if (levelText === undefined && !/^(?:meshctl|linkerd)\b|::/.test(name)) return undefined;
  return { target: name.replace(/^linkerd(?=$|::)/, "meshctl"), rank };
}

function rankOf(level: string): number | undefined {
  const lower = level.toLowerCase();
  return Object.hasOwn(LOG_RANKS, lower) ? LOG_RANKS[lower as LogLevel] : undefined;
}

function covers(prefix: string, target: string): boolean {
  return prefix === "" || prefix === target || target.startsWith(`${prefix}::`);
}
