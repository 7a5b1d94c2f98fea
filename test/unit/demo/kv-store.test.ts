import assert from "node:assert/strict";
import { test } from "node:test";
import { KvStore, LINE_BYTES_MAX, LineSplitter } from "../../../src/demo/roles/kv-store.ts";
import { splits } from "../../support/hex.ts";

test("KvStore answers each request with one line", () => {
  const store = new KvStore();
  for (const [request, answer] of [
    ["GET a", "NONE"],
    ["SET a one two", "OK"],
    ["get a", "VALUE one two"],
    ["INCR a", "ERROR a is no number"],
    ["INCR n", "VALUE 1"],
    ["INCR n", "VALUE 2"],
    ["GET __proto__", "NONE"],
    ["", "ERROR the requests are GET, SET, INCR and QUIT"],
    ["QUIT", undefined],
  ] as const) {
    assert.equal(store.answer(request), answer, request);
  }
});

test("KvStore refuses new keys when it is full, and still changes old ones", () => {
  const store = new KvStore();
  for (let index = 0; index < 10_000; index++) assert.equal(store.answer(`SET k${index} v`), "OK");
  assert.equal(store.answer("SET more v"), "ERROR the store is full");
  assert.equal(store.answer("SET k0 w"), "OK");
});

test("LineSplitter finds the same lines wherever the stream is cut", () => {
  for (const [head, tail] of splits(Buffer.from("GET a\r\n\nSET b c\n"))) {
    const splitter = new LineSplitter();
    assert.deepEqual([...splitter.push(head), ...splitter.push(tail)], ["GET a", "", "SET b c"]);
  }
});

test("LineSplitter refuses a line over its limit, finished or not", () => {
  const line = "x".repeat(LINE_BYTES_MAX);
  assert.deepEqual(new LineSplitter().push(Buffer.from(`${line}\n`)), [line]);
  assert.throws(() => new LineSplitter().push(Buffer.from(`${line}x`)), RangeError);
  assert.throws(() => new LineSplitter().push(Buffer.from(`${line}x\n`)), RangeError);
});
