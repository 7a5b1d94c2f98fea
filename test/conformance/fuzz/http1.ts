import assert from "node:assert/strict";
import fc from "fast-check";
import { MeshError } from "../../../src/base/error.ts";
import { detectHttp } from "../../../src/wire/http-detect.ts";
import { DEFAULT_HTTP1_LIMITS, Http1Decoder, Http1Event } from "../../../src/wire/http1-decoder.ts";
import { encodeRequestHead, encodeResponseHead } from "../../../src/wire/http1-encode.ts";
import type { RequestHead, ResponseHead } from "../../../src/wire/http1-head.ts";
import { CUTS, cut, damaged, type FuzzTarget, LATIN1 } from "./target.ts";

const LIMITS = { ...DEFAULT_HTTP1_LIMITS, headBytesMax: 300, fieldsMax: 8 };

/** Everything a decoder says, body bytes joined: what must not depend on cuts. */
export function decodeHttp1(
  role: "request" | "response",
  chunks: readonly Buffer[],
  method = "",
  limits = DEFAULT_HTTP1_LIMITS,
): { log: string[]; heads: (RequestHead | ResponseHead)[] } {
  const decoder = new Http1Decoder(role, limits);
  const log: string[] = [];
  const heads: (RequestHead | ResponseHead)[] = [];
  let bytes = 0;
  let events = 0;
  let body = "";
  const flush = () => {
    if (body !== "") log.push(`body ${body}`);
    body = "";
  };
  decoder.begin(method);
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      bytes += chunk.length;
      for (let event = decoder.next(); event !== Http1Event.more; event = decoder.next()) {
        // A decoder that goes on without bytes hangs its connection, and the process with it.
        assert.ok(++events <= 3 * bytes + 3, "events without bytes");
        if (event === Http1Event.data) {
          body += decoder.data.toString("latin1");
        } else if (event === Http1Event.tunnel) {
          body += decoder.takeRest().toString("latin1");
          break;
        } else {
          flush();
          if (event === Http1Event.head) {
            const { head } = decoder;
            heads.push(head);
            const start =
              "method" in head ? [head.method, head.target, head.form] : [head.status, head.reason];
            log.push(
              `head ${JSON.stringify([...start, head.minor, head.body, head.keepAlive, head.fields.entries()])}`,
            );
          } else {
            log.push(`end ${JSON.stringify(decoder.trailers?.entries() ?? [])}`);
            decoder.begin(method);
          }
        }
      }
    }
    flush();
    if (decoder.finish() === Http1Event.end) log.push("end at close");
  } catch (error) {
    flush();
    assert.ok(error instanceof MeshError, String(error));
    log.push(`error ${error.code}`);
  }
  return { log, heads };
}

const VALUE = fc.oneof(
  fc.constantFrom(
    "x",
    "5",
    "0",
    "close",
    "keep-alive, X-A",
    "chunked",
    "gzip, chunked",
    "upgrade",
    "",
    "a b",
    "100-continue",
  ),
  LATIN1,
);
const NAME = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      "Host",
      "Content-Length",
      "Transfer-Encoding",
      "Connection",
      "X-A",
      "Upgrade",
      "TE",
      "Expect",
      "Trailer",
    ),
  },
  { weight: 1, arbitrary: LATIN1 },
);
const LINE_END = fc.oneof(
  { weight: 40, arbitrary: fc.constant("\r\n") },
  fc.constantFrom("\n", "\r", "\r\r\n", " \r\n", ""),
);
const FIELD = fc
  .tuple(NAME, fc.constantFrom(":", ": ", ":\t", " :", ""), VALUE, LINE_END)
  .map((parts) => parts.join(""));
const REQUEST_LINE = fc
  .tuple(
    fc.constantFrom("GET", "POST", "HEAD", "CONNECT", "OPTIONS", "get", "B@D"),
    fc.constantFrom(" ", "  ", "\t"),
    fc.oneof(
      fc.constantFrom("/", "*", "/a?b", "http://h/p", "http://h", "h:80", "[::1]:80", "//", "/%00", "/\x80"),
      LATIN1,
    ),
    fc.constantFrom(" HTTP/1.1", " HTTP/1.1", " HTTP/1.0", " HTTP/1.2", "", " HTTP/2.0"),
    LINE_END,
  )
  .map((parts) => parts.join(""));
const STATUS_LINE = fc
  .tuple(
    fc.constantFrom("HTTP/1.1 ", "HTTP/1.0 ", "HTTP/1.1", "ICY "),
    fc.constantFrom("200", "100", "101", "103", "204", "304", "404", "999", "20", "2000"),
    fc.oneof(fc.constantFrom("", " ", " OK"), LATIN1),
    LINE_END,
  )
  .map((parts) => parts.join(""));
const CHUNK = fc
  .tuple(
    fc.constantFrom("1", "5", "0", "A", "0005", "g", "-1", "", "fffffffffffff"),
    fc.constantFrom("", "", ";a", ';a="b"', " ;a", ";\n"),
    LINE_END,
    fc.constantFrom("hello", "a", "", "0123456789"),
    LINE_END,
  )
  .map((parts) => parts.join(""));
const BODY = fc.oneof(
  fc.constantFrom("", "hello", "0\r\n\r\n", "5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
  fc.array(CHUNK, { maxLength: 3 }).map((parts) => parts.join("")),
  LATIN1,
);
const message = (start: fc.Arbitrary<string>) =>
  fc
    .tuple(start, fc.array(FIELD, { maxLength: 5 }), LINE_END, BODY)
    .map(([line, fields, end, body]) => line + fields.join("") + end + body);
const messages = (start: fc.Arbitrary<string>) =>
  damaged(
    fc.oneof(
      fc.array(message(start), { minLength: 1, maxLength: 3 }).map((parts) => parts.join("")),
      // A decoder remembers the lines of the last head: what resembles it must be read as if it were new.
      fc.tuple(message(start), fc.integer({ min: 2, max: 4 })).map(([text, times]) => text.repeat(times)),
      fc
        .tuple(TAKEN, fc.integer({ min: 2, max: 4 }))
        .map(([bytes, times]) => bytes.toString("latin1").repeat(times)),
    ),
  );

/** Requests that are good more often than not, for what must hold of those that are taken. */
const TAKEN = fc
  .tuple(
    fc.constantFrom("GET", "POST", "HEAD", "OPTIONS", "get"),
    fc.oneof(
      fc.constantFrom("/", "/a?b", "http://h/p", "http://h", "/\x80"),
      LATIN1.map((text) => `/${text}`),
    ),
    fc.constantFrom("1.1", "1.0"),
    fc.array(
      fc.tuple(
        fc.constantFrom(
          "X-A",
          "x-b",
          "Connection",
          "TE",
          "Upgrade",
          "Keep-Alive",
          "Expect",
          "Cookie",
          "l5d-orig-proto",
          "Trailer",
        ),
        VALUE,
      ),
      { maxLength: 6 },
    ),
    fc.constantFrom("", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 0\r\n"),
    fc.constantFrom("h", "h:80", "", "[::1]:8080"),
  )
  .map(([method, target, version, fields, framing, host]) =>
    Buffer.from(
      `${method} ${target} HTTP/${version}\r\nHost: ${host}\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}${framing}\r\n`,
      "latin1",
    ),
  );

/** The head of one request that the decoder takes, or undefined. */
export function takeRequest(bytes: Buffer): RequestHead | undefined {
  const decoder = new Http1Decoder("request");
  decoder.begin();
  decoder.push(bytes);
  try {
    return decoder.next() === Http1Event.head ? (decoder.head as RequestHead) : undefined;
  } catch {
    return undefined;
  }
}
export const TAKEN_REQUEST = TAKEN;

export const HTTP1_TARGETS: readonly FuzzTarget[] = [
  {
    name: "HTTP/1 requests: the same events however the bytes are cut, nothing thrown but MeshErrors, no event without bytes",
    property: fc.property(messages(REQUEST_LINE), CUTS, (bytes, cuts) => {
      for (const limits of [DEFAULT_HTTP1_LIMITS, LIMITS]) {
        const whole = decodeHttp1("request", [bytes], "", limits).log;
        assert.deepEqual(decodeHttp1("request", cut(bytes, cuts), "", limits).log, whole);
      }
    }),
  },
  {
    name: "HTTP/1 responses: the same events however the bytes are cut, nothing thrown but MeshErrors, no event without bytes",
    property: fc.property(
      messages(STATUS_LINE),
      CUTS,
      fc.constantFrom("GET", "HEAD", "CONNECT"),
      (bytes, cuts, method) => {
        const whole = decodeHttp1("response", [bytes], method).log;
        assert.deepEqual(decodeHttp1("response", cut(bytes, cuts), method).log, whole);
      },
    ),
  },
  {
    name: "HTTP/1 requests that are taken are written so that a reader finds one request with the same framing",
    property: fc.property(TAKEN, (bytes) => {
      const head = takeRequest(bytes);
      if (!head) return;
      const text = encodeRequestHead(head, head.target, {
        minor: head.minor,
        framing: head.body === "chunked" ? "chunked" : "keep",
        connection: "",
        keepUpgrade: false,
      });
      const again = takeRequest(Buffer.from(text, "latin1"));
      assert.ok(again, text);
      assert.deepEqual(
        [again.method, again.target, again.minor, again.body, again.contentLength],
        [head.method, head.target, head.minor, head.body, head.contentLength],
      );
      // A reader that stops at the first line end finds nothing behind the head.
      assert.equal(text.indexOf("\r\n\r\n"), text.length - 4);
    }),
  },
  {
    name: "HTTP/1 responses that are taken are written so that a reader finds one response with the same framing",
    property: fc.property(messages(STATUS_LINE), (bytes) => {
      for (const head of decodeHttp1("response", [bytes], "GET").heads as ResponseHead[]) {
        if (head.status < 200) continue;
        const isChunked = head.body === "chunked" || head.body === "until-close";
        const text = encodeResponseHead(head, {
          minor: 1,
          framing: isChunked ? "chunked" : "keep",
          connection: "",
          keepUpgrade: false,
        });
        const { heads } = decodeHttp1("response", [Buffer.from(text, "latin1")], "GET");
        const again = heads[0] as ResponseHead;
        assert.ok(again, text);
        assert.deepEqual([again.status, again.body], [head.status, isChunked ? "chunked" : head.body], text);
        assert.equal(text.indexOf("\r\n\r\n"), text.length - 4);
      }
    }),
  },
  {
    name: "detection of HTTP answers for any bytes, and takes what the decoder takes",
    property: fc.property(fc.oneof(messages(REQUEST_LINE), TAKEN), (bytes) => {
      const detected = detectHttp(bytes);
      const head = takeRequest(bytes);
      if (head && bytes[0] !== 0x0d && bytes.length <= 1024) assert.equal(detected, "http/1");
    }),
  },
];
