import assert from "node:assert/strict";
import { test } from "node:test";
import type { RateLimit } from "../../../../src/policy/inbound.ts";
import { defaultMeta } from "../../../../src/policy/meta.ts";
import { RateLimiter } from "../../../../src/proxy/inbound/rate-limit.ts";

function limiter(change: Partial<RateLimit>): RateLimiter {
  return new RateLimiter({ meta: defaultMeta("limit"), total: 0, perIdentity: 0, overrides: [], ...change });
}

for (const rate of [1, 3, 7, 100]) {
  test(`limiter lets a burst of ${rate} in and then ${rate} a second`, () => {
    const limit = limiter({ total: rate });
    let passed = 0;
    for (let count = 0; count < rate * 2; count++) if (!limit.check("", 5000)) passed++;
    assert.equal(passed, rate);
    assert.equal(limit.check("", 5000 + 1000 / rate - 0.1), "total");
    assert.equal(limit.check("", 5000 + 1000 / rate), undefined);
    assert.equal(limit.check("", 5000 + 1000 / rate), "total");
  });
}

test("limiter keeps identities apart, and those without one together", () => {
  const limit = limiter({ perIdentity: 1 });
  assert.deepEqual(
    ["a", "b", "", "a", ""].map((identity) => limit.check(identity, 1)),
    [undefined, undefined, undefined, "identity", "identity"],
  );
});

test("limiter replaces the identity's limit by an override that its clients share", () => {
  const overrides = [{ identities: new Set(["a", "b"]), requestsPerSecond: 2 }];
  const limit = limiter({ perIdentity: 1, overrides });
  assert.deepEqual(
    ["a", "b", "a", "c", "c"].map((identity) => limit.check(identity, 1)),
    [undefined, undefined, "identity", undefined, "identity"],
  );
});

test("limiter without limits limits nothing", () => {
  const limit = limiter({});
  for (let count = 0; count < 1000; count++) assert.equal(limit.check("a", 1), undefined);
});
