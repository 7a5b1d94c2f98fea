import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { CheckedObjects } from "../../../../src/control/admission/checked-objects.ts";

test("objects with mistakes are passed on all the same, logged with their fields, and counted while they are there", () => {
  const lines: string[] = [];
  const passed: string[] = [];
  const checked = new CheckedObjects(
    {
      apply: ({ metadata }) => void passed.push(`apply ${metadata.name}`),
      delete: ({ metadata }) => void passed.push(`delete ${metadata.name}`),
    },
    { ...silentLogger, warn: (message, fields) => void lines.push(`${message} ${JSON.stringify(fields)}`) },
  );
  const server = (name: string, port: unknown): KubeObject => ({
    apiVersion: "policy.meshctl.io/v1beta3",
    kind: "Server",
    metadata: { name, namespace: "demo" },
    spec: { podSelector: {}, port },
  });
  checked.apply(server("good", 80));
  checked.apply(server("bad", 0));
  // No schema would let this through; nothing may break because of it.
  checked.apply({ ...server("odd", 80), spec: "nonsense" });
  assert.deepEqual(lines, [
    'object has mistakes {"object":"Server demo/bad","problems":"spec.port: 0 is no port: write a number from 1 to 65535, or the name of a container\'s port"}',
    lines[1],
  ]);
  assert.match(lines[1]!, /^object has mistakes \{"object":"Server demo\/odd"/);
  assert.deepEqual([...checked.counts()], [["Server", 2]]);
  checked.apply(server("bad", 80));
  checked.delete(server("odd", 80));
  assert.deepEqual([...checked.counts()], []);
  assert.deepEqual(passed, ["apply good", "apply bad", "apply odd", "apply bad", "delete odd"]);
});

test("an object that the index cannot take is named and counted, and the next one comes through", () => {
  const errors: string[] = [];
  const passed: string[] = [];
  const checked = new CheckedObjects(
    {
      apply({ metadata }) {
        if (metadata.name === "odd") throw new Error("of another shape");
        passed.push(metadata.name!);
      },
      delete() {},
    },
    { ...silentLogger, error: (message, fields) => void errors.push(`${message} ${JSON.stringify(fields)}`) },
  );
  const workload = (name: string): KubeObject => ({
    apiVersion: "workload.meshctl.io/v1beta1",
    kind: "ExternalWorkload",
    metadata: { name, namespace: "demo" },
    spec: { meshTLS: { identity: "web.demo", serverName: "web.demo" } },
  });
  checked.apply(workload("odd"));
  checked.apply(workload("good"));
  assert.deepEqual(errors, [
    'object cannot be used {"object":"ExternalWorkload demo/odd","error":"of another shape"}',
  ]);
  assert.deepEqual(passed, ["good"]);
  assert.deepEqual([...checked.counts()], [["ExternalWorkload", 1]]);
});
