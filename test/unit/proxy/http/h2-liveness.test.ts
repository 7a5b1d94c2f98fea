import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { LiveTransport } from "../../../../src/observe/live-exchange.ts";
import type { ClientRequest, ResponseSink } from "../../../../src/proxy/http/client-channel.ts";
import { H2ClientConnection } from "../../../../src/proxy/http/h2-client-connection.ts";
import { RequestHead } from "../../../../src/wire/http1-head.ts";
import { FakeClock } from "../../../support/clock.ts";
import { describeFrames, frame } from "../../wire/h2-support.ts";

/** A connection to a server that only this test plays; resolves with what the client wrote, by frames. */
function connect() {
  const clock = new FakeClock();
  const [near, far] = duplexPair();
  const closed: string[] = [];
  const outcomes: string[] = [];
  const connection = new H2ClientConnection({
    socket: near,
    transport: new LiveTransport("outbound", "dst"),
    clock,
    onChange() {},
    onClosed: (_connection, errno) => void closed.push(errno),
  });
  const sink: ResponseSink = {
    responseInterim() {},
    responseHead() {},
    responseData: () => true,
    responseEnd: () => void outcomes.push("end"),
    responseUpgraded() {},
    responseFailed: (error) => void outcomes.push(error.code),
    responseReset() {},
    requestDrained() {},
  };
  const head = new RequestHead();
  head.method = "GET";
  const request: ClientRequest = { head, target: "/", isTunnelWanted: false, sink };
  return { clock, far, connection, closed, outcomes, request };
}

const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

test("a server that is silent is asked, and lives on when it answers", async () => {
  const { clock, far, connection, request, closed } = connect();
  connection.take()!.send(request);
  await turn();
  far.read();
  clock.advance(9_999);
  await turn();
  assert.equal(far.read(), null);
  clock.advance(1);
  await turn();
  const ping = far.read() as Buffer;
  assert.deepEqual(describeFrames(ping), ["PING 0"]);
  far.write(Buffer.concat([frame(4, 0, 0), frame(6, 1, 0, ping.subarray(9))]));
  await turn();
  clock.advance(9_000);
  await turn();
  assert.deepEqual(closed, []);
  connection.destroy();
});

test("a server that does not answer is given up, with all that waits for it", async () => {
  const { clock, connection, request, outcomes, closed } = connect();
  connection.take()!.send(request);
  await turn();
  clock.advance(10_000);
  clock.advance(3_000);
  await turn();
  assert.deepEqual([outcomes, closed], [["UPSTREAM_CLOSED"], ["ETIMEDOUT"]]);
  assert.equal(clock.pending, 0);
});

test("a connection without requests has no timer, and is asked at once after a long rest", async () => {
  const { clock, far, connection, request } = connect();
  await turn();
  assert.equal(clock.pending, 0);
  far.read();
  clock.advance(60_000);
  connection.take()!.send(request);
  await turn();
  assert.ok(describeFrames(far.read() as Buffer).includes("PING 0"));
  connection.destroy();
});
