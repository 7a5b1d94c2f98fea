import { Backoff } from "../base/backoff.ts";
import { type Clock, sleep } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { KubeClient } from "./client.ts";
import type { ResourceRef, Source, SourceEvent } from "./source.ts";
import { type WatchState, watchStep } from "./watch.ts";

export interface ApiSourceOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** All namespaces by default. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly metadataOnly?: boolean;
}

/**
 * Objects of a Kubernetes API server: runs the watch's steps, waits after faults, logs them.
 *
 * Back-off as client-go's reflector: 800 ms to 30 s, doubled, with jitter; it starts again after a batch that arrived.
 */
export class ApiSource implements Source {
  readonly #options: ApiSourceOptions;

  constructor(options: ApiSourceOptions) {
    this.#options = options;
  }

  async run(
    resource: ResourceRef,
    listener: (event: SourceEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, clock, random, namespace, labelSelector, metadataOnly } = this.#options;
    const log = this.#options.log.child({ resource: resource.plural });
    const backoff = new Backoff({ minMs: 800, maxMs: 30_000, jitterRatio: 1, random });
    let state: WatchState = { at: "empty" };
    while (!signal.aborted) {
      const outcome = await watchStep(
        { client, clock, resource, signal, namespace, labelSelector, metadataOnly },
        state,
      );
      if (signal.aborted) break;
      for (const event of outcome.events) listener(event);
      state = outcome.next;
      const { fault } = outcome;
      if (fault === undefined) {
        if (outcome.events.length > 0 && state.at === "watching") backoff.reset();
        continue;
      }
      const delayMs = Math.round(backoff.nextMs());
      const fields = { phase: fault.phase, code: fault.error.code, retryMs: delayMs };
      if (fault.routine) log.debug(fault.error.message, fields);
      else log.warn(fault.error.message, fields);
      await sleep(clock, delayMs, signal).catch(() => {
        // Aborted while waiting: the loop ends.
      });
    }
    if (state.at === "watching") state.stream.destroy();
  }
}
