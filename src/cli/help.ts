import type { Command, FlagSpec } from "./command.ts";
import { DEFAULT_PLACEHOLDERS } from "./flags.ts";
import { GLOBAL_FLAGS } from "./globals.ts";
import { VERB_GROUPS, type VerbRegistry } from "./verb.ts";

const TAGLINE = "a service mesh in one binary: mutual TLS, live metrics, tap and policy";

/** Help of the whole program. Loads no verb: the registry holds their summaries. */
export function renderRootHelp(registry: VerbRegistry, version: string): string {
  const lines = [`meshctl ${version}: ${TAGLINE}`, "", "Usage:", "  meshctl [flags] COMMAND [arguments]"];
  const visible = Object.entries(registry.verbs).filter(([, verb]) => !verb.hidden);
  const width = Math.max(...visible.map(([name]) => name.length));
  for (const group of VERB_GROUPS) {
    const members = visible.filter(([, verb]) => verb.group === group);
    if (members.length === 0) continue;
    lines.push("", `${group}:`);
    for (const [name, verb] of members) lines.push(`  ${name.padEnd(width)}  ${verb.summary}`);
  }
  lines.push("", "Flags that every command accepts:", ...renderFlags(GLOBAL_FLAGS));
  lines.push("", "A command `meshctl-NAME` on the PATH runs as `meshctl NAME`.");
  lines.push("`meshctl COMMAND --help` shows a command's own flags and examples.");
  return `${lines.join("\n")}\n`;
}

/** Help of one verb. `path` is what the user typed for it: `meshctl dev apply`. */
export function renderCommandHelp(command: Command, path: string): string {
  const lines = [`${path}: ${command.summary}`];
  if (command.description) lines.push("", command.description.trim());
  const words = (command.arguments ?? []).map((argument) => {
    const name = argument.variadic ? `${argument.name}...` : argument.name;
    return argument.required ? name : `[${name}]`;
  });
  const subcommands = Object.entries(command.subcommands ?? {});
  lines.push("", "Usage:", `  ${[path, "[flags]", ...words].join(" ")}`);
  if (subcommands.length > 0) {
    lines.push(`  ${path} COMMAND`, "", "Commands:");
    lines.push(...twoColumns(subcommands.map(([name, { summary }]) => [name, summary])));
  }
  if (command.examples.length > 0) {
    lines.push("", "Examples:");
    for (const example of command.examples) lines.push(`  # ${example.does}`, `  ${example.command}`, "");
    lines.pop();
  }
  if (command.arguments && command.arguments.length > 0) {
    lines.push("", "Arguments:");
    lines.push(...twoColumns(command.arguments.map((argument) => [argument.name, withChoices(argument)])));
  }
  const flags = command.flags.filter((flag) => !flag.hidden);
  if (flags.length > 0) lines.push("", "Flags:", ...renderFlags(flags));
  lines.push("", "Flags of every command:", ...renderFlags(GLOBAL_FLAGS));
  return `${lines.join("\n")}\n`;
}

function renderFlags(flags: readonly FlagSpec[]): string[] {
  return twoColumns(
    flags.map((flag) => {
      const short = flag.short === undefined ? "    " : `-${flag.short}, `;
      const value = flag.type === "boolean" ? "" : ` ${flag.placeholder ?? DEFAULT_PLACEHOLDERS[flag.type]}`;
      return [`${short}--${flag.name}${value}`, `${withChoices(flag)}${renderDefault(flag)}`];
    }),
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

/** Rows of name and text; a long name has its text on the next line. */
function twoColumns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(30, Math.max(...rows.map(([name]) => name.length)));
  return rows.flatMap(([name, text]) =>
    name.length > width
      ? [`  ${name}`, `  ${" ".repeat(width)}  ${text}`]
      : [`  ${name.padEnd(width)}  ${text}`],
  );
}
