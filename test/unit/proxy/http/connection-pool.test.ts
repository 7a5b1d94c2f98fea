import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpClientConnection } from "../../../../src/proxy/http/client-connection.ts";
import { ConnectionPool } from "../../../../src/proxy/http/connection-pool.ts";
import { FakeClock } from "../../../support/clock.ts";

interface FakeConnection {
  isUsable: boolean;
  isClosed: boolean;
  idleSince: number;
}

function fake(): FakeConnection & HttpClientConnection {
  const connection = {
    isUsable: true,
    isClosed: false,
    idleSince: 0,
    close(): void {
      connection.isClosed = true;
    },
  };
  return connection as unknown as FakeConnection & HttpClientConnection;
}

function setUp(idleConnectionsMax = 10) {
  const clock = new FakeClock();
  return { clock, pool: new ConnectionPool({ clock, idleTimeoutMs: 3000, idleConnectionsMax }) };
}

test("pool hands out the connection that was used last, and none that is closed", () => {
  const { pool } = setUp();
  const [first, second, third] = [fake(), fake(), fake()];
  for (const each of [first, second, third]) pool.give(each);
  third.isUsable = false;
  assert.equal(pool.take(), second);
  assert.equal(third.isClosed, true);
  assert.equal(pool.take(), first);
  assert.equal(pool.take(), undefined);
});

test("pool closes a connection once it has been idle for its time, not before", () => {
  const { pool, clock } = setUp();
  const [first, second] = [fake(), fake()];
  pool.give(first);
  clock.advance(1000);
  pool.give(second);
  clock.advance(1998);
  assert.equal(first.isClosed, false);
  clock.advance(2);
  assert.deepEqual([first.isClosed, second.isClosed], [true, false]);
  clock.advance(1000);
  assert.equal(second.isClosed, true);
  assert.equal(clock.pending, 0);
});

test("pool keeps no more than its maximum, and nothing after it was closed", () => {
  const { pool, clock } = setUp(1);
  const [kept, over, late] = [fake(), fake(), fake()];
  pool.give(kept);
  pool.give(over);
  assert.deepEqual([kept.isClosed, over.isClosed], [false, true]);
  pool.close();
  assert.equal(kept.isClosed, true);
  pool.give(late);
  assert.equal(late.isClosed, true);
  assert.equal(clock.pending, 0);
});

test("pool forgets a connection that closed while idle", () => {
  const { pool } = setUp();
  const connection = fake();
  pool.give(connection);
  pool.forget(connection);
  assert.equal(pool.take(), undefined);
});
