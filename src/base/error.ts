/** Who can mend an error: it decides how much is shown, never the exit code. */
export type ErrorKind =
  /** The command line is wrong; usage is shown. */
  | "usage"
  /** An input (file, manifest, value) is wrong. */
  | "user"
  /** The cluster, the network or a permission is wrong. */
  | "environment"
  /** We are wrong. */
  | "bug";

export interface MeshErrorOptions {
  readonly kind: ErrorKind;
  /** Stable, `AREA_WHAT`, never reused; documented in docs/errors.md. */
  readonly code: string;
  /** What happened, to which object, with the observed value. Lower case, no full stop. */
  readonly message: string;
  /** What to do, imperative, ideally a command to paste. */
  readonly hint?: string | undefined;
  /** Section of the troubleshooting page (`HINT_PAGE`) that is about it. */
  readonly anchor?: string | undefined;
  readonly cause?: unknown;
}

/** The troubleshooting page, before an anchor: a file of the package, since no site has it. */
export const HINT_PAGE = "docs/troubleshooting.md#";

/** The one error class. `message` says what happened, `hint` what to do; `cause` is shown with `--verbose`. */
export class MeshError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string | undefined;
  readonly anchor: string | undefined;

  constructor(options: MeshErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "MeshError";
    this.kind = options.kind;
    this.code = options.code;
    this.hint = options.hint;
    this.anchor = options.anchor;
  }
}

/** The one door from caught junk to a typed error. A MeshError passes unchanged; anything else is a bug, or what `fallback` says. */
export function toMeshError(caught: unknown, fallback?: Omit<MeshErrorOptions, "cause">): MeshError {
  if (caught instanceof MeshError) return caught;
  if (fallback) return new MeshError({ ...fallback, cause: caught });
  const message = caught instanceof Error ? caught.message : String(caught);
  return new MeshError({ kind: "bug", code: "BUG_UNEXPECTED", message, cause: caught });
}

/** The `code` of a Node system error (`ECONNREFUSED`, ...), or undefined. */
export function systemErrorCode(caught: unknown): string | undefined {
  const code = (caught as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
