import assert from "node:assert/strict";
import { test } from "node:test";
import { SpentBuffers } from "../../../src/net/spent-buffer.ts";

const KB = 1024;

test("memory is given back with its last byte, in whatever pieces it was written", () => {
  const whole = Buffer.allocUnsafeSlow(64 * KB);
  const spent = new SpentBuffers();
  spent.written(whole);
  assert.equal(whole.length, 0);

  const slab = new ArrayBuffer(64 * KB);
  const pieces = [0, 1, 2, 3].map((index) => Buffer.from(slab, index * 16 * KB, 16 * KB));
  for (const piece of pieces.slice(0, 3)) spent.written(piece);
  assert.equal(slab.byteLength, 64 * KB);
  spent.written(pieces[3]!);
  assert.equal(slab.byteLength, 0);
});

test("memory of which a part went elsewhere is kept", () => {
  const slab = new ArrayBuffer(64 * KB);
  const spent = new SpentBuffers();
  spent.written(Buffer.from(slab, 0, 16 * KB));
  // The second quarter belongs to another socket.
  spent.written(Buffer.from(slab, 32 * KB, 32 * KB));
  spent.written(Buffer.allocUnsafeSlow(64 * KB));
  spent.written(Buffer.from(slab, 16 * KB, 16 * KB));
  assert.equal(slab.byteLength, 64 * KB);
});

test("small memory, and what Node shares among its buffers, is left alone", () => {
  const spent = new SpentBuffers();
  const small = Buffer.allocUnsafeSlow(KB);
  spent.written(small);
  assert.equal(small.length, KB);
  const pool = Buffer.allocUnsafe(8).buffer;
  const all = Buffer.from(pool, 0, pool.byteLength);
  spent.written(all);
  assert.equal(all.length, pool.byteLength);
});
