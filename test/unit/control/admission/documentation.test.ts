import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import { formatProblems, validateObject } from "../../../../src/control/admission/validate-object.ts";

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
