import assert from "node:assert/strict";
import { test } from "node:test";
import {
  derBitString,
  derContext,
  derContextPrimitive,
  derInteger,
  derOid,
  derSequence,
  derTlv,
  derUtf8String,
} from "../../../src/identity/der.ts";

const hex = (buffer: Buffer) => buffer.toString("hex");

const VECTORS: readonly (readonly [what: string, actual: Buffer, expected: string])[] = [
  ["an empty sequence", derSequence(), "3000"],
  ["integer 0", derInteger(0), "020100"],
  ["integer 127", derInteger(127), "02017f"],
  ["integer 128, which needs a leading zero", derInteger(128), "02020080"],
  ["integer 256", derInteger(256), "02020100"],
  ["OID commonName", derOid("2.5.4.3"), "0603550403"],
  ["OID ecdsa-with-SHA256, with arcs of two bytes", derOid("1.2.840.10045.4.3.2"), "06082a8648ce3d040302"],
  [
    "OID extensionRequest, with an arc of three bytes",
    derOid("1.2.840.113549.1.9.14"),
    "06092a864886f70d01090e",
  ],
  ["UTF8String", derUtf8String("é"), "0c02c3a9"],
  ["BIT STRING of whole bytes", derBitString(Buffer.from([0xaa])), "030200aa"],
  ["context tag 0, constructed", derContext(0, derInteger(1)), "a003020101"],
  ["context tag 2, primitive (dNSName)", derContextPrimitive(2, Buffer.from("a")), "820161"],
];

for (const [what, actual, expected] of VECTORS) {
  test(`DER writer encodes ${what}`, () => assert.equal(hex(actual), expected));
}

test("DER writer chooses the shortest length at its borders", () => {
  const head = (bytes: number) => hex(derTlv(0x04, Buffer.alloc(bytes)).subarray(0, 5));
  assert.equal(head(127).slice(0, 4), "047f");
  assert.equal(head(128).slice(0, 6), "048180");
  assert.equal(head(255).slice(0, 6), "0481ff");
  assert.equal(head(256).slice(0, 8), "04820100");
  assert.equal(head(65536), "0483010000");
});
