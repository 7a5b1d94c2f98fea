import assert from "node:assert/strict";
import { until } from "../../support/until.ts";
import type { MeshPair } from "./mesh-pair.ts";
import { type Held, type ProxyProcess, recordsOf } from "./proxy-process.ts";

/** Heap that warming code up and caches of bounded size may take, bytes; a leak of what thousands of requests need is more. */
const HEAP_GROWTH_MAX = 8 * 1024 * 1024;

/** What each proxy of a pair held at rest. */
export type Baseline = ReadonlyMap<ProxyProcess, Held>;

const proxiesOf = (pair: MeshPair) => [pair.client, ...pair.servers.map(({ proxy }) => proxy)];

export async function measure(pair: MeshPair): Promise<Baseline> {
  const baseline = new Map<ProxyProcess, Held>();
  for (const proxy of proxiesOf(pair)) baseline.set(proxy, await proxy.held());
  return baseline;
}

/**
 * Waits until each proxy holds no more sockets and timers than it did at rest, and no exchange is open; then compares heaps. What
 * does not come back within `until`'s limit has leaked.
 */
export async function assertNothingLeaked(pair: MeshPair, baseline: Baseline): Promise<void> {
  for (const proxy of proxiesOf(pair)) {
    const before = baseline.get(proxy)!;
    let last: Held | undefined;
    try {
      await until("sockets and timers to go", async () => {
        last = await proxy.held();
        const timers = (held: Held) => held.resources.Timeout ?? 0;
        return last.sockets <= before.sockets && timers(last) <= timers(before);
      });
    } catch (error) {
      throw new Error(`held at rest: ${JSON.stringify(before)}, now: ${JSON.stringify(last)}`, {
        cause: error,
      });
    }
    assert.ok(last!.heapBytes - before.heapBytes < HEAP_GROWTH_MAX, JSON.stringify([before, last]));
    const open = (await recordsOf(proxy)).filter(({ closedUs }) => closedUs < 0);
    assert.deepEqual(open, [], "exchanges are still open");
  }
}
