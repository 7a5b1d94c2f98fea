import { type MessagePort, Worker } from "node:worker_threads";
import type { WorkerThread } from "../proxy-io.ts";
import type { FromWorker, MainThread, ToWorker, WorkerBirth } from "./messages.ts";

/**
 * Starts a worker: the program itself, in a thread, as its verb `proxy`, which finds out from what it is born with that it is none
 * of its own.
 *
 * @param entry the program's file
 * @param env   variables of the proxy
 */
export function spawnProxyWorker(
  entry: string,
  env: Readonly<Record<string, string | undefined>>,
  birth: WorkerBirth,
): WorkerThread {
  const worker = new Worker(entry, { argv: ["proxy"], env: { ...env }, workerData: birth });
  let why = "it ended";
  worker.on("error", (error) => {
    why = error instanceof Error ? error.message : String(error);
  });
  return {
    post: (message: ToWorker) => worker.postMessage(message),
    onMessage: (listener) => void worker.on("message", (message: FromWorker) => listener(message)),
    onExit: (listener) => void worker.on("exit", () => listener(why)),
    terminate: () => void worker.terminate(),
  };
}

/** What a thread was born with, if it is a worker of a proxy. */
export function asBirth(data: unknown): WorkerBirth | undefined {
  const kind = (data as { kind?: unknown } | null | undefined)?.kind;
  return kind === "meshctl proxy worker" ? (data as WorkerBirth) : undefined;
}

/** The worker's end of the line. @param port closed once the worker is over, or it would hold the thread */
export function mainThreadOf(port: MessagePort): MainThread {
  return {
    post: (message) => port.postMessage(message),
    onMessage: (listener) => void port.on("message", (message: ToWorker) => listener(message)),
  };
}
