import type { FlagSpec } from "./command.ts";
import type { CommandEntry } from "./command-tree.ts";
import { defaultText, usageOf } from "./doc-markdown.ts";
import { placeholderOf } from "./flags.ts";
import { VISIBLE_GLOBAL_FLAGS } from "./globals.ts";

/** Name of a command's manual page: `meshctl-dev-apply`. */
export function manName(path: string): string {
  return `meshctl-${path.replaceAll(" ", "-")}`;
}

/** A command's manual page, in the man macros of troff. */
export function renderMan(
  { path, command }: CommandEntry,
  version: string,
  others: readonly string[],
): string {
  const visible = command.flags.filter((flag) => !flag.hidden);
  const title = manName(path);
  return [
    `.TH ${title.toUpperCase()} 1 "" "meshctl ${version}" "meshctl"`,
    ".SH NAME",
    `${troff(title)} \\- ${troff(command.summary)}`,
    ".SH SYNOPSIS",
    `.B ${troff(usageOf(path, command))}`,
    ...(command.description ? [".SH DESCRIPTION", ...command.description.trim().split("\n").map(troff)] : []),
    ...((command.arguments ?? []).length > 0
      ? [
          ".SH ARGUMENTS",
          ...(command.arguments ?? []).flatMap(({ name, summary, choices }) => [
            ".TP",
            `.I ${troff(name)}`,
            troff(`${summary}${choices ? `: ${choices.join(", ")}` : ""}`),
          ]),
        ]
      : []),
    ...(visible.length > 0 ? [".SH OPTIONS", ...visible.flatMap(flagLines)] : []),
    ".SH OPTIONS OF EVERY COMMAND",
    ...VISIBLE_GLOBAL_FLAGS.flatMap(flagLines),
    ...(command.examples.length > 0
      ? [
          ".SH EXAMPLES",
          ...command.examples.flatMap((example) => [
            ".TP",
            troff(example.does),
            ".nf",
            troff(example.command),
            ".fi",
          ]),
        ]
      : []),
    ".SH EXIT STATUS",
    "0 when it succeeded, 1 when it did not, 130 when it was interrupted.",
    ...(others.length > 0
      ? [".SH SEE ALSO", others.map((name) => `.BR ${troff(manName(name))} (1)`).join(",\n")]
      : []),
    "",
  ].join("\n");
}

function flagLines(flag: FlagSpec): string[] {
  const short = flag.short === undefined ? "" : `\\-${flag.short}, `;
  const value = flag.type === "boolean" ? "" : ` ${placeholderOf(flag)}`;
  const usual = defaultText(flag);
  return [
    ".TP",
    `.B ${short}${troff(`--${flag.name}${value}`)}`,
    troff(`${flag.summary}${usual === "" ? "" : ` (default ${usual})`}`),
  ];
}

/** Text in which troff sees nothing of its own: backslashes, dashes that must stay dashes, dots and quotes at a line's start. */
function troff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^([.'])/, "\\&$1");
}
