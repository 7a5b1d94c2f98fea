import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createInjector } from "../../../src/inject/annotate.ts";
import type { ResourceReport } from "../../../src/inject/resource-report.ts";
import { rewriteObjects } from "../../../src/inject/rewrite-objects.ts";
import { createUninjector } from "../../../src/inject/uninject.ts";
import { editStream } from "../../../src/inject/yaml/edit-stream.ts";
import { defaultValues } from "../../../src/values/defaults.ts";

const values = { ...defaultValues("1"), identityTrustAnchorsPem: "anchors" };
const REWRITERS = {
  annotate: createInjector({ inject: "enabled", overrides: {}, manual: undefined }),
  manual: createInjector({ inject: "enabled", overrides: {}, manual: values }),
  classic: createInjector({
    inject: "enabled",
    overrides: {},
    manual: { ...values, proxy: { ...values.proxy, nativeSidecar: false } },
  }),
  uninject: createUninjector(),
};

/** A value of any type, where a certain one belongs. */
const any = fc.oneof(
  fc.constantFrom(null, undefined, 0, "", "text", true, [], {}, [null], ["x"], [{}], { a: null }, [
    { name: "meshctl-proxy" },
  ]),
  fc.jsonValue({ maxDepth: 2 }),
);
const container = fc.oneof(
  any,
  fc.record(
    { name: any, image: any, ports: any, livenessProbe: any, readinessProbe: any },
    { requiredKeys: [] },
  ),
);
const spec = fc.oneof(
  any,
  fc.record(
    {
      containers: fc.oneof(any, fc.array(container, { maxLength: 2 })),
      initContainers: any,
      volumes: any,
      hostNetwork: any,
    },
    { requiredKeys: [] },
  ),
);
const annotations = fc.oneof(
  any,
  fc.dictionary(
    fc.constantFrom("meshctl.io/inject", "config.meshctl.io/opaque-ports", "config.meshctl.io/proxy-uid"),
    any,
  ),
);
const metadata = fc.oneof(
  any,
  fc.record({ name: any, namespace: any, annotations, labels: any }, { requiredKeys: [] }),
);
const pod = fc.record(
  { apiVersion: fc.constant("v1"), kind: fc.constant("Pod"), metadata, spec },
  { requiredKeys: ["kind"] },
);
const deployment = fc.record({
  apiVersion: fc.constant("apps/v1"),
  kind: fc.constantFrom("Deployment", "deployment"),
  metadata,
  spec: fc.oneof(
    any,
    fc.record({ template: fc.oneof(any, fc.record({ metadata, spec }, { requiredKeys: [] })) }),
  ),
});
const cronJob = fc.record({
  apiVersion: fc.constant("batch/v1"),
  kind: fc.constant("CronJob"),
  spec: fc.oneof(any, fc.record({ jobTemplate: any })),
});
const list = fc.record({
  apiVersion: fc.constant("v1"),
  kind: fc.constant("List"),
  items: fc.oneof(any, fc.array(fc.oneof(any, pod), { maxLength: 2 })),
});
const others = fc.record({
  apiVersion: fc.oneof(any, fc.constant("v1")),
  kind: fc.oneof(any, fc.constantFrom("Service", "Namespace")),
  metadata,
});

for (const [name, rewrite] of Object.entries(REWRITERS)) {
  test(`${name}: an object of any shape is rewritten, reported or refused, never an exception`, () => {
    fc.assert(
      fc.property(fc.oneof(pod, deployment, cronJob, list, others, any), (object) => {
        const text = `${JSON.stringify(object) ?? "null"}\n`;
        const reports: ResourceReport[] = [];
        const result = editStream(text, rewriteObjects(rewrite, reports), { fullData: true });
        assert.deepEqual(result.problems, [], text);
        JSON.parse(result.text);
      }),
      { numRuns: 1500 },
    );
  });
}
