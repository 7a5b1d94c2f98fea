import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { type Found, lookAtFirstBytes } from "../../../src/net/first-bytes.ts";
import { FakeClock, settle } from "../../support/clock.ts";

/** A connection whose peer does what the test says. */
function createSocket(): Duplex {
  const socket = new Duplex({
    allowHalfOpen: true,
    read() {},
    write(_chunk, _encoding, done) {
      done();
    },
  });
  return socket.pause();
}

/** A line: found when it has ended; the line itself is used up. */
function lookForLine(bytes: Buffer): Found<string> | undefined {
  const end = bytes.indexOf("\n");
  return end < 0 ? undefined : { value: bytes.toString("latin1", 0, end), usedBytes: end + 1 };
}

/** Leaves everything in the socket. */
function lookAtAll(bytes: Buffer): Found<string> {
  return { value: bytes.toString("latin1"), usedBytes: 0 };
}

async function readAll(socket: Duplex): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += (chunk as Buffer).toString("latin1");
  return text;
}

/** Nothing of the look may stay with the socket or the clock. */
function assertLeft(socket: Duplex, clock: FakeClock): void {
  assert.equal(clock.pending, 0, "timers");
  for (const event of ["data", "end", "close"]) assert.equal(socket.listenerCount(event), 0, event);
}

test("bytes are found, used bytes are gone and the others are read next", async () => {
  const [socket, clock] = [createSocket(), new FakeClock()];
  const first = lookAtFirstBytes(socket, { silenceMs: 100, clock, look: lookForLine });
  socket.push("hel");
  await settle();
  socket.push("lo\nworld");
  assert.deepEqual(await first, { kind: "found", value: "hello" });
  assertLeft(socket, clock);
  assert.equal(socket.isPaused(), true);
  socket.push("!");
  socket.push(null);
  assert.equal(await readAll(socket), "world!");
});

for (const moment of ["before", "while"] as const) {
  test(`bytes with the end right behind them are kept for the reader, said ${moment} somebody looks`, async () => {
    const [socket, clock] = [createSocket(), new FakeClock()];
    const say = () => {
      socket.push("all I say");
      socket.push(null);
    };
    if (moment === "before") say();
    const first = lookAtFirstBytes(socket, { silenceMs: 100, clock, look: lookAtAll });
    if (moment === "while") say();
    assert.deepEqual(await first, { kind: "found", value: "all I say" });
    // Long after everything that is under way has happened.
    await settle();
    assert.equal(socket.readableEnded, false);
    assert.equal(await readAll(socket), "all I say");
  });
}

test("an end before the first byte is an end, not a close: the other half still works", async () => {
  const [socket, clock] = [createSocket(), new FakeClock()];
  const first = lookAtFirstBytes(socket, { silenceMs: 100, clock, look: lookForLine });
  socket.push(null);
  assert.deepEqual(await first, { kind: "ended", rest: Buffer.alloc(0) });
  assertLeft(socket, clock);
  assert.equal(socket.destroyed, false);
  assert.equal(socket.writable, true);
  // And it is one to whoever looks again.
  const again = await lookAtFirstBytes(socket, { silenceMs: 100, clock, look: lookForLine });
  assert.equal(again.kind, "ended");
});

test("an end before it is clear what the bytes are hands them over", async () => {
  const [socket, clock] = [createSocket(), new FakeClock()];
  const first = lookAtFirstBytes(socket, { silenceMs: 100, clock, look: lookForLine });
  socket.push("no ");
  await settle();
  socket.push("line");
  socket.push(null);
  assert.deepEqual(await first, { kind: "ended", rest: Buffer.from("no line") });
  assertLeft(socket, clock);
  assert.equal(socket.destroyed, false);
});

test("a connection that breaks is closed, whether before or while somebody looks", async () => {
  const [socket, clock] = [createSocket(), new FakeClock()];
  const first = lookAtFirstBytes(socket, { silenceMs: 100, clock, look: lookForLine });
  socket.destroy();
  assert.deepEqual(await first, { kind: "closed" });
  assertLeft(socket, clock);
  assert.deepEqual(await lookAtFirstBytes(socket, { silenceMs: 100, clock, look: lookForLine }), {
    kind: "closed",
  });
});

test("silence ends with its time, and too few bytes go back", async () => {
  for (const said of ["", "no line"]) {
    const [socket, clock] = [createSocket(), new FakeClock()];
    const first = lookAtFirstBytes(socket, { silenceMs: 100, clock, look: lookForLine });
    await clock.advanceAsync(99);
    if (said !== "") socket.push(said);
    await settle();
    assert.equal(clock.pending, 1);
    clock.advance(1);
    assert.deepEqual(await first, { kind: "silent", some: said !== "" });
    assertLeft(socket, clock);
    socket.push(null);
    assert.equal(await readAll(socket), said);
  }
});

test("bytes that are not clear yet get a time of their own where one is given", async () => {
  const [socket, clock] = [createSocket(), new FakeClock()];
  const first = lookAtFirstBytes(socket, {
    silenceMs: 100,
    undecidedMs: 1000,
    clock,
    look: lookForLine,
  });
  await clock.advanceAsync(90);
  socket.push("be");
  await settle();
  assert.equal(clock.nextDelayMs, 1000);
  await clock.advanceAsync(900);
  socket.push("gun");
  await settle();
  // Not again with each piece: a client that drips would never be done.
  assert.equal(clock.nextDelayMs, 100);
  clock.advance(100);
  assert.deepEqual(await first, { kind: "silent", some: true });
});

test("a signal ends the look without time, and bytes that came before it count", async () => {
  const [socket, clock] = [createSocket(), new FakeClock()];
  const stop = new AbortController();
  const wait = { silenceMs: undefined, clock, signal: stop.signal, look: lookAtAll };
  const first = lookAtFirstBytes(socket, wait);
  assert.equal(clock.pending, 0);
  stop.abort();
  assert.deepEqual(await first, { kind: "silent", some: false });
  assert.deepEqual(await lookAtFirstBytes(socket, wait), { kind: "silent", some: false });
  assertLeft(socket, clock);
});

test("what the look throws is the caller's, and the socket is left alone", async () => {
  const [socket, clock] = [createSocket(), new FakeClock()];
  const first = lookAtFirstBytes(socket, {
    silenceMs: 100,
    clock,
    look: () => {
      throw new Error("not in my house");
    },
  });
  socket.push("bytes");
  await assert.rejects(first, /not in my house/);
  assertLeft(socket, clock);
  assert.equal(socket.destroyed, false);
});
