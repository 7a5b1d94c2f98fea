import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { loadLibc } from "../../../src/net/libc.ts";
import { listen } from "../../../src/net/listen.ts";

/** From the headers of Linux. Of a listening socket `tcpi_sacked` is how many may wait to be accepted. */
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const SACKED_AT = 28;

/** What the kernel lets wait on each listening socket of this process. */
async function backlogs(): Promise<number[]> {
  const { getsockopt } = await loadLibc();
  const found: number[] = [];
  for (const name of readdirSync("/proc/self/fd")) {
    const isListening = Buffer.alloc(4);
    if (getsockopt(Number(name), SOL_SOCKET, SO_ACCEPTCONN, isListening, [4]) !== 0) continue;
    const info = Buffer.alloc(104);
    if (isListening.readInt32LE(0) !== 1) continue;
    if (getsockopt(Number(name), IPPROTO_TCP, TCP_INFO, info, [104]) !== 0) continue;
    found.push(info.readUInt32LE(SACKED_AT));
  }
  return found;
}

test("as many connections may wait to be accepted as the listener was told", {
  skip: process.platform === "linux" ? false : "asks Linux",
}, async (t) => {
  const told = await listen({ host: "127.0.0.1", port: 0 }, "test", () => {}, { backlog: 37 });
  t.after(() => told.stop());
  assert.deepEqual(await backlogs(), [37]);
});
