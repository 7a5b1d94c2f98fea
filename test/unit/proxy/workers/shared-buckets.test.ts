import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { createSharedBucketsMemory, SharedBuckets } from "../../../../src/proxy/workers/shared-buckets.ts";

const NOW = Date.UTC(2026, 0, 2);

/** How many of a burst pass. */
function burst(buckets: SharedBuckets, key: string, rate: number, nowMs: number, count = 100): number {
  let passed = 0;
  for (let index = 0; index < count; index++) if (buckets.take(key, rate, nowMs)) passed++;
  return passed;
}

for (const rate of [1, 3, 7, 10, 60, 97]) {
  test(`a bucket of ${rate} a second lets a burst of ${rate} through, and refills in time`, () => {
    const buckets = new SharedBuckets(createSharedBucketsMemory());
    assert.equal(burst(buckets, "key", rate, NOW), rate);
    assert.equal(burst(buckets, "key", rate, NOW + 0.4 * (1000 / rate)), 0);
    assert.equal(burst(buckets, "key", rate, NOW + 1000 / rate + 1), 1);
    assert.equal(burst(buckets, "key", rate, NOW + 60_000), rate);
  });
}

test("rate 0 is no limit", () => {
  const buckets = new SharedBuckets(createSharedBucketsMemory());
  assert.equal(burst(buckets, "key", 0, NOW, 1000), 1000);
});

test("keys have buckets of their own", () => {
  const buckets = new SharedBuckets(createSharedBucketsMemory());
  for (let index = 0; index < 2000; index++) assert.equal(burst(buckets, `key ${index}`, 2, NOW, 3), 2);
});

test("who looks at the same memory shares the bucket", () => {
  const memory = createSharedBucketsMemory();
  assert.equal(burst(new SharedBuckets(memory), "key", 10, NOW, 6), 6);
  assert.equal(burst(new SharedBuckets(memory), "key", 10, NOW), 4);
});

test("a clock that is set back does not shut the bucket", () => {
  const buckets = new SharedBuckets(createSharedBucketsMemory());
  assert.equal(burst(buckets, "key", 5, NOW), 5);
  assert.equal(burst(buckets, "key", 5, NOW - 3_600_000), 5);
});

test("more keys than there are places pass, and forgotten ones make room", () => {
  const buckets = new SharedBuckets(createSharedBucketsMemory());
  for (let index = 0; index < 20_000; index++) assert.ok(buckets.take(`key ${index}`, 1, NOW));
  const later = NOW + 60_000;
  let limited = 0;
  for (let index = 0; index < 1000; index++) {
    if (burst(buckets, `late ${index}`, 1, later, 2) === 1) limited++;
  }
  assert.equal(limited, 1000);
});

test("threads that race for one bucket let through exactly what it holds", async () => {
  const memory = createSharedBucketsMemory();
  const url = new URL("../../../../src/proxy/workers/shared-buckets.ts", import.meta.url).href;
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(${JSON.stringify(url)}).then(({ SharedBuckets }) => {
      const buckets = new SharedBuckets(workerData);
      let passed = 0;
      for (let index = 0; index < 2000; index++) if (buckets.take("key", 500, ${NOW})) passed++;
      parentPort.postMessage(passed);
    });`;
  const workers = [0, 1].map(() => new Worker(code, { eval: true, workerData: memory }));
  const counts = await Promise.all(
    workers.map(async (worker) => (await once(worker, "message"))[0] as number),
  );
  assert.equal(counts[0]! + counts[1]!, 500);
});
