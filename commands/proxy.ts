import { availableParallelism } from "node:os";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../src/base/clock.ts";
import type { Command } from "../src/cli/command.ts";

export const command: Command = {
  name: "proxy",
  summary: "the sidecar: every connection of a pod passes through it",
  description:
    "Takes its whole configuration from the environment (MESHCTL_PROXY_*, else LINKERD2_PROXY_*), which the injector writes. Exits 64 when a variable cannot be used, and names each of them. On SIGTERM it takes no more connections and ends when those that are open are done, or after MESHCTL_PROXY_SHUTDOWN_GRACE_PERIOD.",
  flags: [],
  examples: [{ command: "MESHCTL_PROXY_LOG=debug meshctl proxy", does: "run by the injected container" }],
  async run(_options, _args, { console, env, signal }) {
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
