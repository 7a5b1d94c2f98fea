import assert from "node:assert/strict";
import { test } from "node:test";
import { sniffTlsHello, TLS_HELLO_BYTES_MAX } from "../../../src/wire/tls-hello.ts";
import { hex, splits } from "../../support/hex.ts";

interface HelloParts {
  readonly serverName?: string;
  /** Bytes of an extension before server_name: a post-quantum key share is over 1200. */
  readonly paddingBytes?: number;
}

function handshake({ serverName, paddingBytes = 0 }: HelloParts): Buffer {
  const name = Buffer.from(serverName ?? "", "latin1");
  const padding = Buffer.concat([hex("0033"), u16(paddingBytes), Buffer.alloc(paddingBytes, 0xaa)]);
  const sni =
    serverName === undefined
      ? Buffer.alloc(0)
      : Buffer.concat([
          hex("0000"),
          u16(name.length + 5),
          u16(name.length + 3),
          hex("00"),
          u16(name.length),
          name,
        ]);
  const extensions = Buffer.concat([padding, sni]);
  const body = Buffer.concat([
    hex("0303"),
    Buffer.alloc(32, 1),
    hex("20"),
    Buffer.alloc(32, 2),
    hex("0004 1301 1302"),
    hex("01 00"),
    u16(extensions.length),
    extensions,
  ]);
  return Buffer.concat([hex("01 00"), u16(body.length), body]);
}

function record(fragment: Buffer, version = "0301"): Buffer {
  return Buffer.concat([hex("16"), hex(version), u16(fragment.length), fragment]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

test("a hello is incomplete until its last byte, then gives its server name", () => {
  const whole = record(handshake({ serverName: "web.demo.svc" }));
  for (const [left] of splits(whole)) {
    const expected =
      left.length < whole.length ? { kind: "incomplete" } : { kind: "hello", serverName: "web.demo.svc" };
    assert.deepEqual(sniffTlsHello(left), expected, `cut at ${left.length}`);
  }
});

test("a hello may span records and be as long as a post-quantum key share makes it", () => {
  const message = handshake({ serverName: "a.b", paddingBytes: 1300 });
  for (const cut of [1, 3, 4, 100, message.length - 1]) {
    const bytes = Buffer.concat([record(message.subarray(0, cut)), record(message.subarray(cut), "0303")]);
    assert.deepEqual(sniffTlsHello(bytes), { kind: "hello", serverName: "a.b" });
  }
});

test("what a client sends right behind its hello does not matter: change of cipher spec, early data, anything", () => {
  const message = handshake({ serverName: "a.b" });
  const hello = Buffer.concat([record(message.subarray(0, 2)), record(message.subarray(2), "0303")]);
  for (const more of [
    hex("14 0303 0001 01"),
    hex("17 0303 0002 0909"),
    hex("16 0301 0000"),
    Buffer.from("GET /"),
  ]) {
    assert.deepEqual(sniffTlsHello(Buffer.concat([hello, more])), { kind: "hello", serverName: "a.b" });
  }
});

for (const [name, bytes] of [
  ["HTTP", Buffer.from("GET / HTTP/1.1\r\n")],
  ["a hello without a server name", record(handshake({}))],
  ["a server name that is an address with a port", record(handshake({ serverName: "1.2.3.4:5" }))],
  ["an empty server name", record(handshake({ serverName: "" }))],
  ["a server name with a line end", record(handshake({ serverName: "a\nb" }))],
  ["SSL 2", hex("16 02 00 0005 0100000000")],
  ["another handshake message", record(hex("02 000000"))],
  ["an alert", hex("15 0303 0002 0228")],
  ["an empty record", hex("16 0301 0000")],
  ["a length with a top byte", record(hex("01 010000 0303"))],
  ["an old client version", record(hex("01 000004 0302 0000"))],
  [
    "a session id beyond the end",
    record(Buffer.concat([hex("01 000023 0303"), Buffer.alloc(32), hex("ff")])),
  ],
] as const) {
  test(`${name} is no TLS for us`, () => {
    assert.deepEqual(sniffTlsHello(bytes), { kind: "none" });
  });
}

test("a hello that never ends is given up at the limit", () => {
  const endless = Buffer.concat([
    record(Buffer.concat([hex("01 001ff0"), Buffer.alloc(8000)])),
    Buffer.alloc(0),
  ]);
  assert.equal(sniffTlsHello(endless).kind, "incomplete");
  const over = Buffer.concat([hex("16 0301 3000 01 001fff"), Buffer.alloc(TLS_HELLO_BYTES_MAX - 9)]);
  assert.equal(sniffTlsHello(over).kind, "none");
});
