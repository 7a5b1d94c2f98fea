import assert from "node:assert/strict";
import fc from "fast-check";
import { H2Error } from "../../../src/wire/h2-error.ts";
import {
  readRequestHead,
  readResponseHead,
  readTrailers,
  writeRequestHead,
  writeResponseHead,
} from "../../../src/wire/h2-head.ts";
import { H2_PREFACE } from "../../../src/wire/h2-protocol.ts";
import { HpackDecoder, HpackList } from "../../../src/wire/hpack-decoder.ts";
import { HpackEncoder } from "../../../src/wire/hpack-encoder.ts";
import { encodeRequestHead, encodeResponseHead } from "../../../src/wire/http1-encode.ts";
import type { RequestHead, ResponseHead } from "../../../src/wire/http1-head.ts";
import {
  block,
  describeFrames,
  End,
  frame,
  request,
  response,
  StreamLog,
} from "../../unit/wire/h2-support.ts";
import { decodeHttp1, TAKEN_REQUEST, takeRequest } from "./http1.ts";
import { CUTS, cut, type FuzzTarget, LATIN1 } from "./target.ts";

const SETTINGS = frame(4, 0, 0);

const NAME = fc.oneof(
  fc.constantFrom(
    ":method",
    ":path",
    ":scheme",
    ":authority",
    ":status",
    "host",
    "content-length",
    "transfer-encoding",
  ),
  fc.constantFrom(
    "te",
    "cookie",
    "connection",
    "x-a",
    "X-A",
    "x b",
    "l5d-orig-proto",
    "expect",
    "upgrade",
    "",
  ),
  LATIN1,
);
const VALUE = fc.oneof(
  fc.constantFrom(
    "GET",
    "HEAD",
    "CONNECT",
    "/",
    "*",
    "http",
    "h",
    "h:80",
    "200",
    "100",
    "101",
    "204",
    "5",
    "0",
    "trailers",
    "chunked",
    "x-a",
  ),
  fc.constantFrom(
    "",
    " a",
    "a\r\nb: c",
    "a\nb",
    "a\0",
    "HTTP/1.1",
    "u@h",
    "/a b",
    "/a#b",
    "100-continue",
    "x".repeat(300),
  ),
  LATIN1,
);
const FIELD = fc.tuple(NAME, VALUE);
const FIELDS = fc.array(FIELD, { maxLength: 6 });
const REQUEST_FIELDS = fc
  .tuple(
    fc.constantFrom("GET", "POST", "HEAD", "OPTIONS"),
    fc.oneof(
      fc.constantFrom("/", "/a?b", "*", "//"),
      LATIN1.map((text) => `/${text}`),
    ),
    fc.option(fc.constantFrom("h", "h:80", "[::1]:1", ""), { nil: undefined }),
    fc.array(
      fc.tuple(
        fc.oneof(
          fc.constantFrom("x-a", "te", "cookie", "host", "content-length", "expect", "keep-alive", "trailer"),
          LATIN1,
        ),
        VALUE,
      ),
      { maxLength: 5 },
    ),
  )
  .map(([method, path, authority, fields]): [string, string][] => [
    [":method", method],
    [":scheme", "http"],
    [":path", path],
    ...(authority === undefined ? [] : [[":authority", authority] as [string, string]]),
    ...fields,
  ]);

const BLOCK = fc.oneof(FIELDS, REQUEST_FIELDS).map((fields) => block(fields));
const PAYLOAD = fc.oneof(
  fc.uint8Array({ maxLength: 24 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(4, 5, 6, 8, 12).map((size) => Buffer.alloc(size, 1)),
  BLOCK,
);
const ANY_FRAME = fc
  .tuple(
    fc.nat({ max: 11 }),
    fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d), fc.nat({ max: 255 })),
    fc.nat({ max: 7 }),
    PAYLOAD,
  )
  .map(([type, flags, id, payload]) => frame(type, flags, id, payload));
const GOOD_FRAME = fc.oneof(
  fc
    .tuple(fc.constantFrom(1, 3, 5, 7), fc.boolean(), REQUEST_FIELDS)
    .map(([id, isEnd, fields]) => frame(1, isEnd ? 5 : 4, id, block(fields))),
  fc
    .tuple(fc.constantFrom(1, 3, 5, 7), fc.boolean(), fc.nat({ max: 2000 }))
    .map(([id, isEnd, size]) => frame(0, isEnd ? 1 : 0, id, Buffer.alloc(size, "d"))),
  fc.tuple(fc.constantFrom(0, 1, 3), fc.integer({ min: 0, max: 70_000 })).map(([id, size]) => {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(size);
    return frame(8, 0, id, payload);
  }),
  fc.tuple(fc.constantFrom(1, 3, 5), BLOCK).map(([id, bytes]) => {
    const middle = bytes.length >> 1;
    return Buffer.concat([
      frame(1, 1, id, bytes.subarray(0, middle)),
      frame(9, 4, id, bytes.subarray(middle)),
    ]);
  }),
);
const FRAMES = fc
  .array(fc.oneof(ANY_FRAME, GOOD_FRAME, GOOD_FRAME), { maxLength: 12 })
  .map((frames) => Buffer.concat(frames));

/** What a connection's user and its peer see of bytes. */
function play(isServer: boolean, chunks: readonly Buffer[]): string[] {
  const end = new End(isServer ? "server" : "client");
  const logs: StreamLog[] = [];
  if (!isServer) {
    for (let index = 0; index < 3; index++) {
      logs.push(new StreamLog());
      end.connection.open(logs[index]!).sendRequest(request("GET", "/"), "/", index > 0);
    }
  }
  end.onRequest = ({ stream, log }) => {
    logs.push(log);
    stream.sendResponse(response(200), false);
    stream.sendData(Buffer.alloc(100));
  };
  for (const chunk of chunks) end.connection.receive(chunk);
  const seen = [...end.events];
  for (const log of logs) {
    const over = log.events.filter((line) => line.startsWith("end") || line.startsWith("reset"));
    assert.ok(over.length <= 2, `a stream ended more than once: ${log.events.join(", ")}`);
    seen.push(`stream: ${log.events.join(", ")}; body ${log.body.length}`);
  }
  for (const { head, isTooLarge } of end.requests) {
    seen.push(JSON.stringify([head.method, head.target, head.body, head.fields.entries(), isTooLarge]));
  }
  const output = end.take();
  return [...seen, ...describeFrames(isServer ? output : output.subarray(H2_PREFACE.length))];
}

export function listOf(fields: readonly (readonly [string, string])[]): HpackList {
  const list = new HpackList();
  for (const [name, value] of fields) {
    list.names.push(name);
    list.values.push(value);
  }
  return list;
}

const written = (encoder: HpackEncoder) => Buffer.from(encoder.bytes.subarray(0, encoder.length));
const requestBlock = (head: RequestHead) => {
  const encoder = new HpackEncoder();
  writeRequestHead(encoder, head, head.target);
  return written(encoder);
};
const responseBlock = (head: ResponseHead) => {
  const encoder = new HpackEncoder();
  writeResponseHead(encoder, head);
  return written(encoder);
};
const decode = (bytes: Buffer) => new HpackDecoder(65_536).decode(bytes);

export const HTTP2_TARGETS: readonly FuzzTarget[] = [
  {
    name: "HTTP/2 servers: the same events and answers however the bytes are cut; each stream ends once; nothing is thrown",
    property: fc.property(FRAMES, CUTS, fc.boolean(), (frames, cuts, isGood) => {
      const bytes = Buffer.concat([isGood ? Buffer.concat([H2_PREFACE, SETTINGS]) : H2_PREFACE, frames]);
      assert.deepEqual(play(true, cut(bytes, cuts)), play(true, [bytes]));
    }),
  },
  {
    name: "HTTP/2 clients: the same events and answers however the bytes are cut; each stream ends once; nothing is thrown",
    property: fc.property(FRAMES, CUTS, (frames, cuts) => {
      const head = frame(1, 4, 1, block([[":status", "200"]]));
      const bytes = Buffer.concat([SETTINGS, head, frames]);
      assert.deepEqual(play(false, cut(bytes, cuts)), play(false, [bytes]));
    }),
  },
  {
    name: "HPACK: any blocks give fields or a COMPRESSION_ERROR, and the table stays within its size",
    property: fc.property(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          fc.tuple(BLOCK, fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
            if (bytes.length > 0) bytes[at % bytes.length] = value;
            return bytes;
          }),
        ),
        { maxLength: 5 },
      ),
      (blocks) => {
        const decoder = new HpackDecoder(500);
        try {
          for (const each of blocks) {
            const list = decoder.decode(Buffer.from(each));
            assert.equal(list.names.length, list.values.length);
            assert.ok(list.isTooLarge || list.bytes <= 500);
            assert.ok(decoder.tableBytes <= 4096);
          }
        } catch (error) {
          assert.ok(error instanceof H2Error, String(error));
        }
      },
    ),
  },
  {
    name: "HPACK: what is written is read, with table sizes that change and with Huffman or without",
    property: fc.property(
      fc.array(fc.oneof(FIELDS, fc.integer({ min: 0, max: 5000 })), { maxLength: 12 }),
      fc.boolean(),
      (steps, huffman) => {
        const encoder = new HpackEncoder({ huffman });
        const decoder = new HpackDecoder(1_000_000);
        for (const step of steps) {
          if (typeof step === "number") {
            encoder.limitTable(step);
            continue;
          }
          encoder.begin();
          for (const [name, value] of step) encoder.field(name, value);
          const { names, values } = decoder.decode(written(encoder));
          assert.deepEqual(
            names.map((name, index) => [name, values[index]]),
            step,
          );
          assert.equal(decoder.tableBytes, encoder.tableBytes);
        }
      },
    ),
  },
  {
    name: "HTTP/2 requests that are taken become one HTTP/1 request with the same framing",
    property: fc.property(fc.oneof(FIELDS, REQUEST_FIELDS), fc.boolean(), (fields, endStream) => {
      const head = readRequestHead(listOf(fields), endStream);
      if (typeof head === "string") return;
      // As orig-proto does: HTTP/1.1 must have a Host.
      if (!head.fields.has("host")) head.fields.append("Host", "");
      const text = encodeRequestHead(head, head.target, {
        minor: 1,
        framing: head.body === "chunked" ? "chunked" : "keep",
        connection: "",
        keepUpgrade: false,
      });
      assert.equal(text.indexOf("\r\n\r\n"), text.length - 4, text);
      const again = takeRequest(Buffer.from(text, "latin1"));
      assert.ok(again, text);
      const framing = head.body === "length" && head.contentLength === 0 ? "none" : head.body;
      assert.deepEqual([again.method, again.target, again.body], [head.method, head.target, framing], text);
    }),
  },
  {
    name: "HTTP/2 responses and trailers that are taken become HTTP/1 with the same framing",
    property: fc.property(
      fc.constantFrom("200", "204", "304", "404"),
      FIELDS,
      fc.boolean(),
      (status, fields, endStream) => {
        const trailers = readTrailers(listOf(fields));
        if (typeof trailers !== "string") {
          for (const [name, value] of trailers.entries()) assert.doesNotMatch(name + value, /[\r\n]/);
        }
        const head = readResponseHead(listOf([[":status", status], ...fields]), endStream, false);
        if (typeof head === "string") return;
        const isChunked = head.body === "chunked";
        const text = encodeResponseHead(head, {
          minor: 1,
          framing: isChunked ? "chunked" : "keep",
          connection: "",
          keepUpgrade: false,
        });
        assert.equal(text.indexOf("\r\n\r\n"), text.length - 4, text);
        const { log } = decodeHttp1("response", [Buffer.from(text, "latin1")], "GET");
        assert.match(log[0] ?? "", new RegExp(`^head \\[${status},`), text);
      },
    ),
  },
  {
    name: "HTTP/1 requests that are taken are taken again after they have travelled as HTTP/2",
    property: fc.property(TAKEN_REQUEST, (bytes) => {
      const head = takeRequest(bytes);
      if (!head || head.form === "absolute") return;
      const list = decode(requestBlock(head));
      const again = readRequestHead(list, head.body === "none");
      assert.ok(typeof again !== "string", `${again}`);
      assert.deepEqual(
        [again.method, again.target, again.fields.get("host") ?? "", again.body],
        [head.method, head.target, head.fields.get("host"), head.body],
      );
    }),
  },
  {
    name: "HTTP/1 responses that are taken are taken again after they have travelled as HTTP/2",
    property: fc.property(
      fc.constantFrom(200, 204, 304, 404, 500),
      fc.array(fc.tuple(fc.constantFrom("X-A", "Set-Cookie", "Connection", "Trailer", "TE", "Date"), VALUE), {
        maxLength: 4,
      }),
      fc.constantFrom("", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 0\r\n"),
      (status, fields, framing) => {
        const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
        const text = Buffer.from(`HTTP/1.1 ${status} OK\r\n${lines}${framing}\r\n`, "latin1");
        const head = decodeHttp1("response", [text], "GET").heads[0] as Parameters<
          typeof writeResponseHead
        >[1];
        if (!head) return;
        const list = decode(responseBlock(head));
        const again = readResponseHead(list, head.body === "none", false);
        assert.ok(typeof again !== "string", `${again}: ${text.toString("latin1")}`);
        assert.equal(again.status, head.status);
      },
    ),
  },
];
