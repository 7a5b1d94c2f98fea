import { readFileSync } from "node:fs";
import type { TerminatedState } from "./container-state.ts";
import type { Launch } from "./launch.ts";
import type { LogFile } from "./log-file.ts";
import type { ProcessExit } from "./process.ts";

export interface EndedRun {
  readonly exit: ProcessExit;
  readonly launch: Launch;
  readonly log: LogFile;
  /** Milliseconds since the epoch, both. */
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly pid: number | undefined;
  /** We ended it. */
  readonly wasStopped: boolean;
  /** Whether the end of its output may stand for a termination message. */
  readonly usesLog: boolean;
}

/** Bytes of a termination message that statuses keep. */
const MESSAGE_BYTES_MAX = 4096;
/** What the common runtimes print when a port cannot be bound. */
const PORT_TAKEN = /EADDRINUSE|address (?:already )?in use/i;

/** Why a run ended, as statuses show it. */
export function terminatedState(run: EndedRun): TerminatedState {
  const { exit, launch, log } = run;
  const base = {
    type: "terminated",
    exitCode: exit.exitCode,
    signal: exit.signal,
    startedAtMs: run.startedAtMs,
    finishedAtMs: run.finishedAtMs,
    pid: run.pid,
  } as const;
  if (exit.startError !== undefined) return { ...base, reason: "StartError", message: exit.startError };
  if (exit.exitCode !== 0 && !run.wasStopped && PORT_TAKEN.test(log.tail(40, MESSAGE_BYTES_MAX))) {
    const host = launch.env.LISTEN_HOST ?? "";
    // Who holds the port is not known here: this container may be the one that wants every address, or meet one that has it.
    const message = `the container found its port taken: one that listens on every address collides with all others. Make this one listen on $LISTEN_HOST (${host}); if it does, another pod or process holds the port on every address (ss -ltnp shows it)`;
    return { ...base, reason: "AppBindsWildcard", message };
  }
  const reason = exit.exitCode === 0 ? "Completed" : "Error";
  return { ...base, reason, message: lastWords(run) };
}

function lastWords({ exit, launch, log, usesLog }: EndedRun): string {
  let message = "";
  try {
    message = readFileSync(launch.terminationLog, "utf8").slice(0, MESSAGE_BYTES_MAX);
  } catch (caught) {
    // Most programs leave none.
    if ((caught as NodeJS.ErrnoException).code !== "ENOENT") message = String(caught);
  }
  if (message === "" && usesLog && exit.exitCode !== 0) return log.tail(80, 2048);
  return message;
}
