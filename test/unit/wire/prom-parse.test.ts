import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePromText } from "../../../src/wire/prom-parse.ts";
import { encodeLabels, encodePromHead, encodePromSample, PROM_END } from "../../../src/wire/prom-text.ts";

test("what the encoder writes is read back: escapes, histograms, infinities", () => {
  const awkward = 'a "quoted" \\ back\nslash,comma}';
  const text = [
    encodePromHead({ name: "c_total", help: "C", type: "counter" }),
    encodePromSample("c_total", encodeLabels({ a: awkward, b: "" }), 1.5),
    encodePromHead({ name: "h", help: "H", type: "histogram" }),
    encodePromSample("h_bucket", 'le="+Inf"', 2),
    encodePromSample("h_sum", "", Number.POSITIVE_INFINITY),
    encodePromSample("h_count", "", 2),
    PROM_END,
  ].join("");
  assert.deepEqual(parsePromText(text), [
    { family: "c_total", suffix: "", type: "counter", labels: { a: awkward, b: "" }, value: 1.5 },
    { family: "h", suffix: "_bucket", type: "histogram", labels: { le: "+Inf" }, value: 2 },
    { family: "h", suffix: "_sum", type: "histogram", labels: {}, value: Number.POSITIVE_INFINITY },
    { family: "h", suffix: "_count", type: "histogram", labels: {}, value: 2 },
  ]);
});

test("a suffix is a name's own where no histogram has it, and broken lines are skipped", () => {
  const series = parsePromText('# TYPE my_count counter\nmy_count 3 1700000000000\nx{a="1" 2\nx{a=1} 2\n\n');
  assert.deepEqual(series, [{ family: "my_count", suffix: "", type: "counter", labels: {}, value: 3 }]);
});
