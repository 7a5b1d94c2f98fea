import type { Clock } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { CertificateMaterial } from "../../identity/mesh-credentials.ts";
import type { RingAnswer } from "../../observe/ring.ts";
import type { TapHandle, TapSubscription } from "../../observe/tap-hub.ts";
import type { AdminSources } from "../admin/admin-sources.ts";
import type { WorkerThread } from "../proxy-io.ts";
import { mergeMetrics } from "./merge-metrics.ts";
import { mergeStats } from "./merge-stats.ts";
import type {
  FromWorker,
  ObservedEvent,
  ToWorker,
  WorkerAnswers,
  WorkerBirth,
  WorkerQuestion,
} from "./messages.ts";
import { createSharedMemory } from "./shared-limits.ts";

export interface WorkerPoolOptions {
  readonly count: number;
  readonly spawn: (birth: WorkerBirth) => WorkerThread;
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  readonly identity: string;
  /** The main thread's own metrics. */
  readonly metrics: () => string;
  /** A worker is gone that nobody told to go: the others would serve a part of the port's connections. */
  readonly onLost: (error: MeshError) => void;
}

/** How long workers have to answer a question, ms: one that is busy for longer is as good as gone for whoever asks. */
const ANSWER_MS = 5000;

interface Asked {
  readonly answers: WorkerAnswers[WorkerQuestion["about"]][];
  resolve(answers: WorkerAnswers[WorkerQuestion["about"]][]): void;
}

/**
 * The workers of a proxy, as one.
 *
 *     starting --all bound--> bound --certificate--> serving --stop--> draining --all ended--> over
 *         \--one failed, or is gone at any time before stop--> lost
 *
 * Questions go to all of them, and their answers become one: metrics and stats are added up, records are put in order.
 */
export class WorkerPool implements AdminSources {
  readonly version: string;
  readonly identity: string;
  readonly tap = {
    count: 0,
    subscribe: (subscription: TapSubscription): TapHandle => this.#subscribe(subscription),
  };
  readonly #options: WorkerPoolOptions;
  readonly #workers: WorkerThread[] = [];
  readonly #asked = new Map<number, Asked>();
  readonly #taps = new Map<number, { readonly subscription: TapSubscription; lost: number }>();
  readonly #observers = new Map<number, (events: readonly ObservedEvent[]) => void>();
  readonly #bound = Promise.withResolvers<void>();
  readonly #serving = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #counts = { bound: 0, serving: 0, ended: 0 };
  #nextId = 1;
  #isStopping = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.version = options.version;
    this.identity = options.identity;
    this.#bound.promise.catch(() => {});
  }

  /** Starts them. Resolves when all have bound the ports. @throws MeshError `WORKER_FAILED` */
  start(): Promise<void> {
    const memory = createSharedMemory();
    for (let index = 0; index < this.#options.count; index++) {
      const worker = this.#options.spawn({ kind: "meshctl proxy worker", index, memory });
      this.#workers.push(worker);
      worker.onMessage((message) => this.#received(message));
      worker.onExit((why) => this.#exited(index, why));
    }
    return this.#bound.promise;
  }

  /** Resolves when all of them accept connections. */
  get serving(): Promise<void> {
    return this.#serving.promise;
  }

  certificate(material: CertificateMaterial): void {
    this.#post({ kind: "certificate", material });
  }

  setLogLevel(text: string): void {
    this.#post({ kind: "log-level", text });
  }

  /** Has them drain. Resolves when all have ended. */
  stop(): Promise<void> {
    this.#isStopping = true;
    this.#post({ kind: "stop" });
    return this.#ended.promise;
  }

  terminate(): void {
    this.#isStopping = true;
    for (const worker of this.#workers) worker.terminate();
  }

  async readMetrics(): Promise<string> {
    const texts = await this.#ask({ about: "metrics" });
    return mergeMetrics([this.#options.metrics(), ...(texts as string[])]);
  }

  async readStats(windowMs: number) {
    return mergeStats((await this.#ask({ about: "stats", windowMs })) as WorkerAnswers["stats"][]);
  }

  async readRecords(query: Parameters<AdminSources["readRecords"]>[0]): Promise<RingAnswer> {
    const answers = (await this.#ask({ about: "records", query })) as RingAnswer[];
    const exchanges = answers
      .flatMap((answer) => answer.exchanges)
      .sort((left, right) => left.openedAtMs - right.openedAtMs);
    return {
      exchanges: query.limit === undefined ? exchanges : exchanges.slice(-query.limit),
      // From when on all of them are complete.
      fromMs: Math.max(...answers.map(({ fromMs }) => fromMs)),
      toMs: Math.max(...answers.map(({ toMs }) => toMs)),
      lost: answers.reduce((sum, { lost }) => sum + lost, 0),
    };
  }

  /** A call of the tap port. @param request an ObserveRequest, encoded */
  observe(request: Uint8Array, base: number, onEvents: (events: readonly ObservedEvent[]) => void) {
    const id = this.#nextId++;
    this.#observers.set(id, onEvents);
    this.#post({ kind: "observe", id, request, base });
    return {
      stop: () => {
        if (this.#observers.delete(id)) this.#post({ kind: "unobserve", id });
      },
    };
  }

  #subscribe(subscription: TapSubscription): TapHandle {
    const id = this.#nextId++;
    const tap = { subscription, lost: 0 };
    this.#taps.set(id, tap);
    this.tap.count = this.#taps.size;
    const { request } = subscription;
    // Rates are for the pod: each worker has its part.
    const maxRps = request.maxRps === 0 ? 0 : Math.max(1, Math.ceil(request.maxRps / this.#workers.length));
    this.#post({ kind: "tap", id, request: { ...request, maxRps } });
    return {
      takeLost: () => {
        const { lost } = tap;
        tap.lost = 0;
        return lost;
      },
      close: () => {
        this.#taps.delete(id);
        this.tap.count = this.#taps.size;
        this.#post({ kind: "untap", id });
      },
    };
  }

  /** What all workers say; of those that do not in time, nothing. @throws MeshError `WORKER_FAILED` when none does */
  async #ask(question: WorkerQuestion): Promise<WorkerAnswers[WorkerQuestion["about"]][]> {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<WorkerAnswers[WorkerQuestion["about"]][]>();
    const asked: Asked = { answers: [], resolve };
    this.#asked.set(id, asked);
    const timer = this.#options.clock.schedule(ANSWER_MS, () => resolve(asked.answers));
    this.#post({ kind: "question", id, question });
    const answers = await promise;
    timer.cancel();
    this.#asked.delete(id);
    if (answers.length === this.#workers.length) return answers;
    this.#options.log.warn("workers did not answer", {
      about: question.about,
      answered: answers.length,
      of: this.#workers.length,
    });
    if (answers.length === 0) throw workerFailed(`no worker answered within ${ANSWER_MS} ms`);
    return answers;
  }

  #post(message: ToWorker): void {
    for (const worker of this.#workers) worker.post(message);
  }

  #received(message: FromWorker): void {
    const { count } = this.#options;
    switch (message.kind) {
      case "bound":
        if (++this.#counts.bound === count) this.#bound.resolve();
        break;
      case "serving":
        if (++this.#counts.serving === count) this.#serving.resolve();
        break;
      case "answer": {
        const asked = this.#asked.get(message.id);
        asked?.answers.push(message.value);
        if (asked?.answers.length === count) asked.resolve(asked.answers);
        break;
      }
      case "tapped":
        this.#tapped(message);
        break;
      case "observed":
        this.#observers.get(message.id)?.(message.events);
        break;
      case "failed":
        this.#lose(workerFailed(message.message, message.hint));
    }
  }

  #tapped({ id, lines, lost }: Extract<FromWorker, { kind: "tapped" }>): void {
    const tap = this.#taps.get(id);
    if (!tap) return;
    tap.lost += lost;
    for (const line of lines) if (!tap.subscription.write(line)) tap.lost++;
  }

  #exited(index: number, why: string): void {
    if (!this.#isStopping) this.#lose(workerFailed(`worker ${index + 1} is gone: ${why}`));
    if (++this.#counts.ended === this.#options.count) this.#ended.resolve();
  }

  #lose(error: MeshError): void {
    if (this.#isStopping) return;
    this.#bound.reject(error);
    this.#options.onLost(error);
  }
}

function workerFailed(message: string, hint?: string): MeshError {
  return new MeshError({
    kind: "environment",
    code: "WORKER_FAILED",
    message,
    hint: hint ?? "see the log; MESHCTL_PROXY_CORES_MAX=1 runs the proxy in one thread",
  });
}
