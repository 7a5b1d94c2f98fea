import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import { sleep } from "../base/clock.ts";
import { MARKER_VARIABLE, signalQuietly } from "./kubelet/process.ts";

const GONE_MS_MAX = 3000;
const POLL_MS = 20;

/**
 * Kills the processes that an earlier life of the cluster in `dir` left behind (its `dev` was killed and could not).
 *
 * Ours are known by the marker in their environment, which names the directory: no process of another cluster, and nothing
 * that merely got a recycled pid, can be hit.
 *
 * @returns how many there were
 */
export async function killLeftovers(dir: string, clock: Clock): Promise<number> {
  const found = await processesOf(dir);
  for (const pid of found) signalQuietly(pid, "SIGKILL");
  const deadlineMs = clock.monotonic() + GONE_MS_MAX;
  let remaining = found;
  while (remaining.length > 0 && clock.monotonic() < deadlineMs) {
    await sleep(clock, POLL_MS);
    remaining = await processesOf(dir);
    for (const pid of remaining) signalQuietly(pid, "SIGKILL");
  }
  return found.length;
}

/** Pids of the living processes that carry the marker of the cluster in `dir`. */
export async function processesOf(dir: string): Promise<number[]> {
  const entries = await readdir("/proc").catch(() => undefined);
  if (!entries) return processesByPs(dir);
  const marker = `${MARKER_VARIABLE}=${dir}`;
  const pids: number[] = [];
  for (const entry of entries) {
    if (!/^\d+$/.test(entry)) continue;
    // Processes end while we look, and other users' environments cannot be read: neither is ours. A zombie's is empty.
    const environment = await readFile(`/proc/${entry}/environ`, "latin1").catch(() => "");
    if (environment.split("\0").includes(marker)) pids.push(Number(entry));
  }
  return pids;
}

/** macOS has no /proc, but a ps that shows the environment of one's own processes. */
function processesByPs(dir: string): Promise<number[]> {
  return new Promise((resolve, reject) => {
    execFile("ps", ["-axwwE", "-o", "pid=,command="], { maxBuffer: 64 * 1024 * 1024 }, (error, stdout) => {
      if (error) return reject(error);
      const marker = ` ${MARKER_VARIABLE}=${dir} `;
      resolve(
        stdout
          .split("\n")
          .filter((line) => `${line} `.includes(marker))
          .map((line) => Number.parseInt(line, 10)),
      );
    });
  });
}
