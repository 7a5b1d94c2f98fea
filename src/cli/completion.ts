import type { ArgumentSpec, Command, FlagSpec } from "./command.ts";
import { VISIBLE_GLOBAL_FLAGS } from "./globals.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** One word of the command line that takes flags: `stat`, or `dev apply`. */
export interface CompletionNode {
  /** Words after `meshctl`; empty for the root. */
  readonly path: readonly string[];
  readonly words: readonly { readonly name: string; readonly summary: string }[];
  readonly flags: readonly FlagSpec[];
  /** Its arguments are kinds of resources and names of them: names are asked for. */
  readonly takesNames?: boolean;
}

/** Flags whose values only the cluster or the kubeconfig knows. */
const LIVE_FLAGS = ["namespace", "to-namespace", "from-namespace", "meshctl-namespace", "context"];

/** The tree below a verb, subcommands included. */
export async function completionNodes(path: readonly string[], command: Command): Promise<CompletionNode[]> {
  const subcommands = Object.entries(command.subcommands ?? {});
  const words = subcommands.map(([name, { summary }]) => ({ name, summary }));
  for (const name of choicesOf(command.arguments ?? [])) words.push({ name, summary: "" });
  const flags = [...command.flags.filter((flag) => !flag.hidden), ...VISIBLE_GLOBAL_FLAGS];
  const takesNames = choicesOf(command.arguments ?? []).includes("deploy");
  const nodes: CompletionNode[] = [{ path, words, flags, takesNames }];
  for (const [name, subcommand] of subcommands) {
    nodes.push(...(await completionNodes([...path, name], await subcommand.load())));
  }
  return nodes;
}

function choicesOf(specs: readonly ArgumentSpec[]): readonly string[] {
  return specs[0]?.choices ?? [];
}

/** The script that a shell sources. Words and flags are in it; only for names that the cluster knows it starts meshctl. */
export function renderCompletion(shell: Shell, nodes: readonly CompletionNode[]): string {
  return { bash: renderBash, zsh: renderZsh, fish: renderFish }[shell](nodes);
}

/** What the program answers, in bash and in zsh. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it
const BASH_ANSWER = '$("${ask[@]}" 2>/dev/null)';
// biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it
const ZSH_ANSWER = 'found=(${(f)"$("${ask[@]}" 2>/dev/null)"})';

function renderBash(nodes: readonly CompletionNode[]): string {
  return [
    "# bash completion for meshctl: source <(meshctl completion bash)",
    "_meshctl() {",
    ...findPath(nodes, "COMP_WORDS[i]", "COMP_CWORD", 1),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" names flags',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it
    '  local ask=(meshctl __complete "${COMP_WORDS[@]:1:COMP_CWORD}")',
    ...valueCases(nodes, {
      fixed: (choices) => `COMPREPLY=($(compgen -W "${choices}" -- "$current")); return`,
      live: `COMPREPLY=($(compgen -W "${BASH_ANSWER}" -- "$current")); return`,
    }),
    '  case "$line" in',
    ...nodes.map(
      (node) =>
        `    "${node.path.join(" ")}") names="${node.words.map(({ name }) => name).join(" ")}" flags="${longNames(node).join(" ")}" ;;`,
    ),
    "  esac",
    ...liveNames(nodes, "COMP_WORDS[i]", 1, "COMP_CWORD", [`names="$names ${BASH_ANSWER}"`]),
    // Flags only for a dash: between commands they are noise, and where nothing fits the shell offers files.
    '  [[ "$current" == -* ]] && names="$flags"',
    '  COMPREPLY=($(compgen -W "$names" -- "$current"))',
    "}",
    "complete -o default -F _meshctl meshctl",
    "",
  ].join("\n");
}

function renderZsh(nodes: readonly CompletionNode[]): string {
  const describe = (name: string, summary: string) => zshQuote(`${name}:${summary.replaceAll(":", "\\:")}`);
  return [
    "#compdef meshctl",
    "# zsh completion for meshctl: source <(meshctl completion zsh)",
    "_meshctl() {",
    "  local -a names flags",
    ...findPath(nodes, "words[i]", "CURRENT", 2),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it
    '  local previous="${words[CURRENT-1]}"',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it
    '  local -a found ask=(meshctl __complete "${(@)words[2,CURRENT]}")',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it
    '  local current="${words[CURRENT]}"',
    ...valueCases(nodes, {
      fixed: (choices) => `compadd -- ${choices}; return`,
      live: `${ZSH_ANSWER}; compadd -- $found; return`,
    }),
    '  case "$line" in',
    ...nodes.map((node) => {
      const names = node.words.map(({ name, summary }) => describe(name, summary));
      const flags = node.flags.map((flag) => describe(`--${flag.name}`, flag.summary));
      return `    "${node.path.join(" ")}") names=(${names.join(" ")}) flags=(${flags.join(" ")}) ;;`;
    }),
    "  esac",
    ...liveNames(nodes, "words[i]", 2, "CURRENT", [
      `${ZSH_ANSWER}; (( $#found )) && { compadd -- $found; return }`,
    ]),
    '  if [[ "$PREFIX" == -* ]]; then _describe -o flag flags; else _describe command names || _files; fi',
    "}",
    "compdef _meshctl meshctl",
    "",
  ].join("\n");
}

/**
 * Shell lines that set `line` to the longest known command path before the cursor. zsh and bash alike; not called `path`, which
 * in zsh is PATH.
 */
function findPath(nodes: readonly CompletionNode[], word: string, cursor: string, first: number): string[] {
  const paths = nodes.filter((node) => node.path.length > 0).map((node) => `"${node.path.join(" ")}"`);
  return [
    '  local line="" next i',
    `  for ((i = ${first}; i < ${cursor}; i++)); do`,
    `    next="\${line:+$line }\${${word}}"`,
    `    case "$next" in ${paths.join("|") || '""'}) line="$next" ;; esac`,
    "  done",
  ];
}

/** What a shell does where a flag's value is completed. */
interface ValueReplies {
  readonly fixed: (choices: string) => string;
  readonly live: string;
}

/** A flag with choices, or with values that only the cluster knows, as the previous word: its values instead of words. */
function valueCases(nodes: readonly CompletionNode[], reply: ValueReplies): string[] {
  const lines = ['  case "$line $previous" in'];
  for (const node of nodes) {
    for (const flag of node.flags) {
      const isLive = LIVE_FLAGS.includes(flag.name);
      if (!flag.choices && !isLive) continue;
      const names = [`--${flag.name}`, ...(flag.short === undefined ? [] : [`-${flag.short}`])];
      const patterns = names.map((name) => `"${node.path.join(" ")} ${name}"`).join("|");
      lines.push(`    ${patterns}) ${isLive ? reply.live : reply.fixed(flag.choices!.join(" "))} ;;`);
    }
  }
  lines.push("  esac");
  return lines;
}

/** Shell lines that ask for names where a kind stands before the cursor, or in the word at it (`deploy/`). zsh and bash alike. */
function liveNames(
  nodes: readonly CompletionNode[],
  word: string,
  first: number,
  cursor: string,
  ask: readonly string[],
): string[] {
  const asking = nodes.filter(({ takesNames }) => takesNames);
  if (asking.length === 0) return [];
  const paths = asking.map(({ path }) => `"${path.join(" ")}"`).join("|");
  const kinds = [...new Set(asking.flatMap(({ words }) => words.map(({ name }) => name)))].join("|");
  return [
    `  case "$line" in ${paths})`,
    '    local kind=""; [[ "$current" == */* ]] && kind=1',
    `    for ((i = ${first}; i < ${cursor}; i++)); do case "\${${word}}" in ${kinds}) kind=1 ;; esac; done`,
    '    if [[ -n "$kind" && "$current" != -* ]]; then',
    ...ask.map((line) => `      ${line}`),
    "    fi ;;",
    "  esac",
  ];
}

/** The words before the cursor, and the one at it. */
const FISH_ASK = "(meshctl __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)";

function renderFish(nodes: readonly CompletionNode[]): string {
  const lines = ["# fish completion for meshctl: meshctl completion fish | source", "complete -c meshctl -f"];
  for (const node of nodes) {
    const conditions = node.path.map((word) => `__fish_seen_subcommand_from ${word}`);
    const deeper = nodes
      .filter((other) => other.path.length === node.path.length + 1)
      .filter((other) => node.path.every((word, index) => other.path[index] === word))
      .map((other) => other.path.at(-1));
    if (deeper.length > 0) conditions.push(`not __fish_seen_subcommand_from ${deeper.join(" ")}`);
    const when = conditions.length > 0 ? ` -n ${shellQuote(conditions.join("; and "))}` : "";
    for (const { name, summary } of node.words) {
      lines.push(`complete -c meshctl${when} -a ${name} -d ${shellQuote(summary)}`);
    }
    if (node.takesNames) {
      const kinds = node.words.map(({ name }) => name).join(" ");
      const after = [
        ...conditions,
        `__fish_seen_subcommand_from ${kinds}; or string match -q '*/*' -- (commandline -ct)`,
      ];
      lines.push(`complete -c meshctl -n ${shellQuote(after.join("; and "))} -a ${shellQuote(FISH_ASK)}`);
    }
    for (const flag of node.flags) {
      const short = flag.short === undefined ? "" : ` -s ${flag.short}`;
      const live = LIVE_FLAGS.includes(flag.name) ? ` -x -a ${shellQuote(FISH_ASK)}` : "";
      const choices = flag.choices ? ` -x -a ${shellQuote(flag.choices.join(" "))}` : live;
      const value = flag.type === "boolean" ? "" : choices || " -r";
      lines.push(`complete -c meshctl${when} -l ${flag.name}${short}${value} -d ${shellQuote(flag.summary)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function longNames(node: CompletionNode): string[] {
  return node.flags.map((flag) => `--${flag.name}`);
}

/** Nothing expands within; an apostrophe leaves, escapes itself and returns. A backslash stays one. */
function zshQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** For fish: nothing expands within; an apostrophe leaves, escapes itself and returns. */
function shellQuote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "'\\''")}'`;
}
