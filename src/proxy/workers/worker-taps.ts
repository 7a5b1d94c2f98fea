import type { Clock, Timer } from "../../base/clock.ts";
import type { TapLine } from "../../observe/exchange.ts";
import type { TapRequest } from "../../observe/tap-filter.ts";
import type { TapHandle } from "../../observe/tap-hub.ts";
import type { TapSource } from "../admin/admin-sources.ts";
import { type MainThread, podWideId } from "./messages.ts";

/** Lines that leave in one message, count; more wait for the next turn of the event loop, and beyond that are lost. */
const LINES_MAX = 1000;
/** How often the main thread hears of lost lines while no others come, ms. */
const REPORT_MS = 1000;

interface Tap {
  readonly handle: TapHandle;
  readonly lines: TapLine[];
  isScheduled: boolean;
}

/** The taps of a proxy with several workers, as one of them serves them: lines go to the main thread in batches. */
export class WorkerTaps {
  readonly #hub: TapSource;
  readonly #index: number;
  readonly #clock: Clock;
  readonly #main: MainThread;
  readonly #taps = new Map<number, Tap>();
  #timer: Timer | undefined;

  constructor(hub: TapSource, index: number, clock: Clock, main: MainThread) {
    this.#hub = hub;
    this.#index = index;
    this.#clock = clock;
    this.#main = main;
  }

  open(id: number, request: TapRequest): void {
    const lines: TapLine[] = [];
    const handle = this.#hub.subscribe({
      request,
      write: (line) => {
        if (lines.length >= LINES_MAX) return false;
        lines.push({ ...line, exchange: { ...line.exchange, id: podWideId(line.exchange.id, this.#index) } });
        if (!tap.isScheduled) {
          tap.isScheduled = true;
          setImmediate(() => this.#send(id, tap));
        }
        return true;
      },
    });
    const tap: Tap = { handle, lines, isScheduled: false };
    this.#taps.set(id, tap);
    this.#timer ??= this.#clock.schedule(REPORT_MS, this.#report);
  }

  close(id: number): void {
    this.#taps.get(id)?.handle.close();
    this.#taps.delete(id);
  }

  closeAll(): void {
    for (const id of [...this.#taps.keys()]) this.close(id);
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #send(id: number, tap: Tap): void {
    tap.isScheduled = false;
    const lost = tap.handle.takeLost();
    const lines = tap.lines.splice(0);
    if (this.#taps.has(id) && (lines.length > 0 || lost > 0)) {
      this.#main.post({ kind: "tapped", id, lines, lost });
    }
  }

  readonly #report = (): void => {
    this.#timer = undefined;
    for (const [id, tap] of this.#taps) if (!tap.isScheduled) this.#send(id, tap);
    if (this.#taps.size > 0) this.#timer = this.#clock.schedule(REPORT_MS, this.#report);
  };
}
