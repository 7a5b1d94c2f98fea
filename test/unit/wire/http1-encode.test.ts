import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeLastChunk, encodeRequestHead, encodeResponseHead } from "../../../src/wire/http1-encode.ts";
import { Fields } from "../../../src/wire/http1-fields.ts";
import { RequestHead, ResponseHead } from "../../../src/wire/http1-head.ts";

function request(...fields: [string, string][]): RequestHead {
  const head = new RequestHead();
  head.method = "GET";
  for (const [name, value] of fields) head.fields.append(name, value);
  return head;
}

const PLAIN = { minor: 1, framing: "keep", connection: "", keepUpgrade: false } as const;

test("a request head keeps spelling, order and repetition", () => {
  const head = request(["hOsT", "x"], ["Cookie", "a"], ["X-Y", ""], ["cookie", "b"]);
  assert.equal(
    encodeRequestHead(head, "/p", PLAIN),
    "GET /p HTTP/1.1\r\nhOsT: x\r\nCookie: a\r\nX-Y: \r\ncookie: b\r\n\r\n",
  );
});

test("hop-by-hop fields go, and those that Connection names", () => {
  const head = request(
    ["Host", "x"],
    ["Connection", "close, X-Secret"],
    ["X-Secret", "1"],
    ["Keep-Alive", "timeout=5"],
    ["Proxy-Connection", "keep-alive"],
    ["Transfer-Encoding", "chunked"],
    ["Upgrade", "h2c"],
    ["TE", "trailers"],
  );
  assert.equal(
    encodeRequestHead(head, "/", { ...PLAIN, framing: "chunked" }),
    "GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\ntransfer-encoding: chunked\r\n\r\n",
  );
});

test("Connection cannot strip what the next hop relies on", () => {
  const head = request(
    ["Host", "x"],
    ["Connection", "host, content-length, l5d-client-id"],
    ["Content-Length", "3"],
  );
  head.fields.append("l5d-client-id", "me");
  assert.equal(
    encodeRequestHead(head, "/", PLAIN),
    "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nl5d-client-id: me\r\n\r\n",
  );
});

test("an upgrade keeps its field and gets its own Connection", () => {
  const head = request(["Host", "x"], ["Connection", "Upgrade, HTTP2-Settings"], ["Upgrade", "websocket"]);
  assert.equal(
    encodeRequestHead(head, "/", { ...PLAIN, connection: "upgrade", keepUpgrade: true }),
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nconnection: upgrade\r\n\r\n",
  );
});

test("a response whose body is framed anew loses its length", () => {
  const head = new ResponseHead();
  head.status = 200;
  head.reason = "OK";
  head.fields.append("Content-Length", "3");
  assert.equal(
    encodeResponseHead(head, { ...PLAIN, minor: 0, framing: "until-close", connection: "close" }),
    "HTTP/1.0 200 OK\r\nconnection: close\r\n\r\n",
  );
});

test("the last chunk carries trailers", () => {
  assert.equal(encodeLastChunk(undefined), "0\r\n\r\n");
  const trailers = new Fields();
  trailers.append("X-Sum", "1");
  assert.equal(encodeLastChunk(trailers), "0\r\nX-Sum: 1\r\n\r\n");
});

test("fields: set replaces every occurrence where the first stood, remove takes all", () => {
  const fields = new Fields();
  for (const [name, value] of [
    ["A", "1"],
    ["b", "2"],
    ["a", "3"],
  ] as const)
    fields.append(name, value);
  fields.set("a", "9");
  assert.deepEqual(fields.entries(), [
    ["a", "9"],
    ["b", "2"],
  ]);
  fields.set("C", "3");
  fields.remove("B");
  assert.deepEqual(fields.entries(), [
    ["a", "9"],
    ["C", "3"],
  ]);
  assert.equal(fields.get("c"), "3");
  assert.deepEqual(fields.all("none"), []);
});
