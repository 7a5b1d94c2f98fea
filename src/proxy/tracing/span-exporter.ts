import type { Clock, Timer } from "../../base/clock.ts";
import type { SpanMetrics } from "../metrics/span-metrics.ts";
import type { Span } from "./span.ts";

export interface SpanExporterOptions {
  readonly clock: Clock;
  readonly metrics: SpanMetrics;
  /** Sends a batch to the collector. Rejects when it was not taken. */
  readonly send: (spans: readonly Span[]) => Promise<void>;
  readonly onFailure: (error: unknown, spans: number) => void;
}

/** Spans of one message. */
const BATCH_MAX = 1000;
/** Spans that wait beyond the next batch while one is on its way; more are dropped and counted. */
const QUEUE_MAX = 100;
/** The longest that a span waits for others, ms. */
const BATCH_MS = 10_000;

/**
 * Collects spans and sends them in batches, one at a time.
 *
 *     empty --span--> collecting --1000 spans, or 10 s--> sending --taken, or failed--> empty, or collecting
 *
 * Nothing is sent twice: a collector that is away costs the spans of its absence, not memory.
 */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  #spans: Span[] = [];
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
  }

  add(span: Span): void {
    if (this.#spans.length >= BATCH_MAX + QUEUE_MAX) {
      this.#options.metrics.dropped(1);
      return;
    }
    this.#spans.push(span);
    if (this.#spans.length >= BATCH_MAX) this.#send();
    else this.#timer ??= this.#options.clock.schedule(BATCH_MS, () => this.#send());
  }

  /** Sends what is left. Resolves when the collector has it, or has not taken it. */
  async close(): Promise<void> {
    while (this.#sending || this.#spans.length > 0) {
      this.#send();
      await this.#sending;
    }
    this.#timer?.cancel();
  }

  #send(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#sending || this.#spans.length === 0) return;
    const batch = this.#spans.splice(0, BATCH_MAX);
    const { metrics, send, onFailure, clock } = this.#options;
    this.#sending = send(batch)
      .then(
        () => metrics.exported(batch.length),
        (error: unknown) => {
          metrics.failed(batch.length);
          onFailure(error, batch.length);
        },
      )
      .finally(() => {
        this.#sending = undefined;
        if (this.#spans.length >= BATCH_MAX) this.#send();
        else if (this.#spans.length > 0) this.#timer ??= clock.schedule(BATCH_MS, () => this.#send());
      });
  }
}
