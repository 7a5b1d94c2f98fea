import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import { type DeleteOptions, planDeletion } from "../../../../src/local/apiserver/deletion.ts";
import { BUILT_IN_RESOURCES } from "../../../../src/local/apiserver/resources.ts";

const resourceOf = (plural: string) => BUILT_IN_RESOURCES.find((each) => each.plural === plural)!;
const running = { spec: { nodeName: "n", terminationGracePeriodSeconds: 5 }, status: { phase: "Running" } };
const dying = { metadata: { deletionTimestamp: "1970-01-01T00:00:05Z", deletionGracePeriodSeconds: 5 } };

const cases: [
  name: string,
  plural: string,
  object: object,
  options: DeleteOptions,
  action: string,
  grace?: number,
][] = [
  ["a pod that no node runs goes at once", "pods", { spec: {} }, {}, "remove"],
  ["a running pod gets its own grace", "pods", running, {}, "keep", 5],
  ["a running pod gets the caller's grace", "pods", running, { gracePeriodSeconds: 1 }, "keep", 1],
  ["a running pod goes at once with grace 0", "pods", running, { gracePeriodSeconds: 0 }, "remove"],
  ["a finished pod goes at once", "pods", { ...running, status: { phase: "Succeeded" } }, {}, "remove"],
  [
    "a dying pod's grace is not prolonged",
    "pods",
    { ...running, ...dying },
    { gracePeriodSeconds: 60 },
    "keep",
    5,
  ],
  [
    "a dying pod's grace is shortened",
    "pods",
    { ...running, ...dying },
    { gracePeriodSeconds: 2 },
    "keep",
    2,
  ],
  ["finalizers hold an object", "configmaps", { metadata: { finalizers: ["a"] } }, {}, "keep", 0],
  ["foreground deletion holds an object", "configmaps", {}, { propagationPolicy: "Foreground" }, "keep", 0],
  ["a namespace waits for its finalizer", "namespaces", { spec: { finalizers: ["kubernetes"] } }, {}, "keep"],
  ["a finalized namespace goes", "namespaces", { spec: { finalizers: [] } }, {}, "remove"],
];

for (const [name, plural, object, options, action, grace] of cases) {
  test(name, () => {
    const whole = { apiVersion: "v1", kind: "X", metadata: {}, ...object } as KubeObject;
    const plan = planDeletion(resourceOf(plural), whole, options, 0);
    assert.equal(plan.action, action);
    if (action === "keep") assert.equal(plan.object.metadata.deletionGracePeriodSeconds, grace);
  });
}
