import assert from "node:assert/strict";
import { test } from "node:test";
import { detectHttp, type HttpDetection, isHttp2Settings } from "../../../src/wire/http-detect.ts";
import { hex } from "../../support/hex.ts";

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

const FIRST_WORDS: readonly (readonly [what: string, bytes: string, isSettings: boolean])[] = [
  ["empty SETTINGS", "000000 04 00 00000000", true],
  ["two settings, and more", "00000c 04 00 00000000 0003 00000064 0004", true],
  ["fewer bytes than decide", "000000 04 00 000000", false],
  ["an acknowledgement", "000000 04 01 00000000", false],
  ["another frame", "000008 06 00 00000000", false],
  ["a length that no settings have", "000007 04 00 00000000", false],
  ["settings of a stream", "000006 04 00 00000001", false],
  ["a greeting", "323230206d61696c207265616479", false],
];

for (const [what, bytes, isSettings] of FIRST_WORDS) {
  test(`a server that begins with ${what} is ${isSettings ? "" : "not "}taken for HTTP/2`, () => {
    assert.equal(isHttp2Settings(hex(bytes)), isSettings);
  });
}
