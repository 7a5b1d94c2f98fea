import { HINT_PAGE, type MeshError } from "../base/error.ts";

export interface RenderErrorOptions {
  /** `meshctl stat`: where usage is described. */
  readonly path: string;
  /** Shows causes and stacks. */
  readonly verbose: boolean;
}

/**
 * An error for people, on stderr: `error: what`, `hint:  what to do`, `see:   where more is said`. Only usage errors point at the help, and only bugs
 * show a stack unasked.
 */
export function renderError(error: MeshError, options: RenderErrorOptions): string {
  const lines = [`error: ${indent(error.message)}`];
  if (error.hint) lines.push(`hint:  ${indent(error.hint)}`);
  if (error.anchor) lines.push(`see:   ${HINT_PAGE}${error.anchor}`);
  if (error.kind === "usage") lines.push(`usage: see \`${options.path} --help\``);
  if (options.verbose) {
    lines.push(`code:  ${error.code}`);
    for (const cause of causesOf(error)) lines.push(`cause: ${indent(describe(cause))}`);
  }
  if (error.kind === "bug") {
    lines.push("       this is a mistake in meshctl; please report it with the lines below");
    lines.push(`       ${indent(stackOf(error))}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The chain below an error; a cycle or an absurd depth ends it. */
function causesOf(error: Error): unknown[] {
  const causes: unknown[] = [];
  let current: unknown = error.cause;
  while (current !== undefined && current !== null && causes.length < 8 && !causes.includes(current)) {
    causes.push(current);
    current = (current as { cause?: unknown }).cause;
  }
  return causes;
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error))
    return typeof cause === "string" ? cause : (JSON.stringify(cause) ?? String(cause));
  const code = (cause as { code?: unknown }).code;
  return typeof code === "string" ? `${cause.message} (${code})` : cause.message || cause.name;
}

function stackOf(error: MeshError): string {
  const origin = error.cause instanceof Error ? error.cause : error;
  return origin.stack ?? origin.message;
}

function indent(text: string): string {
  return text.trimEnd().replaceAll("\n", "\n       ");
}
