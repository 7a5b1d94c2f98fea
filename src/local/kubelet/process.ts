import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { StringDecoder } from "node:string_decoder";
import type { Clock } from "../../base/clock.ts";

/** Environment variable that every process of a cluster carries; its value is the cluster's directory. See leftovers.ts. */
export const MARKER_VARIABLE = "MESHCTL_DEV_CLUSTER";

export interface ProcessExit {
  /** 0 to 255; 128 plus the number for a signal, as a shell counts. */
  readonly exitCode: number;
  /** Number of the signal that ended it, 0 when none did. */
  readonly signal: number;
  /** The program could not be started: why. */
  readonly startError?: string;
}

export interface ContainerProcess {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  /** Resolves when the process has ended and its output has been read; its whole group is gone then. */
  readonly exited: Promise<ProcessExit>;
  /** To the process alone: it decides what its children get, as a container's first process does. */
  terminate(): void;
  /** To its whole group. */
  kill(): void;
}

export interface SpawnOptions {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly clock: Clock;
  readonly onOutput: (stream: "stdout" | "stderr", text: string) => void;
}

/** After the process is gone, output of one that left the group is waited for this long. */
const OUTPUT_MS_MAX = 300;

/** Starts a process in a group of its own, so that all of it can be killed. */
export function spawnProcess(options: SpawnOptions): ContainerProcess {
  const [program, ...args] = options.argv;
  let child: ChildProcess;
  try {
    child = spawn(program!, args, {
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (caught) {
    const startError = caught instanceof Error ? caught.message : String(caught);
    const exited = Promise.resolve({ exitCode: 128, signal: 0, startError });
    return { pid: undefined, exited, terminate: () => {}, kill: () => {} };
  }
  for (const stream of ["stdout", "stderr"] as const) {
    const decoder = new StringDecoder("utf8");
    child[stream]!.on("data", (chunk: Buffer) => options.onOutput(stream, decoder.write(chunk)));
  }
  const pid = child.pid;
  let ended = false;
  const kill = (): void => {
    if (pid !== undefined) signalQuietly(-pid, "SIGKILL");
  };
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once("error", (error) => {
      if (pid === undefined) resolve({ exitCode: 128, signal: 0, startError: error.message });
    });
    child.once("exit", (code, signalName) => {
      ended = true;
      // Its children would live on without it; in a container they would not.
      kill();
      const signal = signalName ? constants.signals[signalName] : 0;
      const exit = { exitCode: code ?? 128 + signal, signal };
      const timer = options.clock.schedule(OUTPUT_MS_MAX, () => {
        child.stdout!.destroy();
        child.stderr!.destroy();
        resolve(exit);
      });
      child.once("close", () => {
        timer.cancel();
        resolve(exit);
      });
    });
  });
  return {
    pid,
    exited,
    terminate: () => {
      if (pid !== undefined && !ended) signalQuietly(pid, "SIGTERM");
    },
    kill,
  };
}

/** Signals, and is content when nobody is there any more. */
export function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (caught) {
    const code = (caught as NodeJS.ErrnoException).code;
    if (code !== "ESRCH" && code !== "EPERM") throw caught;
  }
}
