import assert from "node:assert/strict";
import { test } from "node:test";
import { detectHttp, type HttpDetection } from "../../../src/wire/http-detect.ts";

const CASES: readonly (readonly [text: string, expected: HttpDetection])[] = [
  ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http/1"],
  ["GET / HTTP/1.0\r\n", "http/1"],
  ["GET /a/very/long", "http/1"],
  ["GET http://a/b HTTP", "http/1"],
  ["CONNECT a.b:443 HTTP/1.1\r\n", "http/1"],
  ["M-SEARCH * HTTP/1.1\r\n", "http/1"],
  ["AVERYLONGMETHODNAME", "http/1"],
  ["GET / HTTP/1.1\r", "http/1"],
  ["GET /abcde HTTP/1.1\r", "http/1"],
  ["GET / HTTP/1.\r", "not-http"],
  ["GET /ab HTTP/1.1\n", "http/1"],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http/2"],
  ["PRI * HTTP/2.0", "http/2"],
  ["PRI * HTTP/2.", "not-http"],
  ["GET /ab HTTP/2.0\r\n", "not-http"],
  ["GET /ab HTTP/1.1 x\r\n", "not-http"],
  ["GET /abcdefghij\r\n", "not-http"],
  ["GET / HTTP/1.", "not-http"],
  ["short", "not-http"],
  ["220 mail.example ready\r\n", "not-http"],
  ["SSH-2.0-OpenSSH_9.6\r\n", "not-http"],
  ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaa", "not-http"],
  ["*3\r\n$3\r\nSET\r\n$1\r\na\r\n", "not-http"],
  ["  GET / HTTP/1.1\r\n", "not-http"],
  ["GET\t/ HTTP/1.1\r\n", "not-http"],
];

for (const [text, expected] of CASES) {
  test(`${JSON.stringify(text)} is ${expected}`, () => {
    assert.equal(detectHttp(Buffer.from(text, "latin1")), expected);
  });
}
