/** Attacks that are known by name, on both listeners of real proxies, while a client that behaves goes on asking. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { H2_PREFACE } from "../../src/wire/h2-protocol.ts";
import { until } from "../support/until.ts";
import { block, describeFrames, frame, GET } from "../unit/wire/h2-support.ts";
import { assertNothingLeaked, measure } from "./support/leaks.ts";
import { startLoad } from "./support/load.ts";
import { type MeshPair, PAIR_MISSING, startMeshPair } from "./support/mesh-pair.ts";
import type { Address } from "./support/sockets.ts";

const SETTINGS = frame(4, 0, 0);
const END = 0x1;
const END_HEADERS = 0x4;
/** What one attacker may make a proxy hold, bytes of heap after a collection. */
const HEAP_GROWTH_MAX = 16 * 1024 * 1024;

/** Without the size update at its head, which would leave no table to put anything in. */
const GET_WITH_TABLE = GET.subarray(1);

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const repeat = (count: number, part: (index: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => part(index)));
/** The same frame, so often that no kernel holds all the answers. */
const flood = (part: Buffer) => Buffer.alloc(2_000_000 * part.length, part);
const streamId = (index: number) => 2 * index + 1;

interface Attack {
  readonly name: string;
  /** Sent at once, behind preface and SETTINGS. */
  readonly bytes: () => Buffer;
  /** Reads nothing of what comes back. */
  readonly isDeaf?: boolean;
  /** Error code of the GOAWAY; undefined: the connection stays, and answers in the end. */
  readonly goaway: string | undefined;
}

const ATTACKS: readonly Attack[] = [
  {
    name: "rapid reset (CVE-2023-44487)",
    bytes: () =>
      repeat(20_000, (index) =>
        Buffer.concat([
          frame(1, END | END_HEADERS, streamId(index), GET),
          frame(3, 0, streamId(index), u32(8)),
        ]),
      ),
    goaway: "ENHANCE_YOUR_CALM",
  },
  {
    name: "streams that make the server reset them (MadeYouReset, CVE-2025-8671)",
    bytes: () =>
      repeat(20_000, (index) =>
        // A window update by nothing: an error of the stream.
        Buffer.concat([
          frame(1, END | END_HEADERS, streamId(index), GET),
          frame(8, 0, streamId(index), u32(0)),
        ]),
      ),
    goaway: "ENHANCE_YOUR_CALM",
  },
  {
    name: "CONTINUATION without end (CVE-2024-27316)",
    bytes: () =>
      Buffer.concat([
        frame(1, 0, 1, GET),
        repeat(20_000, () => frame(9, 0, 1, block([["x-a", "b".repeat(1000)]]))),
      ]),
    goaway: "ENHANCE_YOUR_CALM",
  },
  {
    name: "empty CONTINUATION frames",
    bytes: () => Buffer.concat([frame(1, 0, 1, GET), repeat(20_000, () => frame(9, 0, 1))]),
    goaway: "ENHANCE_YOUR_CALM",
  },
  {
    name: "empty DATA frames (CVE-2019-9518)",
    bytes: () => Buffer.concat([frame(1, END_HEADERS, 1, GET), repeat(20_000, () => frame(0, 0, 1))]),
    goaway: "ENHANCE_YOUR_CALM",
  },
  {
    name: "PING without reading (CVE-2019-9512)",
    bytes: () => flood(frame(6, 0, 0, Buffer.alloc(8))),
    isDeaf: true,
    goaway: "ENHANCE_YOUR_CALM",
  },
  {
    name: "SETTINGS without reading (CVE-2019-9515)",
    bytes: () => flood(SETTINGS),
    isDeaf: true,
    goaway: "ENHANCE_YOUR_CALM",
  },
  {
    name: "a small block that names a large field a thousand times (HPACK bomb, CVE-2016-6581)",
    bytes: () => {
      const large = Buffer.concat([
        Buffer.of(0x40, 1),
        Buffer.from("a"),
        Buffer.of(0x7f, 0xa1, 0x1e),
        Buffer.alloc(4000, "b"),
      ]);
      const head = Buffer.concat([GET_WITH_TABLE, large, Buffer.alloc(10_000, 0x80 | 62)]);
      return repeat(100, (index) => frame(1, END | END_HEADERS, streamId(index), head));
    },
    goaway: undefined,
  },
];

describe("floods", { skip: PAIR_MISSING }, () => {
  let pair: MeshPair;
  const app = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.end("ok"));
  });

  before(async () => {
    pair = await startMeshPair();
    await new Promise<void>((resolve) => app.listen(pair.appPort, pair.server.appHost, resolve));
    const warm = startLoad({ after() {} }, pair.entrance, 10);
    await warm.more(2000);
    await warm.stop();
  });
  after(async () => {
    await pair?.stop();
    app.closeAllConnections();
    app.close();
  });

  const open = (address: Address) => {
    const socket = connect(address);
    const heard: Buffer[] = [];
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {});
    return {
      socket,
      closed,
      listen: () => socket.on("data", (chunk: Buffer) => heard.push(chunk)),
      heard: () => Buffer.concat(heard),
    };
  };
  const attacked = (side: "outbound" | "inbound"): Address =>
    side === "outbound" ? pair.entrance : { host: pair.server.podHost, port: pair.port };

  for (const side of ["outbound", "inbound"] as const) {
    describe(`on the ${side} listener`, () => {
      for (const { name, bytes, isDeaf = false, goaway } of ATTACKS) {
        test(`${name} ${goaway ? "ends its connection" : "is answered"}, and costs nobody else a request`, async (t) => {
          const proxy = side === "outbound" ? pair.client : pair.server.proxy;
          const baseline = await measure(pair);
          const load = startLoad(t, pair.entrance, 5);
          await load.more(50);
          const attack = open(attacked(side));
          if (!isDeaf) attack.listen();
          attack.socket.write(Buffer.concat([H2_PREFACE, SETTINGS, bytes()]));
          if (goaway === undefined) {
            const statuses = () =>
              describeFrames(attack.heard()).filter((line) => line.startsWith("HEADERS"));
            await until("an answer to each", () => statuses().length >= 100);
          } else {
            if (isDeaf) {
              // Either the proxy reads no further, or it ends the connection; what nobody hears is bounded before that.
              let sent = -1;
              await until("the proxy to stop reading, or end it", async () => {
                const before = sent;
                sent = attack.socket.bytesWritten - attack.socket.writableLength;
                await load.more(100);
                return attack.socket.destroyed || sent === before;
              });
              const { heapBytes } = await proxy.held();
              const growth = heapBytes - baseline.get(proxy)!.heapBytes;
              assert.ok(growth < HEAP_GROWTH_MAX, `${growth} bytes more`);
              attack.listen();
            }
            await attack.closed;
            const last = describeFrames(attack.heard()).at(-1) ?? "nothing";
            // A reset may overtake the frame, where the attacker was still writing.
            if (attack.heard().length > 0 && last.startsWith("GOAWAY"))
              assert.equal(last, `GOAWAY 0 ${goaway}`);
          }
          await load.more(50);
          assert.deepEqual([...(await load.stop()).keys()], ["200"]);
          attack.socket.destroy();
          await assertNothingLeaked(pair, baseline);
        });
      }

      test("500 connections that never finish a request's head cost nobody else a request", async (t) => {
        const baseline = await measure(pair);
        const load = startLoad(t, pair.entrance, 5);
        const sockets: Socket[] = [];
        for (let index = 0; index < 500; index++) {
          const { socket } = open(attacked(side));
          socket.write("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
          sockets.push(socket);
        }
        await load.more(500);
        for (const socket of sockets) socket.write("a");
        await load.more(500);
        assert.deepEqual([...(await load.stop()).keys()], ["200"]);
        for (const socket of sockets) socket.destroy();
        await assertNothingLeaked(pair, baseline);
      });

      test("a head without end is refused at its limit", async () => {
        const attack = open(attacked(side));
        attack.listen();
        attack.socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${"a".repeat(1_000_000)}`);
        await attack.closed;
        assert.match(attack.heard().toString("latin1"), /^HTTP\/1\.1 431 /);
      });
    });
  }
});
