import { availableParallelism } from "node:os";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../src/base/clock.ts";
import { MeshError } from "../src/base/error.ts";
import type { Command } from "../src/cli/command.ts";

export const command: Command = {
  name: "proxy",
  summary: "the sidecar: every connection of a pod passes through it",
  description:
    "Takes its whole configuration from the environment (MESHCTL_PROXY_*, else LINKERD2_PROXY_*), which the injector writes. Exits 64 when a variable cannot be used, and names each of them. On SIGTERM it takes no more connections and ends when those that are open are done, or after MESHCTL_PROXY_SHUTDOWN_GRACE_PERIOD.",
  flags: [
    {
      name: "workers",
      type: "number",
      placeholder: "COUNT",
      summary:
        "threads that carry traffic, instead of what MESHCTL_PROXY_CORES, _CORES_MIN, _CORES_MAX and _CORES_MAX_RATIO say; never more than there are processors",
    },
  ],
  examples: [
    { command: "MESHCTL_PROXY_LOG=debug meshctl proxy", does: "run by the injected container" },
    { command: "meshctl proxy --workers 2", does: "two threads on the same ports, by hand" },
  ],
  async run({ workers }, _args, { console, env: given, signal }) {
    const env = typeof workers === "number" ? withWorkers(given, workers) : given;
    if (isMainThread) limitYoungSpace();
    const { runProxy, runProxyWorker } = await import("../src/proxy/proxy.ts");
    const { asBirth, mainThreadOf, spawnProxyWorker } = await import("../src/proxy/workers/spawn.ts");
    const io = {
      stderr: (text: string) => console.stderr.write(text),
      clock: systemClock,
      random: Math.random,
    };
    const birth = isMainThread ? undefined : asBirth(workerData);
    if (birth && parentPort) {
      const exitCode = await runProxyWorker(env, io, birth, mainThreadOf(parentPort));
      parentPort.close();
      return { exitCode };
    }
    const processors = availableParallelism();
    const spawnWorker = (newborn: Parameters<typeof spawnProxyWorker>[2]) =>
      spawnProxyWorker(process.argv[1]!, env, newborn);
    return { exitCode: await runProxy(env, { ...io, processors, spawnWorker }, signal) };
  },
};

/** The flag wins over every variable of the kind, under either prefix: the proxy reads ours first. */
function withWorkers(env: Readonly<Record<string, string | undefined>>, count: number) {
  if (!Number.isInteger(count) || count < 1 || count > 999_999) {
    throw new MeshError({
      kind: "usage",
      code: "PROXY_WORKERS",
      message: `--workers is ${count}`,
      hint: "give a whole number above 0",
    });
  }
  return { ...env, MESHCTL_PROXY_CORES_MIN: String(count), MESHCTL_PROXY_CORES_MAX: String(count) };
}

const YOUNG_SPACE_FLAG = "--max-semi-space-size";
/**
 * For objects that were just made, MB. V8 takes 16 or more by default and lets as much garbage lie around them. A proxy's objects
 * hardly ever outlive their request, so collecting often costs it little: 3 % of its time under full load, no more than the bench's
 * spread, for 7 MB less memory after load and 3 kB less for each idle connection (bench:proxy, Node 26).
 */
const YOUNG_SPACE_MB = 2;

/**
 * V8 takes that number only when it starts, so the process replaces itself once: same id, same streams, same environment. Whoever
 * starts Node with a number of their own keeps it.
 */
function limitYoungSpace(): void {
  const { execArgv, execPath, argv, env } = process;
  const isSet = (text: string) => text.startsWith(YOUNG_SPACE_FLAG);
  // A channel to the parent would not survive.
  if (process.send) return;
  if (execArgv.some(isSet) || (env.NODE_OPTIONS ?? "").split(/\s+/).some(isSet)) return;
  const flag = `${YOUNG_SPACE_FLAG}=${YOUNG_SPACE_MB}`;
  // Undefined on Windows.
  process.execve?.(execPath, [execPath, flag, ...execArgv, ...argv.slice(1)], env as Record<string, string>);
}
