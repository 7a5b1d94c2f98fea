import { readdirSync, readFileSync } from "node:fs";
import type { ProcessReadings } from "./process-metrics.ts";

/** Reads the figures of a process: its own counters, and /proc where there is one. Synchronous and small: once a scrape. */
export function readProcess(
  self: Pick<NodeJS.Process, "cpuUsage" | "memoryUsage"> = process,
  procDir = "/proc/self",
): ProcessReadings {
  const cpu = self.cpuUsage();
  const status = tryRead(`${procDir}/status`);
  const limits = tryRead(`${procDir}/limits`);
  const virtualKb = /^VmSize:\s+(\d+) kB/m.exec(status)?.[1];
  const threads = /^Threads:\s+(\d+)/m.exec(status)?.[1];
  const maxFds = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return {
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    residentBytes: self.memoryUsage.rss(),
    virtualBytes: virtualKb === undefined ? undefined : Number(virtualKb) * 1024,
    openFds: tryCount(`${procDir}/fd`),
    maxFds: maxFds === undefined ? undefined : Number(maxFds),
    threads: threads === undefined ? undefined : Number(threads),
  };
}

/** Empty where the system has no such file (macOS): the figure is then left out. */
function tryRead(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function tryCount(path: string): number | undefined {
  try {
    return readdirSync(path).length;
  } catch {
    return undefined;
  }
}
