import type { Clock } from "../base/clock.ts";
import type { FromWorker, ToWorker, WorkerBirth } from "./workers/messages.ts";

/** What a proxy has of the world outside. */
export interface ProxyIo {
  /** Log, access log and errors. */
  readonly stderr: (text: string) => void;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Processors that this process may use, count. Default 1. */
  readonly processors?: number;
  /** Starts a thread that runs a worker of this proxy; absent: there is one thread. */
  readonly spawnWorker?: (birth: WorkerBirth) => WorkerThread;
}

/** A worker as the main thread sees it. */
export interface WorkerThread {
  post(message: ToWorker): void;
  onMessage(listener: (message: FromWorker) => void): void;
  /** It is gone, of itself or not. */
  onExit(listener: (why: string) => void): void;
  /** Ends it at once. */
  terminate(): void;
}
