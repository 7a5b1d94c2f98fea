import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../../../src/base/kube-object.ts";
import { defaultObject } from "../../../../../src/local/apiserver/defaults/defaults.ts";
import { BUILT_IN_RESOURCES } from "../../../../../src/local/apiserver/resources.ts";
import type { Status } from "../../../../../src/local/apiserver/status.ts";
import { validateObject } from "../../../../../src/local/apiserver/validate/validate.ts";

const resourceOf = (kind: string) => BUILT_IN_RESOURCES.find((each) => each.kind === kind)!;

/** `field reason` of every cause. */
function causesOf(object: KubeObject, old?: KubeObject): string[] {
  const resource = resourceOf(object.kind);
  try {
    validateObject(resource, defaultObject(resource, object), old && defaultObject(resource, old));
    return [];
  } catch (error) {
    const status = (error as Error).cause as Status;
    assert.equal(status.code, 422);
    return status.details!.causes!.map((cause) => `${cause.field} ${cause.reason}`);
  }
}

const meta = { name: "x", namespace: "demo" };
const container = { name: "c", image: "i" };
const pod = (spec: object, metadata: object = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { ...meta, ...metadata },
  spec: { containers: [container], ...spec },
});
const service = (spec: object): KubeObject => ({ apiVersion: "v1", kind: "Service", metadata: meta, spec });
const deployment = (spec: object): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: meta,
  spec: {
    selector: { matchLabels: { a: "b" } },
    template: { metadata: { labels: { a: "b" } }, spec: { containers: [container] } },
    ...spec,
  },
});

const cases: [name: string, object: KubeObject, causes: string[]][] = [
  ["a plain pod", pod({}), []],
  ["a name with capitals", pod({}, { name: "Web" }), ["metadata.name FieldValueInvalid"]],
  ["a label value with a space", pod({}, { labels: { a: "b c" } }), ["metadata.labels FieldValueInvalid"]],
  [
    "a label key with two slashes",
    pod({}, { labels: { "a/b/c": "d" } }),
    ["metadata.labels FieldValueInvalid"],
  ],
  ["no containers", pod({ containers: [] }), ["spec.containers FieldValueRequired"]],
  [
    "a container without an image",
    pod({ containers: [{ name: "c" }] }),
    ["spec.containers[0].image FieldValueRequired"],
  ],
  [
    "a container without a name",
    pod({ containers: [{ image: "i" }] }),
    ["spec.containers[0].name FieldValueRequired"],
  ],
  [
    "two containers of one name",
    pod({ containers: [container, container] }),
    ["spec.containers[1].name FieldValueDuplicate"],
  ],
  [
    "a name shared with an init container",
    pod({ initContainers: [container] }),
    ["spec.containers[0].name FieldValueDuplicate"],
  ],
  [
    "a port of 0",
    pod({ containers: [{ ...container, ports: [{ containerPort: 0 }] }] }),
    ["spec.containers[0].ports[0].containerPort FieldValueInvalid"],
  ],
  [
    "a mount of a volume that is not there",
    pod({ containers: [{ ...container, volumeMounts: [{ name: "v", mountPath: "/v" }] }] }),
    ["spec.containers[0].volumeMounts[0].name FieldValueNotFound"],
  ],
  [
    "a probe without a handler",
    pod({ containers: [{ ...container, readinessProbe: {} }] }),
    ["spec.containers[0].readinessProbe FieldValueRequired"],
  ],
  [
    "a probe with two handlers",
    pod({
      containers: [{ ...container, livenessProbe: { httpGet: { port: 80 }, tcpSocket: { port: 80 } } }],
    }),
    ["spec.containers[0].livenessProbe.tcpSocket FieldValueForbidden"],
  ],
  [
    "an env value given twice",
    pod({
      containers: [
        { ...container, env: [{ name: "A", value: "1", valueFrom: { fieldRef: { fieldPath: "x" } } }] },
      ],
    }),
    ["spec.containers[0].env[0].valueFrom FieldValueInvalid"],
  ],
  [
    "an unknown restart policy",
    pod({ restartPolicy: "Sometimes" }),
    ["spec.restartPolicy FieldValueNotSupported"],
  ],
  ["a plain deployment", deployment({}), []],
  ["negative replicas", deployment({ replicas: -1 }), ["spec.replicas FieldValueInvalid"]],
  [
    "a selector that misses the template",
    deployment({ selector: { matchLabels: { a: "c" } } }),
    ["spec.template.metadata.labels FieldValueInvalid"],
  ],
  ["a selector that selects everything", deployment({ selector: {} }), ["spec.selector FieldValueInvalid"]],
  [
    "a template that does not restart",
    deployment({
      template: {
        metadata: { labels: { a: "b" } },
        spec: { containers: [container], restartPolicy: "Never" },
      },
    }),
    ["spec.template.spec.restartPolicy FieldValueNotSupported"],
  ],
  ["a plain service", service({ ports: [{ port: 80 }] }), []],
  ["a headless service without ports", service({ clusterIP: "None" }), []],
  ["a service without ports", service({}), ["spec.ports FieldValueRequired"]],
  [
    "two ports without names",
    service({ ports: [{ port: 80 }, { port: 81 }] }),
    ["spec.ports[0].name FieldValueRequired", "spec.ports[1].name FieldValueRequired"],
  ],
  [
    "one port twice",
    service({
      ports: [
        { name: "a", port: 80 },
        { name: "b", port: 80 },
      ],
    }),
    ["spec.ports[1] FieldValueDuplicate"],
  ],
  [
    "an external name without one",
    service({ type: "ExternalName" }),
    ["spec.externalName FieldValueRequired"],
  ],
  [
    "a service name that starts with a digit",
    { ...service({ ports: [{ port: 80 }] }), metadata: { ...meta, name: "1x" } },
    ["metadata.name FieldValueInvalid"],
  ],
];

for (const [name, object, causes] of cases) {
  test(`${name} ${causes.length === 0 ? "is valid" : `gives ${causes.join(", ")}`}`, () => {
    assert.deepEqual(causesOf(object), causes);
  });
}

test("a pod's spec is fixed but for what Kubernetes lets change", () => {
  const old = pod({});
  assert.deepEqual(causesOf(pod({ containers: [{ ...container, image: "other" }] }), old), []);
  assert.deepEqual(causesOf(pod({ nodeName: "n" }), old), []);
  assert.deepEqual(causesOf(pod({ nodeName: "m" }), pod({ nodeName: "n" })), ["spec FieldValueForbidden"]);
  assert.deepEqual(causesOf(pod({ hostNetwork: true }), old), ["spec FieldValueForbidden"]);
});

test("defaults are filled in once: defaulting again changes nothing", () => {
  for (const object of [pod({}), deployment({}), service({ ports: [{ port: 80 }] })]) {
    const resource = resourceOf(object.kind);
    const once = defaultObject(resource, object);
    assert.deepEqual(defaultObject(resource, once), once);
    assert.notDeepEqual(once, object);
  }
});
