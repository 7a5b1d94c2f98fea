import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { LiveTransport, type Recorder } from "../../../../src/observe/live-exchange.ts";
import type { BodySink } from "../../../../src/proxy/http/body-sink.ts";
import { HttpServerConnection } from "../../../../src/proxy/http/server-connection.ts";
import type { ServerExchange } from "../../../../src/proxy/http/server-exchange.ts";
import { FakeClock, settle } from "../../../support/clock.ts";

const recorder = new Proxy(
  { wantsHeaders: false },
  { get: (_target, name) => (name === "wantsHeaders" ? false : () => {}) },
) as Recorder;

/** A client's socket that is told what arrives, and a handler whose sink takes or refuses. */
function connect(takes: () => boolean) {
  const socket = new Duplex({ allowHalfOpen: true, read() {}, write: (_chunk, _encoding, done) => done() });
  const told: string[] = [];
  let exchange: ServerExchange | undefined;
  const sink: BodySink = {
    data(view) {
      told.push(`data ${view.length}`);
      return takes();
    },
    end: () => void told.push("end"),
    abort: () => void told.push("abort"),
  };
  new HttpServerConnection({
    direction: "outbound",
    socket,
    transport: new LiveTransport("outbound", "src"),
    handler: {
      handle(opened) {
        exchange = opened;
        opened.attachBody(sink);
      },
    },
    rescue: (_exchange, cause) => void told.push(`failed ${cause instanceof Error ? cause.message : cause}`),
    recorder,
    clock: new FakeClock(),
    describe() {},
    onClosed() {},
  }).start();
  return { socket, told, exchange: () => exchange! };
}

test("a client that closes its half while its body's last bytes wait has sent a whole request", async () => {
  const { socket, told, exchange } = connect(() => false);
  socket.push("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  await settle();
  assert.deepEqual(told, ["data 5"]);
  // The stream's end is seen however it is paused, as soon as nothing is left to read before it.
  socket.push(null);
  socket.read(0);
  await settle();
  assert.deepEqual(told, ["data 5"]);
  exchange().resumeBody();
  assert.deepEqual(told, ["data 5", "end"]);
});

test("a client that closes its half within its body has sent no whole request, once the rest of it was taken", async () => {
  let isTaken = false;
  const { socket, told, exchange } = connect(() => isTaken);
  socket.push("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nhello");
  await settle();
  socket.push(null);
  socket.read(0);
  await settle();
  isTaken = true;
  exchange().resumeBody();
  assert.deepEqual(told.slice(0, 2), ["data 5", "abort"]);
  assert.match(told[2]!, /^failed .*connection closed in the middle of a message/);
});
