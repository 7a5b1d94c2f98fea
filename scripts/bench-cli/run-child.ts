import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";

/** What one run of the program cost. */
export interface ChildCost {
  /** User and system, of the process and its threads, milliseconds. The kernel counts in 10 ms: take the mean of several runs. */
  readonly cpuMs: number;
  /** Highest resident set, MB. */
  readonly peakMb: number;
  readonly exitCode: number;
}

/** Clock ticks a second of /proc, on every Linux that there is. */
const TICKS_HZ = 100;
const POLL_MS = 10;

/** Runs a program to its end. Linux only: it reads /proc. */
export async function runChild(
  command: readonly string[],
  options: { readonly stdin?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<ChildCost> {
  const before = childrenTicks();
  const input = openSync(options.stdin ?? "/dev/null", "r");
  const child = spawn(command[0]!, command.slice(1), {
    stdio: [input, "ignore", "ignore"],
    env: { ...process.env, ...options.env },
  });
  closeSync(input);
  let peakMb = 0;
  const poll = setInterval(() => {
    peakMb = Math.max(peakMb, readPeakMb(child.pid!) ?? 0);
  }, POLL_MS);
  const exitCode = await new Promise<number>((resolve) => child.on("exit", (code) => resolve(code ?? 1)));
  clearInterval(poll);
  return { cpuMs: ((childrenTicks() - before) * 1000) / TICKS_HZ, peakMb, exitCode };
}

/** Ticks of all children that have ended and been waited for. */
function childrenTicks(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  // After the name in parentheses, which may hold blanks: utime 11, stime 12, cutime 13, cstime 14.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[13]) + Number(fields[14]);
}

/** Undefined when it has ended. */
function readPeakMb(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const kb = /^VmHWM:\s+(\d+)/m.exec(status)?.[1];
    return kb === undefined ? undefined : Number(kb) / 1024;
  } catch {
    return undefined;
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
