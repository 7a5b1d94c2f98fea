import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { createProgress } from "../../../src/demo/progress.ts";
import { DEMO_MANIFEST, injectSample, startDemo } from "../../../src/demo/start.ts";
import { EXPECTED_DEPLOYMENTS } from "../../../src/demo/verdict.ts";
import { readManifest } from "../../../src/install/manifests.ts";
import { defaultValues } from "../../../src/values/defaults.ts";
import { FakeClock } from "../../support/clock.ts";

const objectsOf = (yaml: string): KubeObject[] => parseAllDocuments(yaml).map((document) => document.toJS());

test("the sample's manifest is the application that the verdict expects", () => {
  const objects = objectsOf(readManifest(DEMO_MANIFEST));
  const named = (kind: string) =>
    objects
      .filter((object) => object.kind === kind)
      .map((object) => object.metadata.name!)
      .sort();
  assert.deepEqual(named("Deployment"), EXPECTED_DEPLOYMENTS);
  assert.deepEqual(named("Service"), ["catalog", "kv", "orders", "web"]);
  assert.deepEqual(named("Namespace"), ["demo"]);
});

test("every Service of the sample selects pods, and names a port that they have", () => {
  const objects = objectsOf(readManifest(DEMO_MANIFEST));
  const templates = objects.filter(({ kind }) => kind === "Deployment").map(({ spec }) => spec.template);
  for (const service of objects.filter(({ kind }) => kind === "Service")) {
    const selected = templates.filter(({ metadata }) =>
      Object.entries(service.spec.selector).every(([key, value]) => metadata.labels[key] === value),
    );
    assert.ok(selected.length > 0, String(service.metadata.name));
    for (const { spec } of selected) {
      const names = spec.containers.flatMap(({ ports }: KubeObject) =>
        ports.map(({ name }: KubeObject) => name),
      );
      for (const { targetPort } of service.spec.ports)
        assert.ok(names.includes(targetPort), String(service.metadata.name));
    }
  }
});

test("the sample is injected by insertions alone, in every pod template", () => {
  const before = readManifest(DEMO_MANIFEST);
  const after = injectSample(before);
  const kept = after.split("\n").filter((line) => !line.includes("meshctl.io/inject: enabled"));
  const rest = before.split("\n");
  let index = 0;
  for (const line of kept) if (line === rest[index]) index++;
  assert.equal(index, rest.length, "a line of the input is missing");
  for (const object of objectsOf(after)) {
    if (object.kind !== "Deployment") continue;
    assert.equal(
      object.spec.template.metadata.annotations["meshctl.io/inject"],
      "enabled",
      String(object.metadata.name),
    );
  }
});

test("startDemo installs, waits for the control plane, applies the injected sample, and waits for it", async () => {
  const applied: string[] = [];
  const lines: string[] = [];
  const stored: KubeObject[] = [];
  const clock = new FakeClock();
  await startDemo({
    objects: {
      list: (_resource, namespace) => stored.filter(({ metadata }) => metadata.namespace === namespace),
      watch: () => () => {},
    },
    async apply(yaml, name) {
      applied.push(name);
      for (const object of objectsOf(yaml)) {
        if (object.kind !== "Deployment") continue;
        const replicas = object.spec.replicas ?? 1;
        stored.push({
          ...object,
          status: { observedGeneration: 1, availableReplicas: replicas, updatedReplicas: replicas },
        });
      }
    },
    values: defaultValues("1.2.3"),
    clock,
    progress: createProgress(clock, (text) => lines.push(text)),
    signal: new AbortController().signal,
  });
  assert.deepEqual(applied, ["meshctl install", DEMO_MANIFEST]);
  assert.match(
    lines[0]!,
    /^ {2}0\.0 s {2}installed: \d+ objects, as `meshctl install \| kubectl apply -f -` does\n$/,
  );
  assert.deepEqual(
    lines.filter((line) => line.includes("is ready")).map((line) => line.slice(9, -1)),
    [
      "meshctl/meshctl-identity is ready",
      "meshctl/meshctl-controller is ready",
      "demo/kv is ready",
      "demo/catalog is ready (2 pods)",
      "demo/catalog-slow is ready",
      "demo/orders is ready",
      "demo/web is ready (2 pods)",
      "demo/traffic is ready",
    ],
  );
});

test("startDemo changes nothing once its signal is aborted", async () => {
  const clock = new FakeClock();
  const start = startDemo({
    objects: { list: () => [], watch: () => () => {} },
    apply: () => assert.fail("applied something"),
    values: defaultValues("1.2.3"),
    clock,
    progress: createProgress(clock, () => {}),
    signal: AbortSignal.abort(new Error("enough")),
  });
  await assert.rejects(start, /enough/);
});
