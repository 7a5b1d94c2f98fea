import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { MeshError } from "../../src/base/error.ts";
import { DEFAULT_NAMESPACE } from "../../src/base/names.ts";
import type { Options } from "../../src/cli/command.ts";
import { openStateDir, type StateDir } from "../../src/control/standalone/state-dir.ts";
import { generateIssuer } from "../../src/install/credentials.ts";

/** The directory of `--from`, as a path that does not depend on where we are. @throws MeshError `CONTROL_NO_DIRECTORY` */
export function fromDirectory(options: Options, cwd: string): string {
  const from = options.from as string | undefined;
  if (from !== undefined) {
    const directory = resolve(cwd, from);
    // A slip of the pen must not make a mesh.
    if (existsSync(directory)) return directory;
    throw new MeshError({
      kind: "user",
      code: "CONTROL_NO_DIRECTORY",
      message: `directory ${directory} does not exist`,
      hint: `mkdir -p ${directory}`,
    });
  }
  throw new MeshError({
    kind: "usage",
    code: "CONTROL_NO_DIRECTORY",
    message: "which mesh? --from names the directory that its control plane serves",
    hint: "meshctl control-plane token web -n demo --from ./mesh",
  });
}

/** What `--state` names, made where it is missing. */
export function openState(
  options: Options,
  directory: string,
  cwd: string,
  nowMs: number,
): Promise<StateDir> {
  const state = options.state as string | undefined;
  const path = state === undefined ? join(directory, ".meshctl") : resolve(cwd, state);
  const namespace = (options.namespace as string | undefined) ?? DEFAULT_NAMESPACE;
  const trustDomain = (options.trustDomain as string | undefined) ?? "cluster.local";
  return openStateDir(path, () => generateIssuer(`identity.${namespace}.${trustDomain}`, nowMs));
}
