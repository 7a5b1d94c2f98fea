import assert from "node:assert/strict";
import { test } from "node:test";
import type { BodySink } from "../../../../src/proxy/http/body-sink.ts";
import { RequestBuffer } from "../../../../src/proxy/http/request-buffer.ts";
import { Fields } from "../../../../src/wire/http1-fields.ts";

/** A server's side that has room for so many parts. */
class Server implements BodySink {
  text = "";
  state: "open" | "ended" | "aborted" = "open";
  room: number;
  trailers: Fields | undefined;

  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room;
  }

  data(view: Buffer): boolean {
    this.text += view.toString();
    return --this.room > 0;
  }

  end(trailers: Fields | undefined): void {
    this.state = "ended";
    this.trailers = trailers;
  }

  abort(): void {
    this.state = "aborted";
  }
}

function setUp(bytesMax = 10) {
  let resumed = 0;
  const buffer = new RequestBuffer(bytesMax, () => resumed++);
  return { buffer, resumed: () => resumed };
}

test("a body passes as it comes, and once more, whole, to another attempt", () => {
  const { buffer } = setUp();
  const [first, second] = [new Server(), new Server()];
  buffer.attach(first);
  assert.equal(buffer.data(Buffer.from("one ")), true);
  assert.equal(first.text, "one ");
  assert.equal(buffer.isComplete, false);
  buffer.data(Buffer.from("two"));
  const trailers = new Fields();
  buffer.end(trailers);
  assert.equal(buffer.isComplete, true);
  buffer.detach();
  buffer.attach(second);
  for (const server of [first, second]) {
    assert.deepEqual([server.text, server.state, server.trailers], ["one two", "ended", trailers]);
  }
});

test("what is kept is a copy: the view that came is the reader's to use again", () => {
  const { buffer } = setUp();
  const chunk = Buffer.from("abc");
  buffer.attach(new Server());
  buffer.data(chunk);
  chunk.fill("x");
  buffer.detach();
  const server = new Server();
  buffer.attach(server);
  assert.equal(server.text, "abc");
});

test("an attempt may begin in the middle of a body: it gets what has come, then the rest", () => {
  const { buffer } = setUp();
  buffer.attach(new Server());
  buffer.data(Buffer.from("one "));
  buffer.detach();
  const server = new Server();
  buffer.attach(server);
  buffer.data(Buffer.from("two"));
  buffer.end(undefined);
  assert.deepEqual([server.text, server.state], ["one two", "ended"]);
});

test("a body that is larger than is kept passes whole, once", () => {
  const { buffer } = setUp(5);
  const server = new Server();
  buffer.attach(server);
  buffer.data(Buffer.from("12345"));
  assert.equal(buffer.isReplayable, true);
  for (const part of ["6", "789", "0"]) assert.equal(buffer.data(Buffer.from(part)), true);
  assert.equal(buffer.isReplayable, false);
  buffer.end(undefined);
  assert.deepEqual([server.text, server.state], ["1234567890", "ended"]);
});

test("a server without room stops the client, and what waited comes first when it has room again", () => {
  const { buffer, resumed } = setUp();
  const server = new Server(1);
  buffer.attach(server);
  assert.equal(buffer.data(Buffer.from("a")), false);
  // HTTP/2 clients may send what their window still holds.
  assert.equal(buffer.data(Buffer.from("b")), false);
  assert.equal(server.text, "a");
  server.room = 10;
  buffer.resume();
  assert.deepEqual([server.text, resumed()], ["ab", 1]);
  buffer.resume();
  assert.equal(resumed(), 1, "a client that was not stopped is not resumed");
});

test("a stopped server gets the end only after everything before it", () => {
  const { buffer } = setUp();
  const server = new Server(1);
  buffer.attach(server);
  buffer.data(Buffer.from("a"));
  buffer.data(Buffer.from("b"));
  buffer.end(undefined);
  assert.equal(server.state, "open");
  server.room = 10;
  buffer.resume();
  assert.deepEqual([server.text, server.state], ["ab", "ended"]);
});

test("the client is not read between two attempts, and is read on when the next one begins", () => {
  const { buffer, resumed } = setUp();
  buffer.attach(new Server());
  buffer.data(Buffer.from("a"));
  buffer.detach();
  assert.equal(buffer.data(Buffer.from("b")), false);
  const server = new Server();
  buffer.attach(server);
  assert.deepEqual([server.text, resumed()], ["ab", 1]);
});

test("a body that outgrows the limit while a slow server lags behind arrives whole and in order", () => {
  const { buffer } = setUp(3);
  const server = new Server(1);
  buffer.attach(server);
  for (const part of ["ab", "cd", "ef"]) buffer.data(Buffer.from(part));
  assert.equal(server.text, "ab");
  server.room = 2;
  buffer.resume();
  assert.equal(server.text, "abcdef");
  server.room = 10;
  buffer.resume();
  buffer.data(Buffer.from("gh"));
  buffer.end(undefined);
  assert.deepEqual([server.text, server.state], ["abcdefgh", "ended"]);
});

test("a body that breaks off cannot be sent again, and the attempt hears of it", () => {
  const { buffer } = setUp();
  const server = new Server();
  buffer.attach(server);
  buffer.data(Buffer.from("a"));
  buffer.abort();
  assert.deepEqual([buffer.isReplayable, server.state], [false, "aborted"]);
});
