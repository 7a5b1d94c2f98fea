import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeLabels, encodePromText } from "../../../src/wire/prom-text.ts";

test("prom text escapes labels and help, prints infinities, skips empty families and ends with EOF", () => {
  const text = encodePromText([
    { name: "empty", help: "Nothing", type: "gauge", samples: [] },
    {
      name: "odd",
      help: "a\\b\nc",
      type: "gauge",
      samples: [
        { labels: encodeLabels({ path: 'a\\b"c\nd', empty: "", n: 5 }), value: Number.POSITIVE_INFINITY },
        { labels: "", value: -0.5 },
      ],
    },
  ]);
  assert.equal(
    text,
    '# HELP odd a\\\\b\\nc\n# TYPE odd gauge\nodd{path="a\\\\b\\"c\\nd",empty="",n="5"} +Inf\nodd -0.5\n# EOF\n',
  );
});
