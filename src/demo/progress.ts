import type { Clock } from "../base/clock.ts";

/** Says what has been done and when: a line a step, with the seconds since the start. */
export interface Progress {
  step(text: string): void;
  readonly elapsedMs: number;
}

export function createProgress(clock: Clock, write: (text: string) => void): Progress {
  const startMs = clock.monotonic();
  const elapsedMs = () => clock.monotonic() - startMs;
  return {
    step: (text) => write(`${formatSeconds(elapsedMs())}  ${text}\n`),
    get elapsedMs() {
      return elapsedMs();
    },
  };
}

/** ` 3.2 s`, right-aligned. */
export function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(5)} s`;
}
