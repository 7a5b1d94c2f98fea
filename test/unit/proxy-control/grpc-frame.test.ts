import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeshError } from "../../../src/base/error.ts";
import { encodeGrpcFrame, GrpcFrameDecoder } from "../../../src/proxy/control/grpc-frame.ts";
import { hex } from "../../support/hex.ts";

const BYTES = hex("00 00000003 010203 00 00000000 00 00000001 ff");
const MESSAGES = ["010203", "", "ff"];
const text = (messages: Uint8Array[]) => messages.map((message) => Buffer.from(message).toString("hex"));

test("frame is a zero flag, the length and the message", () => {
  assert.equal(encodeGrpcFrame(hex("0a0b")).toString("hex"), "00000000020a0b");
});

test("decoder finds the same messages however the bytes are split in two", () => {
  for (let at = 0; at <= BYTES.length; at++) {
    const decoder = new GrpcFrameDecoder();
    const found = [...decoder.push(BYTES.subarray(0, at)), ...decoder.push(BYTES.subarray(at))];
    assert.deepEqual(text(found), MESSAGES, `split at ${at}`);
    assert.equal(decoder.hasRemainder, false);
  }
});

test("decoder finds the messages byte by byte, and knows when one is unfinished", () => {
  const decoder = new GrpcFrameDecoder();
  const found: Uint8Array[] = [];
  for (const byte of BYTES.subarray(0, -1)) found.push(...decoder.push(Buffer.from([byte])));
  assert.equal(decoder.hasRemainder, true);
  found.push(...decoder.push(BYTES.subarray(-1)));
  assert.deepEqual(text(found), MESSAGES);
});

test("decoder refuses a message that is too long before it has come", () => {
  const decoder = new GrpcFrameDecoder(2);
  assert.throws(
    () => decoder.push(hex("00 00000003")),
    (error: MeshError) => error.code === "CONTROL_BAD_FRAME",
  );
});

test("decoder refuses a compressed message", () => {
  assert.throws(
    () => new GrpcFrameDecoder().push(hex("01 00000000")),
    (error: MeshError) => error.code === "CONTROL_BAD_FRAME",
  );
});
