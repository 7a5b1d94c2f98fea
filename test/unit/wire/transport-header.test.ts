import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MeshError } from "../../../src/base/error.ts";
import { decodeTransportHeader, encodeTransportHeader } from "../../../src/wire/transport-header.ts";
import { hex, splits } from "../../support/hex.ts";

/** `transport.l5d.io/v1\r\n\r\n` */
const PREFACE = "7472616e73706f72742e6c35642e696f2f7631 0d0a0d0a";

const CASES = [
  {
    name: "HTTP/1 to port 8080",
    header: { port: 8080, name: undefined, session: "http/1" },
    bytes: `${PREFACE} 00000007 08903f 1a02 0a00`,
  },
  {
    name: "HTTP/2 to port 80",
    header: { port: 80, name: undefined, session: "http/2" },
    bytes: `${PREFACE} 00000006 0850 1a02 1200`,
  },
  {
    name: "opaque bytes to port 65535",
    header: { port: 65_535, name: undefined, session: undefined },
    bytes: `${PREFACE} 00000004 08ffff03`,
  },
  {
    name: "a gateway's name",
    header: { port: 80, name: "a.b", session: undefined },
    bytes: `${PREFACE} 00000007 0850 1203 612e62`,
  },
] as const;

for (const { name, header, bytes } of CASES) {
  test(`transport header for ${name} is these bytes, and is read from any cut of them`, () => {
    const encoded = encodeTransportHeader(header);
    assert.equal(encoded.toString("hex"), hex(bytes).toString("hex"));
    for (const [left] of splits(encoded)) {
      const decoded = decodeTransportHeader(left);
      if (left.length < encoded.length) assert.equal(decoded, undefined, `cut at ${left.length}`);
      else assert.deepEqual(decoded, { header, bytes: encoded.length });
    }
    const followed = decodeTransportHeader(Buffer.concat([encoded, Buffer.from("GET")]));
    assert.equal(followed!.bytes, encoded.length);
  });
}

for (const [name, bytes] of [
  ["another preface", "474554202f"],
  ["a length beyond the limit", `${PREFACE} 00010000`],
  ["port 0", `${PREFACE} 00000000`],
  ["port 65536", `${PREFACE} 00000004 08808004`],
  ["a field cut short", `${PREFACE} 00000002 1a05`],
  ["a varint without end", `${PREFACE} 0000000c 08ffffffffffffffffffffff`],
  ["a wire type that does not exist", `${PREFACE} 00000001 0b`],
  ["a name that is no DNS name", `${PREFACE} 00000007 0850 1203 610a62`],
] as const) {
  test(`transport header with ${name} is refused`, () => {
    assert.throws(() => decodeTransportHeader(hex(bytes)), { code: "TRANSPORT_HEADER_INVALID" });
  });
}

test("transport header ignores fields that it does not know", () => {
  const decoded = decodeTransportHeader(
    hex(`${PREFACE} 00000010 0850 2001 2a02ffff 31 0000000000000000`.replace("00000010", "00000011")),
  );
  assert.deepEqual(decoded!.header, { port: 80, name: undefined, session: undefined });
});

test("transport header decoder throws nothing but MeshError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (body) => {
      const size = Buffer.alloc(4);
      size.writeUInt32BE(body.length);
      try {
        decodeTransportHeader(Buffer.concat([hex(PREFACE), size, body]));
      } catch (error) {
        assert.ok(error instanceof MeshError);
      }
    }),
    { seed: 3, numRuns: 2000 },
  );
});
