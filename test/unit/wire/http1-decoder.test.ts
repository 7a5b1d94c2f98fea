import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MeshError } from "../../../src/base/error.ts";
import { DEFAULT_HTTP1_LIMITS, Http1Decoder, Http1Event } from "../../../src/wire/http1-decoder.ts";
import type { RequestHead, ResponseHead } from "../../../src/wire/http1-head.ts";
import { splits } from "../../support/hex.ts";
import { HTTP1_VECTORS } from "../../support/http1-vectors.ts";

type Role = "request" | "response";

/** Everything that a decoder says about bytes, with body bytes joined: what must not depend on the cuts. */
function decode(
  role: Role,
  chunks: readonly Buffer[],
  options: { method?: string; close?: boolean; limits?: typeof DEFAULT_HTTP1_LIMITS } = {},
): string[] {
  const decoder = new Http1Decoder(role, options.limits ?? DEFAULT_HTTP1_LIMITS);
  decoder.begin(options.method);
  const log: string[] = [];
  const take = (event: Http1Event): boolean => {
    if (event === Http1Event.more) return false;
    if (event === Http1Event.tunnel) {
      appendData(log, "raw", decoder.takeRest());
      return false;
    }
    if (event === Http1Event.head) log.push(describeHead(role, decoder.head));
    if (event === Http1Event.data) appendData(log, "data", decoder.data);
    if (event === Http1Event.end) {
      log.push(`end ${JSON.stringify(decoder.trailers?.entries() ?? [])}`);
      decoder.begin(options.method);
    }
    return true;
  };
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      while (take(decoder.next()));
    }
    if (options.close) take(decoder.finish());
  } catch (error) {
    log.push(`error ${(error as MeshError).code}`);
  }
  return log;
}

function appendData(log: string[], kind: string, bytes: Buffer): void {
  const last = log.at(-1);
  if (last?.startsWith(`${kind} `)) log[log.length - 1] = last + bytes.toString("latin1");
  else if (bytes.length > 0) log.push(`${kind} ${bytes.toString("latin1")}`);
}

function describeHead(role: Role, head: RequestHead | ResponseHead): string {
  const start =
    role === "request"
      ? `${(head as RequestHead).method} ${(head as RequestHead).target} ${(head as RequestHead).form}`
      : `${(head as ResponseHead).status} ${(head as ResponseHead).reason}`;
  return `head ${start} 1.${head.minor} ${head.body} ${head.keepAlive} ${JSON.stringify(head.fields.entries())}`;
}

function bytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

interface Case {
  readonly name: string;
  readonly role: Role;
  readonly input: string;
  readonly method?: string;
  readonly close?: boolean;
  readonly expect: readonly string[];
}

const GOOD: readonly Case[] = [
  {
    name: "two pipelined requests",
    role: "request",
    input: "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nhOsT:y\r\nContent-Length: 3\r\n\r\nabc",
    expect: [
      'head GET /a origin 1.1 none true [["Host","x"]]',
      "end []",
      'head POST /b origin 1.1 length true [["hOsT","y"],["Content-Length","3"]]',
      "data abc",
      "end []",
    ],
  },
  {
    name: "chunked request with extension and trailers",
    role: "request",
    input:
      '\r\nPUT http://h:80/p?q HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n3;x="1"\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n',
    expect: [
      'head PUT http://h:80/p?q absolute 1.1 chunked true [["Host","h"],["Transfer-Encoding","Chunked"]]',
      "data abc0123456789",
      'end [["X-Sum","1"]]',
    ],
  },
  {
    name: "CONNECT in authority form",
    role: "request",
    input: "CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n",
    expect: ['head CONNECT a.b:443 authority 1.1 none true [["Host","a.b:443"]]', "end []"],
  },
  {
    name: "OPTIONS in asterisk form",
    role: "request",
    input: "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n",
    expect: ['head OPTIONS * asterisk 1.1 none false [["Host","a"],["Connection","Close"]]', "end []"],
  },
  {
    name: "HTTP/1.0 without Host",
    role: "request",
    input: "GET / HTTP/1.0\r\n\r\n",
    expect: ["head GET / origin 1.0 none false []", "end []"],
  },
  {
    name: "interim responses before the final one",
    role: "response",
    input:
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    expect: [
      "head 100 Continue 1.1 none true []",
      'head 103 Early Hints 1.1 none true [["Link","</a>"]]',
      'head 200 OK 1.1 length true [["Content-Length","2"]]',
      "data hi",
      "end []",
    ],
  },
  {
    name: "response until close",
    role: "response",
    input: "HTTP/1.1 200\r\n\r\nall of it",
    close: true,
    expect: ["head 200  1.1 until-close false []", "data all of it", "end []"],
  },
  {
    name: "HEAD response with a length and no body",
    role: "response",
    method: "HEAD",
    input:
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    expect: [
      'head 200 OK 1.1 none true [["Content-Length","5"]]',
      "end []",
      'head 304 Not Modified 1.1 none true [["Content-Length","9"]]',
      "end []",
    ],
  },
  {
    name: "204 without body",
    role: "response",
    input: "HTTP/1.1 204 No Content\r\n\r\n",
    expect: ["head 204 No Content 1.1 none true []", "end []"],
  },
  {
    name: "101 and raw bytes",
    role: "response",
    input: "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n\x01\x02\r\n",
    expect: [
      'head 101 Switching Protocols 1.1 tunnel true [["Connection","upgrade"],["Upgrade","echo"]]',
      "raw \x01\x02\r\n",
    ],
  },
  {
    name: "2xx to CONNECT and raw bytes",
    role: "response",
    method: "CONNECT",
    input: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nraw",
    expect: ['head 200 OK 1.1 tunnel true [["Content-Length","3"]]', "raw raw"],
  },
];

const REQUEST = "GET / HTTP/1.1\r\nHost: x\r\n";
const POST = "POST / HTTP/1.1\r\nHost: x\r\n";

/** Requests: the table that is also compared with what nginx and HAProxy do. */
const BAD: readonly { readonly input: string; readonly code: string; readonly role?: Role }[] = [
  ...HTTP1_VECTORS.flatMap(({ input, code }) => (code === undefined ? [] : [{ input, code }])),
  { input: "HTTP/1.1 20 OK\r\n", code: "HTTP_BAD_START_LINE", role: "response" },
  { input: "HTTP/1.1 099 OK\r\n", code: "HTTP_BAD_START_LINE", role: "response" },
  { input: "HTTP/1.1  200 OK\r\n", code: "HTTP_BAD_START_LINE", role: "response" },
  { input: "HTTP/1.1 2000 OK\r\n", code: "HTTP_BAD_START_LINE", role: "response" },
  { input: "HTTP/1.1 200 O\x01K\r\n", code: "HTTP_BAD_START_LINE", role: "response" },
  { input: "ICY 200 OK\r\n", code: "HTTP_BAD_START_LINE", role: "response" },
  {
    input: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    code: "HTTP_BAD_FRAMING",
    role: "response",
  },
  {
    input: "HTTP/1.1 204 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    code: "HTTP_BAD_FRAMING",
    role: "response",
  },
];

for (const { name, role, input, expect, ...options } of GOOD) {
  test(`decoder reads ${name}, cut at any byte`, () => {
    for (const [left, right] of splits(bytes(input))) {
      assert.deepEqual(decode(role, [left, right], options), expect, `cut at ${left.length}`);
    }
    assert.deepEqual(
      decode(
        role,
        Array.from(bytes(input), (byte) => Buffer.of(byte)),
        options,
      ),
      expect,
    );
  });
}

for (const { input, code, role = "request" } of BAD) {
  test(`decoder refuses ${JSON.stringify(input)} with ${code}, cut at any byte`, () => {
    for (const [left, right] of splits(bytes(input))) {
      assert.equal(decode(role, [left, right]).at(-1), `error ${code}`, `cut at ${left.length}`);
    }
  });
}

test("decoder takes every request of the table that is well-formed, as one", () => {
  for (const { name, input, rest = "", code } of HTTP1_VECTORS) {
    if (code !== undefined) continue;
    const log = decode("request", [bytes(input + rest)]);
    assert.deepEqual(
      [log.filter((line) => line.startsWith("head")).length, log.at(-1)?.startsWith("end")],
      [1, true],
      name,
    );
  }
});

test("decoder gives the same events for any cuts of valid, damaged and pipelined bytes", () => {
  const messages = fc.array(fc.constantFrom(...GOOD.filter((each) => each.role === "request")), {
    minLength: 1,
    maxLength: 3,
  });
  const damage = fc.option(fc.tuple(fc.nat(), fc.nat(255)));
  fc.assert(
    fc.property(messages, damage, fc.array(fc.nat(), { maxLength: 12 }), (picked, change, cuts) => {
      const whole = bytes(picked.map((each) => each.input).join(""));
      if (change) whole[change[0] % whole.length] = change[1];
      const points = [...new Set(cuts.map((cut) => cut % whole.length))].sort((a, b) => a - b);
      const chunks = [...points, whole.length].map((end, index) =>
        whole.subarray(points[index - 1] ?? 0, end),
      );
      assert.deepEqual(decode("request", chunks), decode("request", [whole]));
    }),
    { seed: 20260102, numRuns: 1500 },
  );
});

test("decoder never throws anything but MeshError on random bytes", () => {
  const text = fc.array(fc.constantFrom("GET ", "/", " HTTP/1.1", "\r\n", "a:", "0", "\n", "\0", "Host: x"), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(text, fc.uint8Array({ maxLength: 30 }), (words, tail) => {
      const decoder = new Http1Decoder("request");
      decoder.push(Buffer.concat([bytes(words.join("")), tail]));
      try {
        for (let event = decoder.next(); event !== Http1Event.more; event = decoder.next()) {
          if (event === Http1Event.end) decoder.begin();
        }
      } catch (error) {
        assert.ok(error instanceof MeshError);
      }
    }),
    { seed: 7, numRuns: 1000 },
  );
});

test("decoder refuses a head over its limit before the line is complete", () => {
  const limits = { headBytesMax: 40, fieldsMax: 3 };
  const long = bytes(`${REQUEST}A: ${"b".repeat(40)}`);
  for (const [left, right] of splits(long)) {
    assert.deepEqual(decode("request", [left, right], { limits }), ["error HTTP_HEAD_TOO_LARGE"]);
  }
  const many = bytes(`${REQUEST}A:\r\nB:\r\nC:\r\n\r\n`);
  assert.deepEqual(decode("request", [many], { limits }), ["error HTTP_HEAD_TOO_LARGE"]);
});

test("decoder says truncated when a peer closes inside a message, and nothing between messages", () => {
  const whole = bytes(`${POST}Content-Length: 3\r\n\r\nabc`);
  for (let cut = 1; cut < whole.length; cut++) {
    const log = decode("request", [whole.subarray(0, cut)], { close: true });
    assert.equal(log.at(-1), "error HTTP_TRUNCATED", `cut at ${cut}`);
  }
  assert.equal(decode("request", [whole], { close: true }).at(-1), "end []");
  assert.deepEqual(decode("request", [], { close: true }), []);
});

test("decoder keeps failing after an error", () => {
  const decoder = new Http1Decoder("request");
  decoder.push(bytes("nonsense\r\n"));
  assert.throws(() => decoder.next(), MeshError);
  decoder.push(bytes(`${REQUEST}\r\n`));
  assert.throws(() => decoder.next(), MeshError);
});

test("decoder hands body bytes out as views of the chunk", () => {
  const decoder = new Http1Decoder("request");
  const chunk = bytes(`${POST}Content-Length: 3\r\n\r\nabc`);
  decoder.push(chunk);
  assert.equal(decoder.next(), Http1Event.head);
  assert.equal(decoder.next(), Http1Event.data);
  assert.equal(decoder.data.buffer, chunk.buffer);
});
