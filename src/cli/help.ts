import type { Command, FlagSpec } from "./command.ts";
import { DEFAULT_PLACEHOLDERS } from "./flags.ts";
import { VISIBLE_GLOBAL_FLAGS } from "./globals.ts";
import { VERB_GROUPS, type VerbRegistry } from "./verb.ts";

const TAGLINE = "a service mesh in one binary: mutual TLS, live metrics, tap and policy";

/** Wider lines are hard to read, however wide the terminal. */
const COLUMNS_MAX = 120;
const COLUMNS_MIN = 60;

/** Help of the whole program. Loads no verb: the registry holds their summaries. */
export function renderRootHelp(registry: VerbRegistry, version: string, columns = COLUMNS_MAX): string {
  const lines = wrapText(`meshctl ${version}: ${TAGLINE}`, columns);
  lines.push("", "Usage:", "  meshctl [flags] COMMAND [arguments]");
  const visible = Object.entries(registry.verbs).filter(([, verb]) => !verb.hidden);
  const width = Math.max(...visible.map(([name]) => name.length));
  for (const group of VERB_GROUPS) {
    const members = visible.filter(([, verb]) => verb.group === group);
    if (members.length === 0) continue;
    lines.push("", `${group}:`);
    const rows = members.map(([name, verb]) => [name.padEnd(width), verb.summary] as const);
    lines.push(...twoColumns(rows, columns));
  }
  lines.push("", "Flags that every command accepts:", ...renderFlags(VISIBLE_GLOBAL_FLAGS, columns));
  lines.push("", ...wrapText("A command `meshctl-NAME` on the PATH runs as `meshctl NAME`.", columns));
  lines.push(...wrapText("`meshctl COMMAND --help` shows a command's own flags and examples.", columns));
  return `${lines.join("\n")}\n`;
}

/** Help of one verb. `path` is what the user typed for it: `meshctl dev apply`. */
export function renderCommandHelp(command: Command, path: string, columns = COLUMNS_MAX): string {
  const lines = wrapText(`${path}: ${command.summary}`, columns);
  if (command.description) lines.push("", ...wrapText(command.description.trim(), columns));
  const words = (command.arguments ?? []).map((argument) => {
    const name = argument.variadic ? `${argument.name}...` : argument.name;
    return argument.required ? name : `[${name}]`;
  });
  const subcommands = Object.entries(command.subcommands ?? {});
  lines.push("", "Usage:", `  ${[path, "[flags]", ...words].join(" ")}`);
  if (subcommands.length > 0) {
    lines.push(`  ${path} COMMAND`, "", "Commands:");
    lines.push(
      ...twoColumns(
        subcommands.map(([name, { summary }]) => [name, summary]),
        columns,
      ),
    );
  }
  if (command.examples.length > 0) {
    lines.push("", "Examples:");
    for (const example of command.examples) lines.push(`  # ${example.does}`, `  ${example.command}`, "");
    lines.pop();
  }
  if (command.arguments && command.arguments.length > 0) {
    lines.push("", "Arguments:");
    const rows = command.arguments.map((argument) => [argument.name, withChoices(argument)] as const);
    lines.push(...twoColumns(rows, columns));
  }
  const flags = command.flags.filter((flag) => !flag.hidden);
  if (flags.length > 0) lines.push("", "Flags:", ...renderFlags(flags, columns));
  lines.push("", "Flags of every command:", ...renderFlags(VISIBLE_GLOBAL_FLAGS, columns));
  return `${lines.join("\n")}\n`;
}

function renderFlags(flags: readonly FlagSpec[], columns: number): string[] {
  return twoColumns(
    flags.map((flag) => {
      const short = flag.short === undefined ? "    " : `-${flag.short}, `;
      const value = flag.type === "boolean" ? "" : ` ${flag.placeholder ?? DEFAULT_PLACEHOLDERS[flag.type]}`;
      return [`${short}--${flag.name}${value}`, `${withChoices(flag)}${renderDefault(flag)}`];
    }),
    columns,
  );
}

function withChoices(spec: { readonly summary: string; readonly choices?: readonly string[] }): string {
  return spec.choices ? `${spec.summary}: ${spec.choices.join(", ")}` : spec.summary;
}

function renderDefault(flag: FlagSpec): string {
  const value = flag.default;
  if (value === undefined || value === false || value === "") return "";
  if (Array.isArray(value)) return value.length === 0 ? "" : ` (default ${value.join(",")})`;
  return ` (default ${value})`;
}

/** Rows of name and text; a long name has its text on the next line, a long text goes on below itself. */
function twoColumns(rows: readonly (readonly [string, string])[], columns: number): string[] {
  const width = Math.min(30, Math.max(...rows.map(([name]) => name.length)));
  const indent = " ".repeat(width + 4);
  return rows.flatMap(([name, text]) => {
    const [first = "", ...more] = wrapWords(text, usable(columns) - indent.length);
    const head =
      name.length > width ? [`  ${name}`, `${indent}${first}`] : [`  ${name.padEnd(width)}  ${first}`];
    return [...head, ...more.map((line) => `${indent}${line}`)];
  });
}

/** Text whose lines are as the author broke them where they fit; a paragraph that does not fit is broken anew. */
function wrapText(text: string, columns: number): string[] {
  const width = usable(columns);
  return text.split("\n\n").flatMap((paragraph, index) => {
    const lines = paragraph.split("\n");
    const fits = lines.every((line) => line.length <= width);
    // What is indented or a list stands as it is.
    const shaped = lines.some((line) => /^[\s*-]/.test(line));
    const broken = fits || shaped ? lines : wrapWords(lines.join(" "), width);
    return index === 0 ? broken : ["", ...broken];
  });
}

function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function usable(columns: number): number {
  return Math.max(COLUMNS_MIN, Math.min(COLUMNS_MAX, columns));
}
