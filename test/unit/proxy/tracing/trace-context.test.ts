import assert from "node:assert/strict";
import { test } from "node:test";
import { readTraceContext, writeTraceContext } from "../../../../src/proxy/tracing/trace-context.ts";
import { Fields } from "../../../../src/wire/http1-fields.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const NEW = "00f067aa0ba902b7";

function fieldsOf(headers: Readonly<Record<string, string>>): Fields {
  const fields = new Fields();
  for (const [name, value] of Object.entries(headers)) fields.append(name, value);
  return fields;
}

const grpcBytes = (flags: number) =>
  Buffer.concat([
    Buffer.from([0, 0]),
    Buffer.from(TRACE, "hex"),
    Buffer.from([1]),
    Buffer.from(SPAN, "hex"),
    Buffer.from([2, flags]),
  ]);

const STYLES = [
  {
    style: "w3c",
    headers: { traceparent: `00-${TRACE}-${SPAN}-01` },
    after: { traceparent: `00-${TRACE}-${NEW}-01` },
  },
  {
    style: "grpc",
    headers: { "grpc-trace-bin": grpcBytes(1).toString("base64").replace(/=+$/, "") },
    after: { "grpc-trace-bin": grpcBytes(1).toString("base64").replace(/=+$/, "") },
  },
  {
    style: "b3",
    headers: { "x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "1" },
    after: { "x-b3-traceid": TRACE, "x-b3-spanid": NEW, "x-b3-sampled": "1" },
  },
  { style: "b3-single", headers: { b3: `${TRACE}-${SPAN}-1` }, after: { b3: `${TRACE}-${NEW}-1-${SPAN}` } },
] as const;

for (const { style, headers, after } of STYLES) {
  test(`a trace in the style ${style} is read, and goes on with another span in the same style`, () => {
    const fields = fieldsOf(headers);
    const context = readTraceContext(fields)!;
    assert.deepEqual(
      [context.style, context.traceId, context.spanId, context.isSampled],
      [style, TRACE, SPAN, true],
    );
    writeTraceContext(fields, context, NEW);
    const again = readTraceContext(fields)!;
    assert.deepEqual([again.traceId, again.spanId, again.isSampled], [TRACE, NEW, true]);
    if (style === "grpc") return;
    for (const [name, value] of Object.entries(after)) assert.equal(fields.get(name), value);
  });
}

test("short B3 ids are filled with zeros", () => {
  const context = readTraceContext(fieldsOf({ "x-b3-traceid": "48485a3953bb6124", "x-b3-spanid": "1" }))!;
  assert.equal(context.traceId, "000000000000000048485a3953bb6124");
  assert.equal(context.spanId, "0000000000000001");
  assert.equal(context.isSampled, false);
});

test("the parent of a B3 span follows where the request has one", () => {
  const fields = fieldsOf({
    "x-b3-traceid": TRACE,
    "x-b3-spanid": SPAN,
    "x-b3-parentspanid": "1234567890abcdef",
    "x-b3-sampled": "1",
  });
  writeTraceContext(fields, readTraceContext(fields)!, NEW);
  assert.equal(fields.get("x-b3-parentspanid"), SPAN);
});

test("flags beside the sampled bit go on as they came", () => {
  const fields = fieldsOf({ traceparent: `00-${TRACE}-${SPAN}-03` });
  writeTraceContext(fields, readTraceContext(fields)!, NEW);
  assert.equal(fields.get("traceparent"), `00-${TRACE}-${NEW}-03`);
});

test("traceparent is looked for first", () => {
  const fields = fieldsOf({ "x-b3-traceid": "1", "x-b3-spanid": "1", traceparent: `00-${TRACE}-${SPAN}-00` });
  assert.deepEqual([readTraceContext(fields)?.style, readTraceContext(fields)?.isSampled], ["w3c", false]);
});

const broken: readonly Readonly<Record<string, string>>[] = [
  {},
  { traceparent: `01-${TRACE}-${SPAN}-01` },
  { traceparent: `00-${TRACE}-${SPAN}` },
  { traceparent: `00-${"0".repeat(32)}-${SPAN}-01` },
  { traceparent: `00-${TRACE}-${"0".repeat(16)}-01` },
  { traceparent: `00-${TRACE.toUpperCase()}-${SPAN}-01` },
  { "grpc-trace-bin": "AAAA" },
  { "x-b3-traceid": TRACE },
  { "x-b3-traceid": "nonsense", "x-b3-spanid": SPAN },
  { "x-b3-traceid": `${TRACE}0`, "x-b3-spanid": SPAN },
  { b3: "0" },
];

for (const headers of broken) {
  test(`${JSON.stringify(headers)} is no trace`, () => {
    assert.equal(readTraceContext(fieldsOf(headers)), undefined);
  });
}
