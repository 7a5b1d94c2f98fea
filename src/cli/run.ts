import { MeshError, toMeshError } from "../base/error.ts";
import { suggest } from "../base/suggest.ts";
import { VERSION } from "../base/version.ts";
import type { ArgumentSpec, Command, CommandContext, FlagSpec, Options } from "./command.ts";
import type { Console } from "./console.ts";
import { type ParsedLine, tryPlainLine } from "./flags.ts";
import { GLOBAL_FLAGS, resolveGlobals } from "./globals.ts";
import { renderCommandHelp, renderRootHelp } from "./help.ts";
import { renderError } from "./render-error.ts";
import { findByWord, type Verb, type VerbRegistry } from "./verb.ts";

/** What the program runs in; tests give a fake console, their own environment and folder. */
export interface CliIo {
  readonly console: Console;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted with an `Interrupted` on Ctrl-C and SIGTERM, with a `ClosedPipe` when nobody reads stdout any more. */
  readonly signal: AbortSignal;
  readonly registry: VerbRegistry;
}

/** What to tell when stdout takes no more, as text for stderr. */
export function renderLostOutput(cause: Error): string {
  const error = new MeshError({
    kind: "environment",
    code: "CLI_OUTPUT_LOST",
    message: `standard output cannot be written: ${cause.message}`,
    hint: "make room where the output goes, or send it elsewhere; what is there is not complete",
  });
  return renderError(error, { path: "meshctl", verbose: false });
}

export type StopReason = "SIGINT" | "SIGTERM" | "SIGHUP" | "closed-pipe" | "lost-output";

/** Why the signal aborted; an AbortError, so that what waits on the signal recognises it. */
export class Stopped extends Error {
  /** `closed-pipe`: the reader of our output went away, which is success. `lost-output`: it cannot be written, which is not. */
  readonly reason: StopReason;

  constructor(reason: StopReason) {
    super(`stopped: ${reason}`);
    this.name = "AbortError";
    this.reason = reason;
  }
}

const EXIT_FAILED = 1;
const EXIT_INTERRUPTED = 130;

/**
 * Runs one command line (without program name). Never rejects: errors go to stderr.
 *
 * @returns the exit code: 0 done, 1 failed, 130 interrupted (design section 2), or what a verb of its own says (proxy: 64)
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const state: RunState = { path: "meshctl", verbose: argv.includes("--verbose"), daemon: false };
  try {
    const exitCode = await dispatch(argv, io, state);
    if (stoppedBy(io) === "lost-output") return EXIT_FAILED;
    return exitCode === 0 && stoppedBy(io) === "SIGINT" && !state.daemon ? EXIT_INTERRUPTED : exitCode;
  } catch (caught) {
    // Whoever saw it has told it: the fault may come after the command has ended.
    if (stoppedBy(io) === "lost-output") return EXIT_FAILED;
    if (io.signal.aborted && isAbort(caught, io.signal)) {
      return stoppedBy(io) === "closed-pipe" ? 0 : EXIT_INTERRUPTED;
    }
    io.console.stderr.write(renderError(toMeshError(caught), state));
    return EXIT_FAILED;
  }
}

interface RunState {
  path: string;
  verbose: boolean;
  daemon: boolean;
}

async function dispatch(argv: readonly string[], io: CliIo, state: RunState): Promise<number> {
  let tokens = argv;
  if (tokens.length === 0 && isProxyImage(io.env)) tokens = ["proxy"];
  const first = tokens[0];
  if (
    first === undefined ||
    ((first === "--help" || first === "-h" || first === "help") && tokens.length === 1)
  ) {
    io.console.stdout.write(renderRootHelp(io.registry, VERSION, helpColumns(io)));
    return 0;
  }
  if (first === "--version") tokens = ["version", "--client", ...tokens.slice(1)];
  // `meshctl help stat`
  if (first === "help") tokens = [...tokens.slice(1), "--help"];

  const root = await parseTokens(GLOBAL_FLAGS, tokens, { path: state.path, stopAtWord: true });
  const [word, ...rest] = root.args;
  if (word === undefined) {
    io.console.stdout.write(renderRootHelp(io.registry, VERSION, helpColumns(io)));
    return 0;
  }
  const found = findByWord(io.registry.verbs, word);
  if (!found) return runUnknownVerb(word, rest, root.given.size > 0, io);

  const verb = found.entry;
  state.daemon = verb.daemon === true;
  state.path = `meshctl ${found.name}`;
  const { command } = await verb.load();
  const line = root.options.help === true ? [...rest, "--help"] : rest;
  return runCommand(command, line, root.options, root.given, io, state);
}

async function runCommand(
  command: Command,
  tokens: readonly string[],
  outerOptions: Options,
  outerGiven: ReadonlySet<string>,
  io: CliIo,
  state: RunState,
): Promise<number> {
  if (command.takesAnything && !tokens.includes("--help") && !tokens.includes("-h")) {
    tokens = ["--", ...tokens.filter((token) => token !== "--")];
  }
  const stopAtWord = command.subcommands !== undefined;
  const line = await parseTokens(withGlobals(command.flags), tokens, { path: state.path, stopAtWord });
  const given = new Set([...outerGiven, ...line.given]);
  const options: Record<string, unknown> = { ...outerOptions };
  for (const [key, value] of Object.entries(line.options)) {
    // An outer flag that was given beats an inner default.
    if (line.given.has(key) || !outerGiven.has(key)) options[key] = value;
  }
  const word = line.args[0];
  const subcommand =
    word !== undefined && command.subcommands ? findByWord(command.subcommands, word) : undefined;
  if (subcommand) {
    state.path += ` ${subcommand.name}`;
    const rest = options.help === true ? [...line.args.slice(1), "--help"] : line.args.slice(1);
    return runCommand(await subcommand.entry.load(), rest, { ...options, help: false }, given, io, state);
  }
  if (options.help === true) {
    io.console.stdout.write(renderCommandHelp(command, state.path, helpColumns(io)));
    return 0;
  }
  // With subcommands, parsing stopped at the first word; what follows it are this command's own flags.
  if (command.subcommands && line.args.length > 0) checkSubcommandWord(command, word!, state.path);
  checkArguments(command.arguments ?? [], line.args, state.path);
  const globals = resolveGlobals(options, io.env);
  state.verbose = globals.verbose;
  const { console, env, cwd, signal } = io;
  const context: CommandContext = { console, globals, env, cwd, signal };
  const result = await command.run(options, line.args, context, given);
  return result.exitCode;
}

/** A pipe has no width: help in files and pagers is as wide as help gets. */
function helpColumns({ console: { stdout } }: CliIo): number | undefined {
  return stdout.isTty ? stdout.columns : undefined;
}

/** The parser is loaded only for lines that need it. */
async function parseTokens(
  flags: readonly FlagSpec[],
  tokens: readonly string[],
  options: { readonly path: string; readonly stopAtWord: boolean },
): Promise<ParsedLine> {
  const plain = tryPlainLine(flags, tokens, options.stopAtWord);
  if (plain) return plain;
  const { parseLine } = await import("./parse.ts");
  return parseLine(flags, tokens, options);
}

/** A verb's own flag hides a global one of the same name or letter. */
function withGlobals(own: readonly FlagSpec[]): readonly FlagSpec[] {
  const names = new Set(own.map((flag) => flag.name));
  const letters = new Set(own.map((flag) => flag.short).filter((letter) => letter !== undefined));
  const globals = GLOBAL_FLAGS.filter((flag) => !names.has(flag.name)).map((flag) => {
    if (flag.short === undefined || !letters.has(flag.short)) return flag;
    const { short: _taken, ...rest } = flag;
    return rest;
  });
  return [...own, ...globals];
}

function checkSubcommandWord(command: Command, word: string, path: string): void {
  if ((command.arguments ?? []).length > 0) return;
  const names = Object.keys(command.subcommands!);
  const meant = suggest(word, names);
  throw new MeshError({
    kind: "usage",
    code: "USAGE_COMMAND_UNKNOWN",
    message: `${path} has no command "${word}"`,
    hint: meant ? `did you mean \`${path} ${meant}\`?` : `its commands are ${names.join(", ")}`,
  });
}

function checkArguments(specs: readonly ArgumentSpec[], args: readonly string[], path: string): void {
  const missing = specs.find((spec, index) => spec.required && args[index] === undefined);
  if (missing) {
    throw new MeshError({
      kind: "usage",
      code: "USAGE_ARGUMENT_MISSING",
      message: `${path} needs ${missing.name}: ${missing.summary}`,
    });
  }
  if (args.length > specs.length && specs.at(-1)?.variadic !== true) {
    throw new MeshError({
      kind: "usage",
      code: "USAGE_ARGUMENT_EXCESS",
      message: `${path} takes ${specs.length === 0 ? "no arguments" : `at most ${specs.length}`}: "${args[specs.length]}" is too many`,
    });
  }
}

async function runUnknownVerb(
  word: string,
  rest: readonly string[],
  flagsBefore: boolean,
  io: CliIo,
): Promise<number> {
  const plugins = await import("./plugins.ts");
  const file = plugins.findPlugin(word, io.env.PATH);
  if (file !== undefined) {
    if (flagsBefore) {
      throw new MeshError({
        kind: "usage",
        code: "PLUGIN_FLAGS_BEFORE",
        message: `flags may not come before the name of a plugin (${file})`,
        hint: `write them after it: meshctl ${word} ...`,
      });
    }
    return plugins.runPlugin(file, rest, io.env);
  }
  const later = Object.hasOwn(io.registry.later, word) ? io.registry.later[word] : undefined;
  if (later !== undefined) {
    throw new MeshError({
      kind: "user",
      code: "CLI_NOT_YET",
      message: `meshctl ${word} (${later}) is not part of version ${VERSION}`,
      hint: "ROADMAP.md says what works and what comes next; `meshctl --help` lists what is here",
    });
  }
  const meant = suggest(word, visibleNames(io.registry.verbs));
  throw new MeshError({
    kind: "usage",
    code: "USAGE_COMMAND_UNKNOWN",
    message: `meshctl has no command "${word}", and there is no meshctl-${word} on the PATH`,
    hint: meant ? `did you mean \`meshctl ${meant}\`?` : undefined,
  });
}

function visibleNames(verbs: Readonly<Record<string, Verb>>): string[] {
  return Object.entries(verbs).flatMap(([name, verb]) => (verb.hidden ? [] : [name]));
}

/** The image alone, without arguments but with a proxy's environment, is a proxy (design section 2). */
function isProxyImage(env: CliIo["env"]): boolean {
  if (env.MESHCTL_IMAGE !== "1") return false;
  return Object.keys(env).some((name) => /^(MESHCTL|LINKERD2)_PROXY_/.test(name));
}

function stoppedBy(io: CliIo): StopReason | undefined {
  return io.signal.aborted && io.signal.reason instanceof Stopped ? io.signal.reason.reason : undefined;
}

function isAbort(caught: unknown, signal: AbortSignal): boolean {
  return caught === signal.reason || (caught instanceof Error && caught.name === "AbortError");
}
