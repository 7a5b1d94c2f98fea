import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { applyObjects } from "../../../src/demo/apply.ts";

const YAML = `
apiVersion: v1
kind: Namespace
metadata: { name: demo }
---
# nothing
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: demo }
`;

function fakeApi(existing: readonly string[], fault?: MeshError) {
  const calls: string[] = [];
  return {
    calls,
    api: {
      async create(resource: { plural: string }, object: { metadata: { name?: string } }) {
        calls.push(`create ${resource.plural} ${object.metadata.name}`);
        if (fault) throw fault;
        if (existing.includes(object.metadata.name!)) {
          throw new MeshError({ kind: "user", code: "KUBE_ALREADY_EXISTS", message: "exists" });
        }
        return object as never;
      },
      async mergePatch(resource: { plural: string }, namespace: string | undefined, name: string) {
        calls.push(`patch ${resource.plural} ${namespace ?? "-"} ${name}`);
        return {} as never;
      },
    },
  };
}

test("applyObjects creates in order, and merges with what exists", async () => {
  const { api, calls } = fakeApi(["demo"]);
  assert.equal(await applyObjects(api, YAML, "x.yaml"), 2);
  assert.deepEqual(calls, ["create namespaces demo", "patch namespaces - demo", "create deployments web"]);
});

test("applyObjects stops at a refusal, and passes it on as it is", async () => {
  const refusal = new MeshError({ kind: "user", code: "KUBE_INVALID", message: "no" });
  const { api, calls } = fakeApi([], refusal);
  await assert.rejects(applyObjects(api, YAML, "x.yaml"), refusal);
  assert.equal(calls.length, 1);
});

test("applyObjects names a kind that it does not know", async () => {
  const yaml = "apiVersion: example.com/v1\nkind: Thing\nmetadata: { name: a }\n";
  await assert.rejects(applyObjects(fakeApi([]).api, yaml, "x.yaml"), {
    code: "DEMO_MANIFEST_INVALID",
    message: 'x.yaml: Thing "a" is of a kind that the demo cannot apply (example.com/v1)',
  });
});
