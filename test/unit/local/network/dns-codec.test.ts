import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DNS_CODE,
  DNS_TYPE,
  type DnsAnswer,
  encodeAnswer,
  tryDecodeQuestion,
} from "../../../../src/local/network/dns-codec.ts";

const hex = (text: string) => Buffer.from(text.replace(/\s+/g, ""), "hex");

// id 0x1234, recursion desired, one question: web.demo A IN
const QUERY = hex(`
  1234 0100 0001 0000 0000 0000
  03 776562 04 64656d6f 00 0001 0001
`);
// The same in mixed case with an EDNS record that allows 1232 bytes.
const QUERY_EDNS = hex(`
  1234 0120 0001 0000 0000 0001
  03 576542 04 64654d6f 00 0001 0001
  00 0029 04d0 00000000 0000
`);

const answer = (part: Partial<DnsAnswer>): DnsAnswer => ({
  code: DNS_CODE.ok,
  authoritative: true,
  answers: [],
  authorities: [],
  additionals: [],
  ...part,
});

test("dns question is read with its flags, lower case, 512 bytes without EDNS", () => {
  assert.deepEqual(tryDecodeQuestion(QUERY), {
    id: 0x1234,
    name: "web.demo",
    type: DNS_TYPE.A,
    class: 1,
    recursionDesired: true,
    udpBytesMax: 512,
  });
  const edns = tryDecodeQuestion(QUERY_EDNS)!;
  assert.equal(edns.name, "web.demo");
  assert.equal(edns.udpBytesMax, 1232);
});

test("dns question cut at any byte, answers, several questions and pointers are no questions", () => {
  for (let length = 0; length < QUERY.length; length++) {
    assert.equal(tryDecodeQuestion(QUERY.subarray(0, length)), undefined, `${length} bytes`);
  }
  const response = Buffer.from(QUERY);
  response[2] = 0x81;
  assert.equal(tryDecodeQuestion(response), undefined);
  const two = Buffer.from(QUERY);
  two[5] = 2;
  assert.equal(tryDecodeQuestion(two), undefined);
  assert.equal(tryDecodeQuestion(hex("1234 0100 0001 0000 0000 0000 c00c 0001 0001")), undefined);
  const notify = Buffer.from(QUERY);
  notify[2] = 0x21;
  assert.equal(tryDecodeQuestion(notify), undefined);
});

test("dns answer with an address points back to the question's name", () => {
  const encoded = encodeAnswer(
    tryDecodeQuestion(QUERY)!,
    answer({ answers: [{ type: "A", name: "web.demo", ttlSeconds: 5, address: "127.5.16.1" }] }),
    512,
  );
  assert.equal(
    encoded.toString("hex"),
    hex(`
      1234 8500 0001 0001 0000 0000
      03 776562 04 64656d6f 00 0001 0001
      c00c 0001 0001 00000005 0004 7f051001
    `).toString("hex"),
  );
});

test("dns answer writes SRV targets in full and NXDOMAIN with the zone's SOA", () => {
  const question = tryDecodeQuestion(QUERY)!;
  const srv = encodeAnswer(
    question,
    answer({
      answers: [
        { type: "SRV", name: "web.demo", ttlSeconds: 5, priority: 0, weight: 100, port: 8086, target: "a.b" },
      ],
    }),
    512,
  );
  assert.equal(
    srv.subarray(26).toString("hex"),
    hex("c00c 0021 0001 00000005 000b 0000 0064 1f96 0161 0162 00").toString("hex"),
  );
  const missing = encodeAnswer(
    question,
    answer({
      code: DNS_CODE.noSuchName,
      authorities: [
        {
          type: "SOA",
          name: "demo",
          ttlSeconds: 5,
          primary: "n",
          mailbox: "h",
          serial: 1,
          minimumSeconds: 5,
        },
      ],
    }),
    512,
  );
  assert.equal(missing.readUInt16BE(2), 0x8503);
  assert.equal(
    missing.subarray(26).toString("hex"),
    hex(`04 64656d6f 00 0006 0001 00000005 001a
      01 6e 00 01 68 00 00000001 00001c20 00000708 00015180 00000005`).toString("hex"),
  );
});

test("dns answer that does not fit loses its additionals first, then is marked truncated", () => {
  const question = tryDecodeQuestion(QUERY)!;
  const record = (index: number) =>
    ({ type: "A", name: "web.demo", ttlSeconds: 5, address: `127.5.64.${index}` }) as const;
  const answers = Array.from({ length: 20 }, (_, index) => record(index));
  const withExtras = answer({ answers, additionals: answers });
  const fitting = encodeAnswer(question, withExtras, 512);
  assert.equal(fitting.readUInt16BE(6), 20);
  assert.equal(fitting.readUInt16BE(10), 0);
  const truncated = encodeAnswer(question, withExtras, 100);
  assert.equal(truncated.readUInt16BE(2) & 0x0200, 0x0200);
  assert.equal(truncated.readUInt16BE(6), 0);
  assert.equal(truncated.length, QUERY.length);
});
