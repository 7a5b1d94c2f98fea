import type { CertificateMaterial } from "../../identity/mesh-credentials.ts";
import type { TapLine } from "../../observe/exchange.ts";
import type { RingAnswer } from "../../observe/ring.ts";
import type { StatsReply } from "../../observe/stats.ts";
import type { TapRequest } from "../../observe/tap-filter.ts";
import type { RecordsQuery } from "../admin/admin-sources.ts";
import type { SharedMemory } from "./shared-limits.ts";

/** What a worker is born with. */
export interface WorkerBirth {
  readonly kind: "meshctl proxy worker";
  /** From 0. */
  readonly index: number;
  readonly memory: SharedMemory;
}

/** What the main thread asks of each worker; the answer carries the same number. */
export type WorkerQuestion =
  | { readonly about: "metrics" }
  | { readonly about: "stats"; readonly windowMs: number }
  | { readonly about: "records"; readonly query: RecordsQuery };

export interface WorkerAnswers {
  readonly metrics: string;
  readonly stats: StatsReply;
  readonly records: RingAnswer;
}

/** From the main thread to a worker. */
export type ToWorker =
  | { readonly kind: "certificate"; readonly material: CertificateMaterial }
  | { readonly kind: "question"; readonly id: number; readonly question: WorkerQuestion }
  | { readonly kind: "tap"; readonly id: number; readonly request: TapRequest }
  | { readonly kind: "untap"; readonly id: number }
  /** A call of the tap port: an ObserveRequest, encoded, and the number of the call. */
  | { readonly kind: "observe"; readonly id: number; readonly request: Uint8Array; readonly base: number }
  | { readonly kind: "unobserve"; readonly id: number }
  | { readonly kind: "log-level"; readonly text: string }
  /** Drain, then end. */
  | { readonly kind: "stop" };

/** An event of a call of the tap port. */
export interface ObservedEvent {
  readonly kind: "requestInit" | "responseInit" | "responseEnd";
  /** Which request, among all of the pod. */
  readonly stream: bigint;
  /** A TapEvent, encoded; absent: there was no room for it. */
  readonly event: Uint8Array | undefined;
}

/** The worker's end of the line to the main thread. */
export interface MainThread {
  post(message: FromWorker): void;
  onMessage(listener: (message: ToWorker) => void): void;
}

/** Workers count for themselves: their numbers are kept apart by what stands above 2^40, far above any count. */
export function podWideId(id: number, workerIndex: number): number {
  return id + workerIndex * 2 ** 40;
}

/** From a worker to the main thread. */
export type FromWorker =
  | { readonly kind: "bound" }
  | { readonly kind: "serving" }
  | { readonly kind: "answer"; readonly id: number; readonly value: WorkerAnswers[keyof WorkerAnswers] }
  | {
      readonly kind: "tapped";
      readonly id: number;
      readonly lines: readonly TapLine[];
      readonly lost: number;
    }
  | { readonly kind: "observed"; readonly id: number; readonly events: readonly ObservedEvent[] }
  /** It cannot start; the process ends with this. */
  | { readonly kind: "failed"; readonly message: string; readonly hint: string | undefined }
  | { readonly kind: "ended"; readonly exitCode: number };
