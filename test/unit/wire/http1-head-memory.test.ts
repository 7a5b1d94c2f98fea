import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Http1Decoder, Http1Event } from "../../../src/wire/http1-decoder.ts";
import type { RequestHead } from "../../../src/wire/http1-head.ts";

const latin1 = (text: string) => Buffer.from(text, "latin1");

/** What one decoder makes of messages that come in the given pieces, up to the first error. */
function read(messages: readonly string[], pieces: (message: string) => readonly string[]): unknown[] {
  const decoder = new Http1Decoder("request", { headBytesMax: 300, fieldsMax: 4 });
  const found: unknown[] = [];
  try {
    for (const message of messages) {
      decoder.begin();
      for (const piece of pieces(message)) {
        decoder.push(latin1(piece));
        for (let event = decoder.next(); event !== Http1Event.more; event = decoder.next()) {
          if (event !== Http1Event.head) continue;
          const { method, target, minor, fields, body } = decoder.head as RequestHead;
          found.push([method, target, minor, fields.entries(), [...fields.keys], body]);
        }
      }
    }
  } catch (error) {
    found.push((error as { code: string }).code);
  }
  return found;
}

/** Lines that share beginnings, so that one is easily taken for another; some are malformed. */
const LINES = [
  "Host: web",
  "Host: webber",
  "host: web",
  "X-A: 1",
  "X-A: 1\r",
  "X-A: 11",
  "X-A:1",
  "x-a : 1",
  "Cookie: a=b; c=d",
  "Content-Length: 0",
  "Content-Length: 0x",
  "",
];
const STARTS = [
  "GET / HTTP/1.1",
  "GET /a HTTP/1.1",
  "GET / HTTP/1.0",
  "POST / HTTP/1.1",
  "\r\nGET / HTTP/1.1",
  "GET /",
];

test("what a decoder remembers of earlier heads changes nothing in what it reads", () => {
  const message = fc
    .tuple(
      fc.constantFrom(...STARTS),
      fc.array(fc.constantFrom(...LINES), { maxLength: 6 }),
      fc.constantFrom("\r\n", "\r\n", "\r\n", "\n"),
    )
    .map(([start, lines, end]) => [start, "Host: web", ...lines, "", ""].join("\r\n").replace(/\r\n$/, end));
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), (messages) => {
      const whole = read(messages, (text) => [text]);
      const bytewise = read(messages, (text) => [...text]);
      assert.deepEqual(whole, bytewise);
    }),
    { numRuns: 3000, seed: 7 },
  );
});

test("a remembered line is not taken for the beginning of a longer one", () => {
  const heads = read(
    ["GET / HTTP/1.1\r\nHost: web\r\n\r\n", "GET / HTTP/1.1\r\nHost: web2\r\n\r\n"],
    (text) => [text],
  );
  assert.deepEqual(heads[1], ["GET", "/", 1, [["Host", "web2"]], ["host"], "none"]);
});
