import assert from "node:assert/strict";
import { test } from "node:test";
import { claimNetwork, listeningOctets } from "../../../../src/local/network/claim.ts";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0440E97F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4 1 0 100 0 0 10 0
   1: 0100007F:4AC4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5 1 0 100 0 0 10 0
   2: 01002A7F:4AC4 02002A7F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 6 1 0 100 0 0 10 0
   3: 0101A8C0:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7 1 0 100 0 0 10 0
`;

test("networks on which something listens are told from those with mere connections", () => {
  assert.deepEqual([...listeningOctets(TABLE)], [0xe9, 0]);
});

test("two claims that begin at the same number get networks of their own", async () => {
  const first = await claimNetwork(201);
  const second = await claimNetwork(201);
  assert.notEqual(first.octet, second.octet);
  await Promise.all([first.release(), second.release()]);
});
