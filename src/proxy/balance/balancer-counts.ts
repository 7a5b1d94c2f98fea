/** Upper bounds of the time that requests wait for an endpoint, ms. */
export const WAIT_BUCKETS_MS = [0.5, 5, 50, 500, 1000, 3000] as const;

/**
 * What a balancer has counted since it was made: whoever reads it adds what is new to metrics. Plain numbers, because every request
 * passes here.
 */
export class BalancerCounts {
  /** Requests that asked for an endpoint. */
  requests = 0;
  /** Of these, those that had to wait, by how long: one more bucket than bounds. */
  readonly waits = new Float64Array(WAIT_BUCKETS_MS.length + 1);
  waited = 0;
  waitedMs = 0;
  added = 0;
  removed = 0;
  /** Times that requests were refused from then on, and taken again. */
  shut = 0;
  opened = 0;
  /** Monotonic; when the last of these happened. */
  gateAt: number;
  isShut = false;

  constructor(now: number) {
    this.gateAt = now;
  }

  /** A request that waited has an endpoint, or no hope. */
  endWait(tookMs: number): void {
    let bucket = 0;
    while (bucket < WAIT_BUCKETS_MS.length && tookMs > WAIT_BUCKETS_MS[bucket]!) bucket++;
    this.waits[bucket]!++;
    this.waited++;
    this.waitedMs += tookMs;
  }

  setGate(isShut: boolean, now: number): void {
    if (isShut === this.isShut) return;
    this.isShut = isShut;
    this.gateAt = now;
    if (isShut) this.shut++;
    else this.opened++;
  }
}
