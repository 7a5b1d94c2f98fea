import assert from "node:assert/strict";
import { test } from "node:test";
import { routesFromProto } from "../../../../src/install/profile/from-proto.ts";

const names = (text: string) => routesFromProto(text, "a.proto").map(({ condition }) => condition.pathRegex);

test("services without a package have none in their paths", () => {
  assert.deepEqual(names("service A { rpc B(C) returns (D); }"), ["/A/B"]);
});

test("comments, strings and options that look like declarations are none", () => {
  const text = `
    // rpc X(A) returns (B);
    service A { option (x) = { service: "rpc Y(A) returns (B);" }; rpc B(C) returns (D) { /* } */ } rpc E(C) returns (D); }`;
  assert.deepEqual(names(text), ["/A/B", "/A/E"]);
});

for (const [level, isRetryable] of [
  ["IDEMPOTENT", true],
  ["NO_SIDE_EFFECTS", true],
  ["IDEMPOTENCY_UNKNOWN", undefined],
] as const) {
  test(`an rpc with idempotency_level ${level} is ${isRetryable ? "" : "not "}retryable`, () => {
    const text = `service A { rpc B(C) returns (D) { option idempotency_level = ${level}; } rpc E(C) returns (D); }`;
    const [b, e] = routesFromProto(text, "a.proto");
    assert.equal(b?.isRetryable, isRetryable);
    assert.equal(e?.isRetryable, undefined);
  });
}

test("a file that ends within a service is refused", () => {
  assert.throws(() => routesFromProto("service A { rpc B(C) returns (D) {", "a.proto"), {
    code: "PROFILE_PROTO",
    message: "a.proto ends within braces",
  });
});
