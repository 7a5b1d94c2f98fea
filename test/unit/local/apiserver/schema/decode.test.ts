import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeFields, type FieldFindings } from "../../../../../src/local/apiserver/schema/fields.ts";
import { decodeProtobuf } from "../../../../../src/local/apiserver/schema/protobuf.ts";

const findings = (): FieldFindings => ({ unknown: [], missing: [], mismatch: undefined });

test("built-in objects lose unknown and null fields, which are reported by path", () => {
  const found = findings();
  const result = decodeFields(
    "V1Pod",
    {
      metadata: { name: "p", creationTimestamp: null },
      spec: { foo: 1, containers: [{ name: "a", imag: "x" }] },
    },
    found,
  );
  assert.deepEqual(result, { metadata: { name: "p" }, spec: { containers: [{ name: "a" }] } });
  assert.deepEqual(found.unknown, ["spec.foo", "spec.containers[0].imag"]);
});

test("a wrong type is reported with path, wanted and found type", () => {
  const found = findings();
  decodeFields("V1Deployment", { spec: { replicas: "three" } }, found);
  assert.deepEqual(found.mismatch, {
    path: "spec.replicas",
    want: "int32",
    got: "string",
    owner: "DeploymentSpec",
  });
});

test("numbers are quantities where quantities belong, and nowhere else", () => {
  const found = findings();
  const result = decodeFields("V1Container", { name: "a", resources: { limits: { cpu: 1 } } }, found);
  assert.deepEqual(result, { name: "a", resources: { limits: { cpu: "1" } } });
  assert.equal(found.mismatch, undefined);
  decodeFields("V1ObjectMeta", { labels: { a: 1 } }, found);
  assert.deepEqual(found.mismatch, { path: "labels.a", want: "string", got: "number", owner: "ObjectMeta" });
});

/** A length-delimited protobuf field. */
function field(number: number, content: string | Buffer): Buffer {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(content);
  const tag = number * 8 + 2;
  const tagBytes = tag < 128 ? [tag] : [(tag & 0x7f) | 0x80, tag >> 7];
  return Buffer.concat([Buffer.from([...tagBytes, bytes.length]), bytes]);
}

function envelope(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const meta = Buffer.concat([field(1, apiVersion), field(2, kind)]);
  return Buffer.concat([Buffer.from("k8s\0", "latin1"), field(1, meta), field(2, raw)]);
}

test("protobuf objects are read: maps, messages, empty texts left out", () => {
  const labels = field(11, Buffer.concat([field(1, "a"), field(2, "b")]));
  const metadata = Buffer.concat([field(1, "cm"), field(2, ""), field(8, Buffer.alloc(0)), labels]);
  const data = Buffer.concat([field(1, "k"), field(2, "v")]);
  const raw = Buffer.concat([field(1, metadata), field(2, data)]);
  assert.deepEqual(decodeProtobuf(envelope("v1", "ConfigMap", raw)), {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "cm", labels: { a: "b" } },
    data: { k: "v" },
  });
});

test("protobuf inlines what JSON inlines", () => {
  const configMap = field(19, field(1, field(1, "settings")));
  const volume = Buffer.concat([field(1, "v"), field(2, configMap)]);
  const raw = field(2, field(1, volume));
  assert.deepEqual(decodeProtobuf(envelope("v1", "Pod", raw)), {
    apiVersion: "v1",
    kind: "Pod",
    spec: { volumes: [{ name: "v", configMap: { name: "settings" } }] },
  });
});

test("protobuf cut at any byte is refused or read, never a crash of another kind", () => {
  const metadata = field(1, "cm");
  const whole = envelope("v1", "ConfigMap", field(1, metadata));
  for (let length = 0; length < whole.length; length++) {
    try {
      decodeProtobuf(whole.subarray(0, length));
    } catch (error) {
      assert.equal(
        ((error as Error).cause as { code?: number } | undefined)?.code,
        400,
        `cut at ${length}: ${error}`,
      );
    }
  }
});
