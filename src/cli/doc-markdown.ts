import type { ArgumentSpec, Command, FlagSpec } from "./command.ts";
import type { CommandEntry } from "./command-tree.ts";
import { placeholderOf } from "./flags.ts";
import { VISIBLE_GLOBAL_FLAGS } from "./globals.ts";
import { VERB_GROUPS } from "./verb.ts";

/** docs/cli.md: every command with its flags, from the records that parse them. */
export function renderCliMarkdown(entries: readonly CommandEntry[]): string {
  const groups = VERB_GROUPS.map((group) => ({
    group,
    own: entries.filter((entry) => entry.group === group),
  })).filter(({ own }) => own.length > 0);
  return [
    "# The command line",
    "",
    "Every command and flag. This page is generated from what the program itself goes by: `meshctl doc markdown`. `meshctl COMMAND --help`",
    "says the same, `meshctl doc man --dir FOLDER` writes it as manual pages.",
    "",
    ...groups.flatMap(({ group, own }) => [`**${group}**: ${own.map(linkTo).join(", ")}`, ""]),
    "## Flags of every command",
    "",
    ...flagTable(VISIBLE_GLOBAL_FLAGS),
    ...groups.flatMap(({ own }) => own.flatMap(section)),
  ]
    .join("\n")
    .concat("\n");
}

function linkTo({ path }: CommandEntry): string {
  return `[${path}](#${`meshctl ${path}`.replaceAll(" ", "-")})`;
}

function section({ path, command }: CommandEntry): string[] {
  const visible = command.flags.filter((flag) => !flag.hidden);
  return [
    "",
    `## meshctl ${path}`,
    "",
    `${sentence(command.summary)}`,
    ...(command.description ? ["", prose(command.description.trim())] : []),
    "",
    "```",
    usageOf(path, command),
    "```",
    ...argumentList(command.arguments ?? []),
    ...(visible.length > 0 ? ["", ...flagTable(visible)] : []),
    ...exampleList(command),
  ];
}

/** `meshctl stat [flags] resource...` */
export function usageOf(path: string, command: Command): string {
  const words = (command.arguments ?? []).map(({ name, required, variadic }) => {
    const word = variadic ? `${name}...` : name;
    return required ? word : `[${word}]`;
  });
  const deeper = command.subcommands ? ["COMMAND"] : [];
  return ["meshctl", path, ...deeper, "[flags]", ...words].join(" ");
}

function argumentList(specs: readonly ArgumentSpec[]): string[] {
  if (specs.length === 0) return [];
  return [
    "",
    ...specs.map(({ name, summary, choices }) => {
      return `- \`${name}\`: ${summary}${choices ? ` (${choices.join(", ")})` : ""}`;
    }),
  ];
}

function flagTable(flags: readonly FlagSpec[]): string[] {
  const rows = flags.map((flag) => {
    const short = flag.short === undefined ? "" : `, \`-${flag.short}\``;
    const value = flag.type === "boolean" ? "" : ` ${placeholderOf(flag)}`;
    return `| \`--${flag.name}\`${short} | ${cell(value.trim())} | ${cell(defaultText(flag))} | ${cell(flag.summary)} |`;
  });
  return ["| flag | value | default | |", "|---|---|---|---|", ...rows];
}

/** A flag's default in words; "" where there is none, or nothing. */
export function defaultText({ default: value }: FlagSpec): string {
  if (value === undefined || value === false || value === "") return "";
  return Array.isArray(value) ? value.join(",") : String(value);
}

function exampleList({ examples }: Command): string[] {
  if (examples.length === 0) return [];
  const width = Math.max(...examples.map(({ command }) => command.length));
  return ["", "```sh", ...examples.map(({ command, does }) => `${command.padEnd(width)}  # ${does}`), "```"];
}

function cell(text: string): string {
  return prose(text).replaceAll("|", "\\|");
}

/** Angle brackets outside of code would be markup. */
function prose(text: string): string {
  return text
    .split("`")
    .map((part, index) => (index % 2 === 0 ? part.replaceAll("<", "\\<") : part))
    .join("`");
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
