import assert from "node:assert/strict";
import { test } from "node:test";
import {
  nextReplicas,
  type ReplicaSetCounts,
  resolveFenceposts,
  scaleInProportion,
} from "../../../../src/local/controllers/rollout.ts";

function counts(name: string, desired: number, available: number, order: number): ReplicaSetCounts {
  return { name, desired, current: desired, available, order };
}

const rolling = (replicas: number, maxSurge: number, maxUnavailable: number) =>
  ({ replicas, strategy: "RollingUpdate", maxSurge, maxUnavailable }) as const;

const TABLE: readonly {
  claim: string;
  spec: Parameters<typeof nextReplicas>[0];
  current: ReplicaSetCounts;
  old: readonly ReplicaSetCounts[];
  next: Record<string, number>;
}[] = [
  {
    claim: "a first rollout starts all pods at once",
    spec: rolling(3, 1, 0),
    current: counts("new", 0, 0, 1),
    old: [],
    next: { new: 3 },
  },
  {
    claim: "surge alone adds its number and removes nothing yet",
    spec: rolling(3, 1, 0),
    current: counts("new", 0, 0, 2),
    old: [counts("old", 3, 3, 1)],
    next: { new: 1 },
  },
  {
    claim: "an old pod goes only when the new one is available",
    spec: rolling(3, 1, 0),
    current: counts("new", 1, 0, 2),
    old: [counts("old", 3, 3, 1)],
    next: {},
  },
  {
    claim: "an available new pod frees an old one",
    spec: rolling(3, 1, 0),
    current: counts("new", 1, 1, 2),
    old: [counts("old", 3, 3, 1)],
    next: { old: 2 },
  },
  {
    claim: "without surge an old pod goes first",
    spec: rolling(2, 0, 1),
    current: counts("new", 0, 0, 2),
    old: [counts("old", 2, 2, 1)],
    next: { old: 1 },
  },
  {
    claim: "unavailable old pods go before healthy ones, oldest set first",
    spec: rolling(4, 1, 1),
    current: counts("new", 2, 2, 3),
    old: [counts("older", 1, 0, 1), counts("old", 2, 2, 2)],
    next: { older: 0, old: 1 },
  },
  {
    claim: "a set that is too large shrinks to the wanted number",
    spec: rolling(1, 1, 0),
    current: counts("new", 4, 4, 1),
    old: [],
    next: { new: 1 },
  },
  {
    claim: "scale to zero takes every old pod too",
    spec: rolling(0, 1, 0),
    current: counts("new", 0, 0, 2),
    old: [counts("old", 2, 2, 1)],
    next: { old: 0 },
  },
  {
    claim: "recreate empties the old sets before it starts the new one",
    spec: { ...rolling(2, 0, 0), strategy: "Recreate" },
    current: counts("new", 0, 0, 2),
    old: [counts("old", 2, 2, 1)],
    next: { old: 0 },
  },
  {
    claim: "recreate waits until the last old pod is gone",
    spec: { ...rolling(2, 0, 0), strategy: "Recreate" },
    current: counts("new", 0, 0, 2),
    old: [{ name: "old", desired: 0, current: 1, available: 0, order: 1 }],
    next: {},
  },
  {
    claim: "recreate starts the new pods when no old one is left",
    spec: { ...rolling(2, 0, 0), strategy: "Recreate" },
    current: counts("new", 0, 0, 2),
    old: [{ name: "old", desired: 0, current: 0, available: 0, order: 1 }],
    next: { new: 2 },
  },
];

for (const { claim, spec, current, old, next } of TABLE) {
  test(`rollout: ${claim}`, () => {
    assert.deepEqual(Object.fromEntries(nextReplicas(spec, current, old)), next);
  });
}

test("rollout converges and never leaves its fences for every mix of surge and unavailability", () => {
  for (const replicas of [1, 2, 3, 5, 10]) {
    for (const [surge, unavailable] of [
      ["25%", "25%"],
      [1, 0],
      [0, 1],
      ["100%", 0],
      [0, "100%"],
      [0, 0],
    ] as const) {
      const fences = resolveFenceposts(surge, unavailable, replicas);
      const spec = { replicas, strategy: "RollingUpdate", ...fences } as const;
      let current = counts("new", 0, 0, 2);
      let old = counts("old", replicas, replicas, 1);
      let steps = 0;
      for (;;) {
        const next = nextReplicas(spec, current, [old]);
        if (next.size === 0) break;
        // Pods come and go at once here; what is desired is available at the next step.
        const newDesired = next.get("new") ?? current.desired;
        const oldDesired = next.get("old") ?? old.desired;
        assert.ok(newDesired + oldDesired <= replicas + fences.maxSurge, "surge fence");
        const availableNow = Math.min(current.available, newDesired) + Math.min(old.available, oldDesired);
        assert.ok(availableNow >= replicas - fences.maxUnavailable, "availability fence");
        current = counts("new", newDesired, newDesired, 2);
        old = counts("old", oldDesired, oldDesired, 1);
        assert.ok(++steps < 100, "no progress");
      }
      assert.deepEqual([current.desired, old.desired], [replicas, 0], `${replicas} ${surge} ${unavailable}`);
    }
  }
});

test("fenceposts round surge up and unavailability down, and are never both zero", () => {
  assert.deepEqual(resolveFenceposts("25%", "25%", 10), { maxSurge: 3, maxUnavailable: 2 });
  assert.deepEqual(resolveFenceposts(undefined, undefined, 1), { maxSurge: 1, maxUnavailable: 0 });
  assert.deepEqual(resolveFenceposts(0, "10%", 3), { maxSurge: 0, maxUnavailable: 1 });
});

test("scaling in the middle of a rollout keeps the proportion and gives the rest to the newest", () => {
  const sets = [counts("old", 3, 3, 1), counts("new", 1, 1, 2)];
  assert.deepEqual(Object.fromEntries(scaleInProportion(sets, 9)!), { new: 3, old: 6 });
  assert.equal(scaleInProportion([sets[0]!], 9), undefined);
});
