import assert from "node:assert/strict";
import { once } from "node:events";
import http2, { type ClientHttp2Stream, type IncomingHttpHeaders } from "node:http2";
import { duplexPair } from "node:stream";
import { type TestContext, test } from "node:test";
import { GrpcConnection } from "../../../../src/control/serve/grpc-connection.ts";
import { GrpcCode, GrpcError } from "../../../../src/control/serve/grpc-error.ts";
import type { CallEnd, GrpcCall } from "../../../../src/control/serve/grpc-method.ts";
import { FakeClock } from "../../../support/clock.ts";
import { until } from "../../../support/until.ts";

/** The window of a stream is 65535 bytes: seven of these do not fit. */
const BIG_BYTES = 10_000;

/** Our server and Node's client, joined without a socket. `calls` are those that have reached the method `/s/m`. */
function connect(t: TestContext) {
  const [client, socket] = duplexPair();
  const calls: { readonly request: Buffer; readonly call: GrpcCall; over: CallEnd | undefined }[] = [];
  const handled: GrpcCode[] = [];
  const connection = new GrpcConnection({
    socket,
    identity: "web.demo",
    peer: "10.0.0.1:4321",
    methods: new Map([
      [
        "/s/m",
        {
          path: "/s/m",
          type: "server_stream" as const,
          open(request: Uint8Array, call: GrpcCall) {
            const entry = { request: Buffer.from(request), call, over: undefined as CallEnd | undefined };
            call.onOver = (how) => {
              entry.over = how;
            };
            calls.push(entry);
          },
        },
      ],
    ]),
    observer: { started() {}, sent() {}, handled: (_method, code) => handled.push(code) },
    clock: new FakeClock(),
    onClosed() {},
  });
  const session = http2.connect("http://mesh", { createConnection: () => client });
  session.on("error", () => {});
  t.after(() => session.destroy());
  const begin = (body: Buffer, path = "/s/m", headers: object = {}): ClientHttp2Stream => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      ...headers,
    });
    stream.on("error", () => {});
    stream.end(body);
    return stream;
  };
  return { begin, calls, handled, connection, session };
}

function frameOf(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Reads a call to its end: its messages and its status. */
async function readAll(
  stream: ClientHttp2Stream,
): Promise<{ readonly bytes: Buffer; readonly status: string; readonly message: string }> {
  let found: IncomingHttpHeaders = {};
  const take = (headers: IncomingHttpHeaders) => {
    if (headers["grpc-status"] !== undefined) found = headers;
  };
  stream.on("response", take);
  stream.on("trailers", take);
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(stream, "close");
  return {
    bytes: Buffer.concat(chunks),
    status: String(found["grpc-status"]),
    message: decodeURIComponent(String(found["grpc-message"] ?? "")),
  };
}

test("a call gets its messages in order and its status last", async (t) => {
  const { begin, calls } = connect(t);
  const reading = readAll(begin(frameOf(Buffer.from("hello"))));
  await until("the call", () => calls.length === 1);
  assert.equal(String(calls[0]!.request), "hello");
  calls[0]!.call.send(frameOf(Buffer.from("one")));
  calls[0]!.call.sendState(frameOf(Buffer.from("two")));
  calls[0]!.call.end(new GrpcError("päuse", GrpcCode.notFound));
  const { bytes, status, message } = await reading;
  assert.deepEqual(bytes, Buffer.concat([frameOf(Buffer.from("one")), frameOf(Buffer.from("two"))]));
  assert.deepEqual({ status, message }, { status: "5", message: "päuse" });
  assert.equal(calls[0]!.over, "ended");
});

test("a client that does not take its updates loses its stream after a hundred that wait, and is told so", async (t) => {
  const { begin, calls, handled } = connect(t);
  const stream = begin(frameOf(Buffer.alloc(0)));
  await until("the call", () => calls.length === 1);
  const { call } = calls[0]!;
  const frame = frameOf(Buffer.alloc(BIG_BYTES));
  let sent = 0;
  // Nobody reads: the window is the client's.
  while (!call.isOver && sent < 1000) {
    call.send(frame);
    sent++;
  }
  assert.equal(calls[0]!.over, "overflowed");
  assert.ok(sent > 100 && sent < 200, `${sent} were sent`);
  assert.deepEqual(handled, [GrpcCode.aborted]);
  call.send(frame);
  const { status, message } = await readAll(stream);
  assert.equal(status, "10");
  assert.match(message, /100 updates were not taken in time/);
});

test("of states only the newest waits for a slow client, which stays", async (t) => {
  const { begin, calls } = connect(t);
  const stream = begin(frameOf(Buffer.alloc(0)));
  await until("the call", () => calls.length === 1);
  const { call } = calls[0]!;
  for (let state = 0; state < 1000; state++) call.sendState(frameOf(Buffer.alloc(BIG_BYTES, state % 251)));
  assert.equal(call.isOver, false);
  const newest = 999 % 251;
  let last = -1;
  stream.on("data", (chunk: Buffer) => {
    last = chunk.at(-1)!;
  });
  await until("the newest state", () => last === newest);
  call.end();
  await once(stream, "close");
});

test("a connection tells who is there and how far each call is", async (t) => {
  const { begin, calls, connection } = connect(t);
  for (let call = 0; call < 3; call++) begin(frameOf(Buffer.alloc(0)));
  await until("the calls", () => calls.length === 3);
  const state = frameOf(Buffer.from("state"));
  for (const [index, { call }] of calls.entries()) call.subject = `web-${index}:80`;
  calls[0]!.call.sendState(state);
  calls[1]!.call.sendState(frameOf(Buffer.from("before")));
  calls[1]!.call.sendState(state);
  const { identity, peer, calls: states } = connection.describe();
  assert.deepEqual([identity, peer], ["web.demo", "10.0.0.1:4321"]);
  assert.deepEqual(
    states.map(({ method, subject, sent, waiting }) => ({ method, subject, sent, waiting })),
    [
      { method: "/s/m", subject: "web-0:80", sent: 1, waiting: 0 },
      { method: "/s/m", subject: "web-1:80", sent: 2, waiting: 0 },
      { method: "/s/m", subject: "web-2:80", sent: 0, waiting: 0 },
    ],
  );
  // Who was told the same last has the same version.
  assert.match(states[0]!.version, /^[0-9a-f]{12}$/);
  assert.equal(states[0]!.version, states[1]!.version);
  assert.equal(states[2]!.version, "");
});

test("a client that leaves ends its call", async (t) => {
  const { begin, calls, connection } = connect(t);
  const stream = begin(frameOf(Buffer.alloc(0)));
  await until("the call", () => calls.length === 1);
  assert.equal(connection.callCount, 1);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await until("the end", () => calls[0]!.over === "cancelled");
  assert.equal(connection.callCount, 0);
});

test("a connection that is lost ends all its calls", async (t) => {
  const { begin, calls, session } = connect(t);
  for (let call = 0; call < 3; call++) begin(frameOf(Buffer.alloc(0)));
  await until("the calls", () => calls.length === 3);
  session.destroy();
  await until("their ends", () => calls.every(({ over }) => over === "cancelled"));
});

test("a server that stops ends its calls with UNAVAILABLE and lets the client go", async (t) => {
  const { begin, calls, connection, session } = connect(t);
  const reading = readAll(begin(frameOf(Buffer.alloc(0))));
  await until("the call", () => calls.length === 1);
  const closed = once(session, "close");
  connection.drain(new GrpcError("destination is stopping", GrpcCode.unavailable));
  assert.equal((await reading).status, "14");
  await closed;
});

const BAD: readonly {
  readonly what: string;
  readonly body: Buffer;
  readonly path?: string;
  readonly headers?: object;
  readonly status: string;
}[] = [
  { what: "an unknown method", body: frameOf(Buffer.alloc(1)), path: "/s/other", status: "12" },
  {
    what: "another content type",
    body: frameOf(Buffer.alloc(1)),
    headers: { "content-type": "application/json" },
    status: "13",
  },
  { what: "no message", body: Buffer.alloc(0), status: "13" },
  { what: "half a message", body: frameOf(Buffer.alloc(10)).subarray(0, 9), status: "13" },
  {
    what: "two messages",
    body: Buffer.concat([frameOf(Buffer.alloc(1)), frameOf(Buffer.alloc(1))]),
    status: "13",
  },
  { what: "a compressed message", body: Buffer.from([1, 0, 0, 0, 1, 7]), status: "12" },
  { what: "a message that is too long", body: frameOf(Buffer.alloc(1024 * 1024)), status: "8" },
];

for (const { what, body, path, headers, status } of BAD) {
  test(`a call with ${what} is answered with status ${status}, and the connection goes on`, async (t) => {
    const { begin, calls } = connect(t);
    assert.equal((await readAll(begin(body, path, headers))).status, status);
    assert.equal(calls.length, 0);
    begin(frameOf(Buffer.alloc(0)));
    await until("the next call", () => calls.length === 1);
  });
}
