import type { Console } from "./console.ts";

/** One flag, as data: help, parsing and completions all derive from this record. */
export interface FlagSpec {
  /** Long name without dashes, kebab-case; also the option's key, camel-cased. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /**
   * `boolean` takes no value; `list` may be repeated and splits at commas; `repeat` may be repeated and does not split.
   * `duration` is Go's syntax and arrives in milliseconds.
   */
  readonly type: "boolean" | "string" | "number" | "duration" | "list" | "repeat";
  /** Placeholder in help: `FILE`, `NAMESPACE`. */
  readonly placeholder?: string;
  readonly summary: string;
  readonly default?: boolean | string | number | readonly string[];
  readonly choices?: readonly string[];
  /** Works, but is not shown. */
  readonly hidden?: boolean;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly summary: string;
  readonly required: boolean;
  readonly variadic?: boolean;
  /** What completion offers: a fixed list. */
  readonly choices?: readonly string[];
}

/** Parsed flags, by camel-cased name. A flag that was not given and has no default is absent. */
export type Options = Readonly<Record<string, unknown>>;

/** The flags that every verb accepts (reference cli 1.2). */
export interface GlobalOptions {
  /** Control-plane namespace; `-L`, else `MESHCTL_NAMESPACE`, else `meshctl`. */
  readonly meshctlNamespace: string;
  readonly cniNamespace: string;
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly as: string | undefined;
  readonly asGroup: readonly string[];
  readonly apiAddr: string | undefined;
  readonly verbose: boolean;
}

/** What a command is given beside its own options. Nothing here touches the world until it is called. */
export interface CommandContext {
  readonly console: Console;
  readonly globals: GlobalOptions;
  /** Environment; a copy, so that tests can set it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted on Ctrl-C or SIGTERM; long-running verbs end on it and clean up in `finally`. */
  readonly signal: AbortSignal;
}

export interface CommandResult {
  readonly exitCode: number;
}

/** A verb. The module that exports it is imported only when the verb runs. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Paragraphs shown by `--help` below the summary. */
  readonly description?: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly flags: readonly FlagSpec[];
  /** Command lines with what they do. */
  readonly examples: readonly { readonly command: string; readonly does: string }[];
  readonly hidden?: boolean;
  /** Takes any words and flags as arguments: a command that only says why it is not there. */
  readonly takesAnything?: true;
  /** Words below this one (`dev apply`); each lazily loaded. */
  readonly subcommands?: Readonly<
    Record<
      string,
      {
        readonly summary: string;
        readonly aliases?: readonly string[];
        readonly load: () => Promise<Command>;
      }
    >
  >;
  /** Which flags were given explicitly is in `given` (camel-cased names). */
  run(
    options: Options,
    args: readonly string[],
    context: CommandContext,
    given: ReadonlySet<string>,
  ): Promise<CommandResult>;
}
