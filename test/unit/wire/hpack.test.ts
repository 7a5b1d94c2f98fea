import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { H2Error } from "../../../src/wire/h2-error.ts";
import { H2Code } from "../../../src/wire/h2-protocol.ts";
import { HpackDecoder } from "../../../src/wire/hpack-decoder.ts";
import { HpackEncoder } from "../../../src/wire/hpack-encoder.ts";
import { decodeHuffman, encodeHuffman, huffmanBytes } from "../../../src/wire/hpack-huffman.ts";
import { hex } from "../../support/hex.ts";

type Pairs = readonly (readonly [string, string])[];

function pairs(decoder: HpackDecoder, block: Buffer): Pairs {
  const { names, values } = decoder.decode(block);
  return names.map((name, index) => [name, values[index]!] as const);
}

function encode(encoder: HpackEncoder, fields: Pairs): Buffer {
  encoder.begin();
  for (const [name, value] of fields) encoder.field(name, value);
  return Buffer.from(encoder.bytes.subarray(0, encoder.length));
}

const REQUESTS: readonly Pairs[] = [
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ],
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
    ["cache-control", "no-cache"],
  ],
  [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ],
];

const RESPONSES: readonly Pairs[] = [
  [
    [":status", "302"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ],
  [
    [":status", "307"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ],
  [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
    ["location", "https://www.example.com"],
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ],
];

interface Vector {
  readonly section: string;
  readonly tableBytes: number;
  readonly blocks: readonly string[];
  readonly lists: readonly Pairs[];
  /** Of the dynamic table after each block. */
  readonly sizes: readonly number[];
}

/** RFC 7541 appendix C, literally. */
const VECTORS: readonly Vector[] = [
  {
    section: "C.2.1 literal with indexing",
    tableBytes: 4096,
    blocks: ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"],
    lists: [[["custom-key", "custom-header"]]],
    sizes: [55],
  },
  {
    section: "C.2.2 literal without indexing",
    tableBytes: 4096,
    blocks: ["040c 2f73 616d 706c 652f 7061 7468"],
    lists: [[[":path", "/sample/path"]]],
    sizes: [0],
  },
  {
    section: "C.2.3 literal never indexed",
    tableBytes: 4096,
    blocks: ["1008 7061 7373 776f 7264 0673 6563 7265 74"],
    lists: [[["password", "secret"]]],
    sizes: [0],
  },
  { section: "C.2.4 indexed", tableBytes: 4096, blocks: ["82"], lists: [[[":method", "GET"]]], sizes: [0] },
  {
    section: "C.3 requests without Huffman",
    tableBytes: 4096,
    blocks: [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "8286 84be 5808 6e6f 2d63 6163 6865",
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    lists: REQUESTS,
    sizes: [57, 110, 164],
  },
  {
    section: "C.4 requests with Huffman",
    tableBytes: 4096,
    blocks: [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      "8286 84be 5886 a8eb 1064 9cbf",
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
    lists: REQUESTS,
    sizes: [57, 110, 164],
  },
  {
    section: "C.5 responses without Huffman, with eviction",
    tableBytes: 256,
    blocks: [
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
       2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      "4803 3330 37c1 c0bf",
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
       7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
       6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
    ],
    lists: RESPONSES,
    sizes: [222, 222, 215],
  },
  {
    section: "C.6 responses with Huffman, with eviction",
    tableBytes: 256,
    blocks: [
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad
       1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
      "4883 640e ffc1 c0bf",
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
       e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ],
    lists: RESPONSES,
    sizes: [222, 222, 215],
  },
];

for (const { section, tableBytes, blocks, lists, sizes } of VECTORS) {
  test(`HPACK decoder reads RFC 7541 ${section}`, () => {
    const decoder = new HpackDecoder(65_536, tableBytes);
    for (const [index, block] of blocks.entries()) {
      assert.deepEqual(pairs(decoder, hex(block)), lists[index]);
      assert.equal(decoder.tableBytes, sizes[index]);
    }
  });
}

for (const huffman of [false, true]) {
  const { section, blocks } = VECTORS[huffman ? 5 : 4]!;
  test(`HPACK encoder writes RFC 7541 ${section}`, () => {
    const encoder = new HpackEncoder({ huffman });
    for (const [index, list] of REQUESTS.entries()) {
      assert.equal(encode(encoder, list).toString("hex"), hex(blocks[index]!).toString("hex"));
    }
  });
}

const BROKEN: readonly (readonly [what: string, block: string])[] = [
  ["index 0", "80"],
  ["an index beyond the tables", "be"],
  ["a name index beyond the tables", "7f 00 00"],
  ["a string cut short", "40 0a 63 75"],
  ["a missing value", "40 01 61"],
  ["an integer without end", "ff ff ff ff ff ff ff ff ff 01"],
  ["an integer cut short", "ff ff"],
  ["a table larger than allowed", "3f e2 1f"],
  ["a size update after a field", "82 20"],
  ["a Huffman string with an end of string", "40 01 61 84 ff ff ff fc"],
  ["Huffman padding of eight bits", "40 01 61 82 1f ff"],
  ["Huffman padding of zeros", "40 01 61 81 18"],
];

for (const [what, block] of BROKEN) {
  test(`HPACK decoder refuses ${what}`, () => {
    assert.throws(
      () => new HpackDecoder(65_536).decode(hex(block)),
      (error) => error instanceof H2Error && error.h2Code === H2Code.compressionError,
    );
  });
}

test("HPACK decoder drops what passes the list's limit and keeps the table in step", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(200);
  const large = encode(encoder, [
    ["a", "x".repeat(100)],
    ["b", "y".repeat(100)],
    ["c", "z"],
  ]);
  assert.equal(decoder.decode(large).isTooLarge, true);
  assert.deepEqual(decoder.list.names, ["a"]);
  assert.deepEqual(pairs(decoder, encode(encoder, [["c", "z"]])), [["c", "z"]]);
  assert.equal(decoder.list.isTooLarge, false);
});

test("HPACK encoder never puts secrets into the table", () => {
  const encoder = new HpackEncoder();
  const block = encode(encoder, [["authorization", "Bearer abc"]]);
  assert.equal(block[0]! & 0xf0, 0x10);
  assert.equal(encoder.tableBytes, 0);
});

test("HPACK encoder follows a smaller table and announces it in the next block", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(65_536);
  pairs(decoder, encode(encoder, REQUESTS[2]!));
  encoder.limitTable(0);
  encoder.limitTable(100);
  assert.equal(encoder.tableBytes, 0);
  const block = encode(encoder, REQUESTS[2]!);
  assert.equal(block.subarray(0, 3).toString("hex"), "203f45");
  assert.deepEqual(pairs(decoder, block), REQUESTS[2]);
  assert.equal(decoder.tableBytes, encoder.tableBytes);
});

const TEXT = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });

test("Huffman coding gives back any latin1 text", () => {
  fc.assert(
    fc.property(TEXT, (text) => {
      const coded = Buffer.alloc(huffmanBytes(text));
      assert.equal(encodeHuffman(text, coded, 0), coded.length);
      assert.equal(decodeHuffman(coded, 0, coded.length), text);
    }),
    { numRuns: 2000 },
  );
});

test("HPACK gives back any lists, through a table that changes size and evicts", () => {
  const name = fc.constantFrom("a", "b", "x-long-name", ":path", "cookie", "content-type", "via");
  const value = fc.oneof(TEXT, fc.constantFrom("1", "2", "text/html"), fc.constant("v".repeat(900)));
  const step = fc.oneof(
    fc.array(fc.tuple(name, value), { maxLength: 12 }),
    fc.integer({ min: 0, max: 5000 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.boolean(), (steps, huffman) => {
      const encoder = new HpackEncoder({ huffman });
      const decoder = new HpackDecoder(10_000_000);
      for (const each of steps) {
        if (typeof each === "number") {
          encoder.limitTable(each);
        } else {
          assert.deepEqual(pairs(decoder, encode(encoder, each)), each);
          assert.equal(decoder.tableBytes, encoder.tableBytes);
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test("HPACK decoder either reads any bytes or refuses them with COMPRESSION_ERROR", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 }), (blocks) => {
      const decoder = new HpackDecoder(4096);
      try {
        for (const block of blocks) decoder.decode(Buffer.from(block));
      } catch (error) {
        assert.ok(error instanceof H2Error, String(error));
        assert.equal(error.h2Code, H2Code.compressionError);
      }
      assert.ok(decoder.tableBytes <= 4096);
    }),
    { numRuns: 20_000 },
  );
});
