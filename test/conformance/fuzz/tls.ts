import assert from "node:assert/strict";
import fc from "fast-check";
import { MeshError } from "../../../src/base/error.ts";
import { sniffTlsHello, TLS_HELLO_BYTES_MAX } from "../../../src/wire/tls-hello.ts";
import { decodeTransportHeader, encodeTransportHeader } from "../../../src/wire/transport-header.ts";
import type { FuzzTarget } from "./target.ts";

const u16 = (value: number) => Buffer.of((value >> 8) & 0xff, value & 0xff);
const vector16 = (bytes: Uint8Array) => Buffer.concat([u16(bytes.length), bytes]);

const BYTES = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
const SERVER_NAME = fc
  .tuple(fc.constantFrom("a.b", "web.demo.svc", "x", "", "bad name", "a..b"), fc.constantFrom(0, 1))
  .map(([name, kind]) => {
    const entry = Buffer.concat([Buffer.of(kind), vector16(Buffer.from(name, "latin1"))]);
    return Buffer.concat([u16(0), vector16(vector16(entry))]);
  });
const OTHER = fc
  .tuple(fc.integer({ min: 1, max: 60 }), BYTES)
  .map(([type, body]) => Buffer.concat([u16(type), vector16(body)]));
const HELLO = fc
  .tuple(
    fc.array(fc.oneof(SERVER_NAME, OTHER), { maxLength: 4 }),
    fc.uint8Array({ maxLength: 32 }),
    fc.integer({ min: 0, max: 2000 }),
  )
  .map(([extensions, session, padding]) => {
    const padded = Buffer.concat([...extensions, Buffer.concat([u16(21), vector16(Buffer.alloc(padding))])]);
    const body = Buffer.concat([
      Buffer.of(3, 3),
      Buffer.alloc(32, 7),
      Buffer.of(session.length),
      session,
      vector16(Buffer.of(0x13, 1)),
      Buffer.of(1, 0),
      vector16(padded),
    ]);
    return Buffer.concat([Buffer.of(1, 0), u16(body.length), body]);
  });
/** Records of a hello, cut anywhere, and what a client may send right behind it: change cipher spec, early data. */
const RECORDS = fc
  .tuple(
    HELLO,
    fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 3 }),
    fc.boolean(),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 1 }),
  )
  .map(([hello, sizes, hasMore, damage]) => {
    const records: Buffer[] = [];
    let at = 0;
    for (const size of [...sizes, hello.length]) {
      const fragment = hello.subarray(at, at + size);
      if (fragment.length > 0) records.push(Buffer.concat([Buffer.of(22, 3, 1), vector16(fragment)]));
      at += size;
    }
    if (hasMore) records.push(Buffer.of(20, 3, 3, 0, 1, 1), Buffer.of(23, 3, 3, 0, 2, 9, 9));
    const bytes = Buffer.concat(records);
    for (const [index, value] of damage) bytes[index % bytes.length] = value;
    return { bytes, isWhole: damage.length === 0, hasMore };
  });

export const TLS_TARGETS: readonly FuzzTarget[] = [
  {
    name: "ClientHello: the first answer about a beginning is the answer about the whole, and none is thrown",
    property: fc.property(RECORDS, fc.array(fc.nat(), { maxLength: 6 }), ({ bytes }, points) => {
      const whole = sniffTlsHello(bytes.subarray(0, TLS_HELLO_BYTES_MAX));
      for (const point of points) {
        const part = sniffTlsHello(
          bytes.subarray(0, Math.min(point % (bytes.length + 1), TLS_HELLO_BYTES_MAX)),
        );
        if (part.kind !== "incomplete") assert.deepEqual(part, whole);
      }
    }),
  },
  {
    name: "ClientHello: any bytes get an answer, and it is incomplete only below the limit",
    property: fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (tail, isHandshake) => {
      const bytes = Buffer.concat([isHandshake ? Buffer.of(22, 3, 1) : Buffer.alloc(0), tail]);
      sniffTlsHello(bytes);
      const full = Buffer.concat([bytes, Buffer.alloc(TLS_HELLO_BYTES_MAX)]).subarray(0, TLS_HELLO_BYTES_MAX);
      assert.notEqual(sniffTlsHello(full).kind, "incomplete");
    }),
  },
  {
    name: "transport header: the same header however much follows, undefined only before its end, nothing thrown but MeshErrors",
    property: fc.property(
      fc.integer({ min: 1, max: 65_535 }),
      fc.option(fc.constantFrom("a.b", "web.demo.svc.cluster.local", "bad name"), { nil: undefined }),
      fc.constantFrom(undefined, "http/1" as const, "http/2" as const),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 }),
      fc.uint8Array({ maxLength: 10 }),
      (port, name, session, damage, tail) => {
        const header = encodeTransportHeader({ port, name, session });
        for (const [at, value] of damage) header[at % header.length] = value;
        const answer = (bytes: Buffer) => {
          try {
            return decodeTransportHeader(bytes);
          } catch (error) {
            assert.ok(error instanceof MeshError, String(error));
            return error.code;
          }
        };
        const whole = answer(Buffer.concat([header, tail]));
        let first: ReturnType<typeof answer>;
        for (let end = 0; first === undefined && end <= header.length; end++)
          first = answer(header.subarray(0, end));
        if (first !== undefined) assert.deepEqual(first, whole);
        if (damage.length === 0 && name !== "bad name") {
          assert.deepEqual(whole, { header: { port, name, session }, bytes: header.length });
        }
      },
    ),
  },
];
