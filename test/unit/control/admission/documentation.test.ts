import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import { formatProblems, validateObject } from "../../../../src/control/admission/validate-object.ts";
import { CUSTOM_KINDS } from "../../../../src/control/index/custom-kinds.ts";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
}

test("the examples of docs/policy.md are what the webhook admits", () => {
  const text = readFileSync(fileURLToPath(new URL("../../../../docs/policy.md", import.meta.url)), "utf8");
  const objects = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].flatMap(([, block]) =>
    parseAllDocuments(block!).map((document) => document.toJS() as KubeObject),
  );
  assert.deepEqual(
    objects.map(({ kind }) => kind),
    [
      "Server",
      "AuthorizationPolicy",
      "MeshTLSAuthentication",
      "NetworkAuthentication",
      "HTTPRoute",
      "AuthorizationPolicy",
      "HTTPLocalRateLimitPolicy",
    ],
  );
  for (const object of objects) {
    assert.equal(formatProblems(validateObject(object)), "", `${object.kind} ${object.metadata.name}`);
  }
});

test("the webhook is asked about every kind that discovery reads", () => {
  const file = fileURLToPath(new URL("../../../../manifests/control-plane/webhook.yaml", import.meta.url));
  const validating = parseAllDocuments(readFileSync(file, "utf8"))
    .map((document) => document.toJS() as KubeObject & { readonly webhooks: { readonly rules: Rule[] }[] })
    .find(({ kind }) => kind === "ValidatingWebhookConfiguration")!;
  const asked = validating.webhooks
    .flatMap(({ rules }) => rules)
    .flatMap(({ apiGroups, resources }) => resources.map((plural) => `${plural}.${apiGroups.join()}`));
  const read = Object.values(CUSTOM_KINDS).map(({ plural, group }) => `${plural}.${group}`);
  assert.deepEqual(asked.sort(), read.sort());
});
