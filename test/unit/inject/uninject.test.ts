import assert from "node:assert/strict";
import { test } from "node:test";
import { rewriteInputs } from "../../../src/inject/rewrite-inputs.ts";
import { createUninjector } from "../../../src/inject/uninject.ts";

function uninject(text: string): string {
  const inputs = [{ name: "test", text }];
  return rewriteInputs({ inputs, rewrite: createUninjector(), fullData: true, keepGoing: false }).text;
}

test("uninject leaves configuration, foreign annotations and the word disabled", () => {
  const text = `kind: Pod
apiVersion: v1
metadata:
  annotations:
    config.meshctl.io/proxy-log-level: debug
    other.io/meshctl.io: x
    meshctl.io/inject: disabled
spec:
  containers: []
`;
  assert.equal(uninject(text), text);
});

test("uninject leaves what install labels", () => {
  const text = `kind: Namespace
apiVersion: v1
metadata:
  name: meshctl
  annotations:
    meshctl.io/created-by: meshctl/cli 1
  labels:
    meshctl.io/is-control-plane: "true"
`;
  assert.equal(uninject(text), text);
});

test("uninject keeps comments around what it takes out", () => {
  const text = `kind: Pod
apiVersion: v1
metadata:
  # about annotations
  annotations:
    # first
    a: b # why
    meshctl.io/inject: enabled
    # last
    c: d
spec:
  containers: []
`;
  assert.equal(uninject(text), text.replace("    meshctl.io/inject: enabled\n", ""));
});

test("uninject takes the last and the only entry of a flow map", () => {
  assert.equal(
    uninject(
      '{"kind": "Pod", "apiVersion": "v1", "metadata": {"annotations": {"a": "b", "meshctl.io/inject": "enabled"}}, "spec": {}}',
    ),
    '{"kind": "Pod", "apiVersion": "v1", "metadata": {"annotations": {"a": "b"}}, "spec": {}}',
  );
  assert.equal(
    uninject(
      "kind: Pod\napiVersion: v1\nmetadata:\n  name: x\n  annotations: {meshctl.io/inject: enabled}\nspec: {}\n",
    ),
    "kind: Pod\napiVersion: v1\nmetadata:\n  name: x\n  annotations: {}\nspec: {}\n",
  );
});
