import { existsSync } from "node:fs";
import { join } from "node:path";
import type { KubeObject } from "../../base/kube-object.ts";
import type { PodNetworkEnvironment } from "../network/pod-environment.ts";
import type { ObjectApi } from "../object-api.ts";
import type { DownwardContext } from "./downward.ts";
import { containerEnvironment } from "./environment.ts";
import { expandVariables } from "./expand.ts";
import { COMMAND_ANNOTATION_PREFIX, isOwnImage, ownArgv, runnableOf } from "./image.ts";
import type { MountMapping } from "./mounts.ts";
import { rewritePaths } from "./mounts.ts";
import type { ContainerSpec } from "./pod-spec.ts";
import { MARKER_VARIABLE } from "./process.ts";

/** A container ready to be started as a process. */
export interface Launch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** File that the program may leave its last words in. */
  readonly terminationLog: string;
  /** The argv for a command inside of the container: probes and hooks. */
  readonly argvOf: (command: readonly string[]) => readonly string[];
}

export type LaunchOutcome =
  | { readonly type: "launch"; readonly launch: Launch }
  | { readonly type: "waiting"; readonly reason: string; readonly message: string };

/** What is the same for all containers of a cluster. */
export interface LaunchSettings {
  readonly objects: Pick<ObjectApi, "get">;
  readonly meshctlCommand: readonly string[];
  /** Environment of every process before anything else. */
  readonly baseEnvironment: Readonly<Record<string, string>>;
  readonly apiServer: { readonly host: string; readonly port: number };
  /** Directory of the cluster: the marker's value. */
  readonly clusterDir: string;
  /** Where a container without `workingDir` runs. */
  readonly cwd: string;
}

export interface LaunchInput {
  readonly settings: LaunchSettings;
  readonly pod: KubeObject;
  readonly container: ContainerSpec;
  readonly downward: DownwardContext;
  readonly network: PodNetworkEnvironment;
  readonly volumeMounts: readonly MountMapping[];
  /** The container's own directory. */
  readonly dir: string;
}

/**
 * Works out the process of a container: environment, command and arguments with variables expanded and mount paths rewritten.
 *
 * @throws ConfigError when a ConfigMap or Secret that it needs is missing
 */
export function prepareLaunch(input: LaunchInput): LaunchOutcome {
  const { settings, pod, container } = input;
  const terminationLog = join(input.dir, "termination-log");
  const mounts: readonly MountMapping[] = [
    ...input.volumeMounts,
    { mountPath: container.terminationMessagePath ?? "/dev/termination-log", realPath: terminationLog },
  ];
  const env = containerEnvironment({
    objects: settings.objects,
    pod,
    container,
    downward: input.downward,
    network: input.network,
    mounts,
    base: settings.baseEnvironment,
    apiServer: settings.apiServer,
  });
  const resolve = (text: string): string => rewritePaths(expandVariables(text, env), mounts);
  const annotation = pod.metadata.annotations?.[`${COMMAND_ANNOTATION_PREFIX}${container.name}`];
  const runnable = runnableOf(
    {
      name: container.name,
      ...(container.image === undefined ? {} : { image: container.image }),
      ...(container.command ? { command: container.command.map(resolve) } : {}),
      ...(container.args ? { args: container.args.map(resolve) } : {}),
    },
    // The annotation is text for a shell: variables are its to expand.
    annotation === undefined ? undefined : rewritePaths(annotation, mounts),
    settings.meshctlCommand,
  );
  if (runnable.type === "not-runnable") {
    return { type: "waiting", reason: runnable.reason, message: runnable.message };
  }
  const workingDir = container.workingDir === undefined ? settings.cwd : resolve(container.workingDir);
  const own = isOwnImage(container.image ?? "");
  return {
    type: "launch",
    launch: {
      argv: runnable.argv,
      env: {
        ...env,
        [MARKER_VARIABLE]: settings.clusterDir,
        ...(runnable.isOwnImage ? { MESHCTL_IMAGE: "1" } : {}),
      },
      cwd: existsSync(workingDir) ? workingDir : settings.cwd,
      terminationLog,
      argvOf: (command) => {
        const resolved = command.map(resolve);
        return own ? ownArgv(resolved, settings.meshctlCommand) : resolved;
      },
    },
  };
}
