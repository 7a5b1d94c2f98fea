import { systemClock } from "../../src/base/clock.ts";
import { createLogger, type LogLevel } from "../../src/base/log.ts";
import { VERSION } from "../../src/base/version.ts";
import type { CommandContext } from "../../src/cli/command.ts";
import type { LocalCluster, LocalClusterOptions } from "../../src/local/cluster.ts";
import { meshctlCommand } from "./meshctl-command.ts";

/**
 * Starts a local cluster in this process, with what a command has: environment, streams, clock.
 *
 * @param options `quietLevel`: what is logged without `--verbose`
 * @throws MeshError as `startLocalCluster`
 */
export async function startCluster(
  { console, env, cwd, globals }: CommandContext,
  options: Pick<LocalClusterOptions, "dir" | "onProgress" | "apiPort" | "keepsObjects" | "isFresh"> & {
    readonly quietLevel: LogLevel;
  },
): Promise<LocalCluster> {
  const { startLocalCluster } = await import("../../src/local/cluster.ts");
  const { quietLevel, ...rest } = options;
  return startLocalCluster({
    ...rest,
    clock: systemClock,
    log: createLogger({
      level: globals.verbose ? "debug" : quietLevel,
      format: "plain",
      write: (line) => console.stderr.write(line),
      now: systemClock.now,
    }),
    meshctlCommand: meshctlCommand(),
    env,
    version: VERSION,
    random: Math.random,
    pid: process.pid,
    cwd,
  });
}
