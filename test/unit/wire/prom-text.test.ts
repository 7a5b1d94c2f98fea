import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeLabels, encodePromHead, encodePromSample } from "../../../src/wire/prom-text.ts";

test("prom text escapes labels and help, and prints infinities and empty labels", () => {
  const labels = encodeLabels({ path: 'a\\b"c\nd', empty: "", n: 5 });
  assert.equal(
    encodePromHead({ name: "odd", help: "a\\b\nc", type: "gauge" }),
    "# HELP odd a\\\\b\\nc\n# TYPE odd gauge\n",
  );
  assert.equal(
    encodePromSample("odd", labels, Number.POSITIVE_INFINITY),
    'odd{path="a\\\\b\\"c\\nd",empty="",n="5"} +Inf\n',
  );
  assert.equal(encodePromSample("odd", "", -0.5), "odd -0.5\n");
});
