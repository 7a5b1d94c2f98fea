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
  const network = sumInterfaces(tryRead(`${procDir}/net/dev`));
  const maxFds = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return {
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    residentBytes: self.memoryUsage.rss(),
    virtualBytes: virtualKb === undefined ? undefined : Number(virtualKb) * 1024,
    openFds: tryCount(`${procDir}/fd`),
    maxFds: maxFds === undefined ? undefined : Number(maxFds),
    threads: threads === undefined ? undefined : Number(threads),
    networkReceivedBytes: network?.received,
    networkSentBytes: network?.sent,
  };
}

/** Two lines of titles, then an interface a line: its name, eight columns of what it received, eight of what it sent. */
function sumInterfaces(table: string): { received: number; sent: number } | undefined {
  if (table === "") return undefined;
  let received = 0;
  let sent = 0;
  for (const line of table.split("\n").slice(2)) {
    const columns = line
      .slice(line.indexOf(":") + 1)
      .trim()
      .split(/\s+/);
    if (columns.length < 9) continue;
    received += Number(columns[0]);
    sent += Number(columns[8]);
  }
  return { received, sent };
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
