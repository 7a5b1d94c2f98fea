import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { MeshError } from "../../src/base/error.ts";
import type { CommandContext, FlagSpec, Options } from "../../src/cli/command.ts";
import type { KubeClient } from "../../src/kube/client.ts";

export const DIR_FLAG: FlagSpec = {
  name: "dir",
  type: "string",
  placeholder: "FOLDER",
  summary: "folder of the cluster (default: meshctl-dev in your state folder)",
};

export const NAMESPACE_FLAG: FlagSpec = {
  name: "namespace",
  short: "n",
  type: "string",
  placeholder: "NAMESPACE",
  summary: "namespace (default: the kubeconfig's)",
};

/** Where a local cluster keeps its files unless told otherwise. */
export function devDir(options: Options, context: Pick<CommandContext, "env" | "cwd">): string {
  if (options.dir !== undefined) return resolve(context.cwd, options.dir as string);
  const state = context.env.XDG_STATE_HOME || join(context.env.HOME || homedir(), ".local", "state");
  return join(state, "meshctl-dev");
}

/**
 * A client of the cluster that `--kubeconfig`, `--dir` or KUBECONFIG names, else of the one in the default folder.
 *
 * @throws MeshError `DEV_NOT_RUNNING`
 */
export async function openDevCluster(options: Options, context: CommandContext): Promise<KubeClient> {
  const { globals, env } = context;
  let kubeconfig = globals.kubeconfig;
  if (kubeconfig === undefined && (options.dir !== undefined || !env.KUBECONFIG)) {
    kubeconfig = join(devDir(options, context), "kubeconfig");
    if (!existsSync(kubeconfig)) {
      throw new MeshError({
        kind: "user",
        code: "DEV_NOT_RUNNING",
        message: `no local cluster has been started in ${devDir(options, context)}`,
        hint: "start one: meshctl dev; or name another with --dir, --kubeconfig or KUBECONFIG",
      });
    }
  }
  const { createKubeClient } = await import("../../src/kube/connect.ts");
  return createKubeClient({
    kubeconfig,
    context: globals.context,
    as: globals.as,
    asGroups: globals.asGroup,
    env,
  });
}

/** `pod web-1` and `pod/web-1` alike. */
export function kindAndName(
  args: readonly string[],
): readonly [kind: string | undefined, name: string | undefined] {
  const [first, second] = args;
  const slash = first?.indexOf("/") ?? -1;
  if (first === undefined || slash < 0) return [first, second];
  if (second !== undefined) {
    throw new MeshError({
      kind: "usage",
      code: "DEV_TWO_NAMES",
      message: `"${first}" has a name already, so "${second}" is too many`,
      hint: "name one object: pod/web-1, or pod web-1",
    });
  }
  return [first.slice(0, slash), first.slice(slash + 1)];
}

/** `-f` of the verbs that read manifests. */
export const FILENAME_FLAG: FlagSpec = {
  name: "filename",
  short: "f",
  type: "repeat",
  placeholder: "FILE",
  summary: "manifest, or - for standard input",
};

/** The manifests that `-f` names, in order. */
export function readManifests(
  options: Options,
  context: CommandContext,
): Promise<{ readonly file: string; readonly text: string }[]> {
  const files = (options.filename as readonly string[] | undefined) ?? [];
  return Promise.all(
    files.map(async (file) => ({
      file: file === "-" ? "stdin" : file,
      text: await readInput(file, context),
    })),
  );
}

/** The usage error of a verb that needs `-f`. */
export function noFile(verb: string): MeshError {
  return new MeshError({
    kind: "usage",
    code: "DEV_NO_INPUT",
    message: "no manifest was given",
    hint: `meshctl dev ${verb} -f FILE, or -f - for standard input`,
  });
}

/** Text of `-f`: a file, or standard input for `-`. */
async function readInput(file: string, context: CommandContext): Promise<string> {
  if (file === "-") return (await context.console.stdin.readAll()).toString("utf8");
  const { readFile } = await import("node:fs/promises");
  const path = resolve(context.cwd, file);
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new MeshError({
      kind: "user",
      code: "MANIFEST_UNREADABLE",
      message: `${file} cannot be read: ${(cause as Error).message}`,
      hint: "check the path, or give - for standard input",
      cause,
    });
  }
}
