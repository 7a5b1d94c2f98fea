import type { Clock } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";

export interface ConnectQueueOptions {
  /** Requests that may wait for a connection at once, count. */
  readonly capacity: number;
  /** How long each may wait, ms. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * Bounds the requests that wait for a connection to one server. Those that find a connection idle never come here.
 *
 *     request -> waiting --connected--> on its way
 *         \          \--timeoutMs--> BALANCER_FAILFAST
 *          \-- capacity waits already --> BALANCER_SHED
 */
export class ConnectQueue {
  readonly #options: ConnectQueueOptions;
  #waiting = 0;

  constructor(options: ConnectQueueOptions) {
    this.#options = options;
  }

  /** @throws MeshError `BALANCER_SHED`, `BALANCER_FAILFAST`, or what `connect` throws */
  async run<T>(signal: AbortSignal, connect: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { capacity, timeoutMs, clock } = this.#options;
    if (this.#waiting >= capacity) throw queueFull(this.#waiting);
    this.#waiting++;
    const deadline = new AbortController();
    const timer = clock.schedule(timeoutMs, () => deadline.abort(tooSlow(timeoutMs)));
    const onAbort = () => deadline.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await connect(deadline.signal);
    } catch (error) {
      // What was given up says that it was; why, only the deadline knows.
      throw deadline.signal.aborted && !signal.aborted ? deadline.signal.reason : error;
    } finally {
      this.#waiting--;
      timer.cancel();
      signal.removeEventListener("abort", onAbort);
    }
  }
}

function queueFull(waiting: number): MeshError {
  return new MeshError({
    kind: "environment",
    code: "BALANCER_SHED",
    message: `${waiting} requests wait for a connection to the application already`,
    hint: "the application accepts too slowly; add replicas, or raise MESHCTL_PROXY_INBOUND_HTTP_QUEUE_CAPACITY",
  });
}

function tooSlow(timeoutMs: number): MeshError {
  return new MeshError({
    kind: "environment",
    code: "BALANCER_FAILFAST",
    message: `the application took no request within ${timeoutMs} ms`,
    hint: "see whether the application accepts connections; the limit is MESHCTL_PROXY_INBOUND_HTTP_FAILFAST_TIMEOUT",
  });
}
