import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KubeObject } from "../../../../../src/base/kube-object.ts";
import {
  describeFields,
  difference,
  fieldsIn,
  intersection,
  union,
} from "../../../../../src/local/apiserver/managed/field-set.ts";
import { shapeOf } from "../../../../../src/local/apiserver/managed/field-shape.ts";
import { applyFields, trackUpdate } from "../../../../../src/local/apiserver/managed/managers.ts";
import { createRegistry } from "../../../../../src/local/apiserver/registry.ts";

const resource = createRegistry().find("apps", "v1", "deployments")!;
const NOW = "2026-01-02T03:04:05Z";

const container = (name: string, more: object = {}) => ({ name, ...more });
function deployment(spec: object, metadata: object = {}): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "demo", ...metadata },
    spec,
  } as KubeObject;
}
const withContainers = (...containers: object[]) => deployment({ template: { spec: { containers } } });
const apply = (live: KubeObject | undefined, applied: KubeObject, manager = "a", force = false) =>
  applyFields(resource, live, applied, { name: manager }, force, NOW);
const containersOf = (object: KubeObject) => object.spec.template.spec.containers;
const ownersOf = (object: KubeObject) =>
  (object.metadata.managedFields as { manager: string; operation: string }[]).map(
    ({ manager, operation }) => `${manager} ${operation}`,
  );

describe("server-side apply", () => {
  test("creates with the applier as the owner of what it says, written as FieldsV1", () => {
    const made = apply(undefined, withContainers(container("app", { image: "v1", args: ["x"] })));
    assert.deepEqual(made.metadata.managedFields, [
      {
        manager: "a",
        operation: "Apply",
        apiVersion: "apps/v1",
        time: NOW,
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:spec": {
            "f:template": {
              "f:spec": {
                "f:containers": {
                  'k:{"name":"app"}': { ".": {}, "f:name": {}, "f:image": {}, "f:args": {} },
                },
              },
            },
          },
        },
      },
    ]);
  });

  test("merges items of keyed lists, and leaves alone what others have there", () => {
    const first = apply(undefined, withContainers(container("app", { image: "v1" })));
    const second = apply(first, withContainers(container("side", { image: "s" })), "b");
    assert.deepEqual(containersOf(second), [
      { name: "app", image: "v1" },
      { name: "side", image: "s" },
    ]);
    assert.deepEqual(ownersOf(second), ["b Apply", "a Apply"]);
  });

  test("takes away what its manager applied before and leaves out now", () => {
    const ports = [
      { containerPort: 80, protocol: "TCP" },
      { containerPort: 80, protocol: "UDP" },
    ];
    const first = apply(
      undefined,
      withContainers(container("app", { image: "v1", ports }), container("side")),
    );
    const again = apply(first, withContainers(container("app", { ports: [{ containerPort: 80 }] })));
    // The default of the key comes back when the server writes the object.
    assert.deepEqual(containersOf(again), [{ name: "app", ports: [{ containerPort: 80 }] }]);
  });

  test("keeps what another manager owns as well", () => {
    const first = apply(undefined, deployment({ replicas: 2, paused: true }));
    const shared = apply(first, deployment({ replicas: 2 }), "b");
    const left = apply(shared, deployment({ paused: true }));
    assert.equal(left.spec.replicas, 2);
    const gone = apply(left, deployment({ minReadySeconds: 1 }), "b");
    assert.equal(gone.spec.replicas, undefined);
    assert.equal(gone.spec.paused, true);
  });

  test("refuses to change what another manager owns, and names both", () => {
    const first = apply(undefined, deployment({ replicas: 2 }));
    assert.throws(
      () => apply(first, deployment({ replicas: 3 }), "b"),
      (error: Error) => {
        assert.equal(error.message, 'Apply failed with 1 conflict: conflict with "a": .spec.replicas');
        return true;
      },
    );
    const forced = apply(first, deployment({ replicas: 3 }), "b", true);
    assert.equal(forced.spec.replicas, 3);
    assert.deepEqual(ownersOf(forced), ["b Apply"]);
  });

  test("on an object that was never applied conflicts with before-first-apply", () => {
    const live = deployment({ replicas: 2, selector: { matchLabels: { a: "b" } } });
    assert.throws(() => apply(live, deployment({ replicas: 3 })), {
      message:
        'Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas',
    });
    assert.deepEqual(ownersOf(apply(live, deployment({ replicas: 2 }))), [
      "a Apply",
      "before-first-apply Update",
    ]);
  });

  test("that says the same again changes nothing", () => {
    const first = apply(undefined, withContainers(container("app", { image: "v1" })));
    assert.deepEqual(apply(first, withContainers(container("app", { image: "v1" }))), first);
  });

  test("owns label selectors and selectors of Services as a whole", () => {
    const first = apply(undefined, deployment({ selector: { matchLabels: { a: "b" } } }));
    const fields = (first.metadata.managedFields as { fieldsV1: object }[])[0]!.fieldsV1;
    assert.deepEqual(fields, { "f:spec": { "f:selector": {} } });
  });
});

describe("updates of applied objects", () => {
  test("make the updater the owner of what changed, so that the applier hears of it", () => {
    const first = apply(undefined, deployment({ replicas: 2, paused: true }));
    const scaled = deployment({ replicas: 5, paused: true });
    const owners = trackUpdate(resource, first, scaled, { name: "scaler" }, NOW)!;
    assert.deepEqual(
      owners.map(({ manager, operation, fieldsV1 }) => [manager, operation, describeFields(fieldsV1)]),
      [
        ["a", "Apply", [".spec.paused"]],
        ["scaler", "Update", [".spec.replicas"]],
      ],
    );
    const live = { ...scaled, metadata: { ...scaled.metadata, managedFields: owners } } as KubeObject;
    assert.throws(() => apply(live, deployment({ replicas: 2, paused: true })), /conflict with "scaler"/);
  });

  test("take what is removed from everybody", () => {
    const first = apply(undefined, deployment({ replicas: 2, paused: true }));
    const owners = trackUpdate(resource, first, deployment({ replicas: 2 }), { name: "x" }, NOW)!;
    assert.deepEqual(describeFields(owners[0]!.fieldsV1), [".spec.replicas"]);
    assert.equal(owners.length, 1);
  });

  test("of objects that nobody applied keep no book", () => {
    const old = deployment({ replicas: 2 });
    assert.equal(trackUpdate(resource, old, deployment({ replicas: 3 }), { name: "x" }, NOW), undefined);
  });
});

test("field sets add, subtract and meet", () => {
  const shape = shapeOf(resource);
  const left = fieldsIn(
    deployment({ replicas: 1, template: { spec: { containers: [container("a")] } } }),
    shape,
  );
  const right = fieldsIn(
    deployment({ paused: true, template: { spec: { containers: [container("b")] } } }),
    shape,
  );
  assert.deepEqual(difference(union(left, right), right), difference(left, right));
  assert.deepEqual(intersection(union(left, right), left), left);
  assert.deepEqual(describeFields(difference(left, right)), [
    ".spec.replicas",
    '.spec.template.spec.containers[name="a"].name',
  ]);
});
