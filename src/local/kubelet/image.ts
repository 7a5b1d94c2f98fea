import type { ContainerSpec } from "./pod-spec.ts";

/** Prefix of the annotation that tells how a container runs as a local process: `dev.meshctl.io/command.<container>`. */
export const COMMAND_ANNOTATION_PREFIX = "dev.meshctl.io/command.";

/** How a container becomes a process. */
export type Runnable =
  | { readonly type: "argv"; readonly argv: readonly string[]; readonly isOwnImage: boolean }
  /** `reason` and `message` of the container's waiting state. */
  | { readonly type: "not-runnable"; readonly reason: string; readonly message: string };

/** Whether an image is meshctl's own: its repository is named `meshctl`, whatever the registry, tag or digest. */
export function isOwnImage(image: string): boolean {
  const withoutDigest = image.split("@")[0]!;
  const lastSegment = withoutDigest.slice(withoutDigest.lastIndexOf("/") + 1);
  return lastSegment.split(":")[0] === "meshctl";
}

/**
 * Decides what a container runs. The annotation wins: its text goes through `/bin/sh -c 'exec <text> "$@"'`, so quotes and
 * variables work, the shell is replaced by the program, and the container's `args` follow. meshctl's own image runs this
 * very build: `args` follow the entry point; a `command` that names `meshctl` means the entry point too.
 *
 * @param container with expanded and rewritten command and args
 * @param annotation the annotation's text, expanded and rewritten likewise
 * @param meshctlCommand the program and arguments that are this build: `[node, dist/meshctl.js]`
 */
export function runnableOf(
  container: Pick<ContainerSpec, "name" | "image" | "command" | "args">,
  annotation: string | undefined,
  meshctlCommand: readonly string[],
): Runnable {
  const own = isOwnImage(container.image ?? "");
  if (annotation !== undefined && annotation.trim() !== "") {
    const argv = ["/bin/sh", "-c", `exec ${annotation} "$@"`, "sh", ...(container.args ?? [])];
    return { type: "argv", argv, isOwnImage: own };
  }
  if (!own) {
    return {
      type: "not-runnable",
      reason: "ImageNotRunnable",
      message: `the local cluster runs processes, not images: annotate the pod with ${COMMAND_ANNOTATION_PREFIX}${container.name}: "<command line>" to say what stands for ${container.image}`,
    };
  }
  const argv = ownArgv(container.command ?? [], meshctlCommand);
  return { type: "argv", argv: [...argv, ...(container.args ?? [])], isOwnImage: true };
}

/** A command inside meshctl's image: there `meshctl` is on the PATH, here it is this build. */
export function ownArgv(command: readonly string[], meshctlCommand: readonly string[]): readonly string[] {
  const [program, ...rest] = command;
  if (program === undefined) return meshctlCommand;
  return program.slice(program.lastIndexOf("/") + 1) === "meshctl" ? [...meshctlCommand, ...rest] : command;
}
