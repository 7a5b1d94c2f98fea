import { readdirSync, readFileSync } from "node:fs";

/** CPU time of a process and its threads so far, microseconds. Threads that have ended are not in it: none of the measured end. */
export function cpuMicros(pid: number): number {
  let nanos = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // Run time, wait time, slices. Finer than the ticks of `stat`, and the same clock.
    nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  }
  return nanos / 1000;
}

/** Memory that would be free if the process were not there, bytes. */
export function privateBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  let kib = 0;
  for (const [, amount] of rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)) kib += Number(amount);
  return kib * 1024;
}
