import assert from "node:assert/strict";
import { test } from "node:test";
import { applyMergePatch } from "../../../../../src/local/apiserver/patch/merge-patch.ts";
import { applyStrategicPatch } from "../../../../../src/local/apiserver/patch/strategic.ts";

const pod = (spec: unknown) => ({ spec });
const cases: [name: string, target: unknown, patch: unknown, expected: unknown, type?: string][] = [
  [
    "containers merge by name",
    pod({
      containers: [
        { name: "a", image: "1" },
        { name: "b", image: "1" },
      ],
    }),
    pod({ containers: [{ name: "b", image: "2" }] }),
    pod({
      containers: [
        { name: "a", image: "1" },
        { name: "b", image: "2" },
      ],
    }),
  ],
  [
    "an item that is not there is appended",
    pod({ containers: [{ name: "a" }] }),
    pod({ containers: [{ name: "c", image: "3" }] }),
    pod({ containers: [{ name: "a" }, { name: "c", image: "3" }] }),
  ],
  [
    "env merges inside a container",
    pod({
      containers: [
        {
          name: "a",
          env: [
            { name: "X", value: "1" },
            { name: "Y", value: "1" },
          ],
        },
      ],
    }),
    pod({ containers: [{ name: "a", env: [{ name: "X", value: "2" }] }] }),
    pod({
      containers: [
        {
          name: "a",
          env: [
            { name: "X", value: "2" },
            { name: "Y", value: "1" },
          ],
        },
      ],
    }),
  ],
  [
    "$patch delete takes an item out",
    pod({ containers: [{ name: "a" }, { name: "b" }] }),
    pod({ containers: [{ name: "a", $patch: "delete" }] }),
    pod({ containers: [{ name: "b" }] }),
  ],
  [
    "$patch replace replaces a list",
    pod({ containers: [{ name: "a" }, { name: "b" }] }),
    pod({ containers: [{ name: "c" }, { $patch: "replace" }] }),
    pod({ containers: [{ name: "c" }] }),
  ],
  [
    "$patch replace replaces an object",
    pod({ securityContext: { runAsUser: 1, fsGroup: 2 } }),
    pod({ securityContext: { $patch: "replace", runAsUser: 3 } }),
    pod({ securityContext: { runAsUser: 3 } }),
  ],
  [
    "$setElementOrder arranges, and what only the server has follows its predecessor",
    pod({ containers: [{ name: "a" }, { name: "injected" }, { name: "b" }] }),
    pod({
      "$setElementOrder/containers": [{ name: "b" }, { name: "a" }],
      containers: [{ name: "b", image: "2" }],
    }),
    pod({ containers: [{ name: "b", image: "2" }, { name: "a" }, { name: "injected" }] }),
  ],
  [
    "$setElementOrder alone only arranges",
    pod({ containers: [{ name: "a" }, { name: "b" }] }),
    pod({ "$setElementOrder/containers": [{ name: "b" }, { name: "a" }] }),
    pod({ containers: [{ name: "b" }, { name: "a" }] }),
  ],
  [
    "$retainKeys drops the other keys",
    { spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } } },
    { spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } } },
    { spec: { strategy: { type: "Recreate" } } },
    "V1Deployment",
  ],
  [
    "$deleteFromPrimitiveList takes values out",
    { metadata: { finalizers: ["a", "b"] } },
    { metadata: { "$deleteFromPrimitiveList/finalizers": ["a"] } },
    { metadata: { finalizers: ["b"] } },
  ],
  [
    "lists of plain values merge as sets",
    { metadata: { finalizers: ["a"] } },
    { metadata: { finalizers: ["a", "b"] } },
    { metadata: { finalizers: ["a", "b"] } },
  ],
  [
    "tolerations have no merge key and are replaced",
    pod({ tolerations: [{ key: "a" }] }),
    pod({ tolerations: [{ key: "b" }] }),
    pod({ tolerations: [{ key: "b" }] }),
  ],
  [
    "null deletes a field",
    pod({ nodeName: "n", hostname: "h" }),
    pod({ nodeName: null }),
    pod({ hostname: "h" }),
  ],
  [
    "maps merge by key",
    { metadata: { labels: { a: "1", b: "1" } } },
    { metadata: { labels: { a: null, c: "1" } } },
    { metadata: { labels: { b: "1", c: "1" } } },
  ],
  [
    "service ports merge by port",
    { spec: { ports: [{ port: 80, name: "http" }, { port: 443 }] } },
    { spec: { ports: [{ port: 80, targetPort: 8080 }] } },
    { spec: { ports: [{ port: 80, name: "http", targetPort: 8080 }, { port: 443 }] } },
    "V1Service",
  ],
  [
    "conditions merge by type",
    {
      status: {
        conditions: [
          { type: "Ready", status: "False" },
          { type: "Other", status: "True" },
        ],
      },
    },
    { status: { conditions: [{ type: "Ready", status: "True" }] } },
    {
      status: {
        conditions: [
          { type: "Ready", status: "True" },
          { type: "Other", status: "True" },
        ],
      },
    },
  ],
  [
    "owner references merge by uid",
    { metadata: { ownerReferences: [{ uid: "1", name: "a" }] } },
    { metadata: { ownerReferences: [{ uid: "2", name: "b" }] } },
    {
      metadata: {
        ownerReferences: [
          { uid: "1", name: "a" },
          { uid: "2", name: "b" },
        ],
      },
    },
  ],
];

for (const [name, target, patch, expected, type = "V1Pod"] of cases) {
  test(`strategic merge patch: ${name}`, () => {
    const before = structuredClone(target);
    assert.deepEqual(applyStrategicPatch(type, target, patch), expected);
    assert.deepEqual(target, before, "the argument is left alone");
  });
}

test("strategic merge patch refuses an item without its merge key", () => {
  assert.throws(
    () => applyStrategicPatch("V1Pod", pod({ containers: [] }), pod({ containers: [{ image: "x" }] })),
    /merge key: name/,
  );
});

test("merge patch follows the examples of RFC 7386", () => {
  const examples: [unknown, unknown, unknown][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [["a", "b"], ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, expected] of examples)
    assert.deepEqual(applyMergePatch(target, patch), expected);
});

test("merge patch keeps __proto__ a plain property", () => {
  const result = applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}')) as Record<
    string,
    unknown
  >;
  assert.equal(Object.getPrototypeOf(result), Object.prototype);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});
