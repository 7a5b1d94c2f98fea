import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { H2_PREFACE, h2CodeName } from "../../../src/wire/h2-protocol.ts";
import { Fields } from "../../../src/wire/http1-fields.ts";
import { splits } from "../../support/hex.ts";
import {
  block,
  describeFrames,
  End,
  exchange,
  frame,
  GET,
  request,
  response,
  StreamLog,
} from "./h2-support.ts";

const SETTINGS = frame(4, 0, 0);

/** A server that has read the preface, SETTINGS and these frames. */
function serve(...frames: readonly Buffer[]): End {
  const server = new End("server");
  server.take();
  server.connection.receive(Buffer.concat([H2_PREFACE, SETTINGS, ...frames]));
  return server;
}

function answers(server: End): string[] {
  return describeFrames(server.take()).filter((line) => line !== "SETTINGS 0 ack");
}

function trailers(): Fields {
  const fields = new Fields();
  fields.append("grpc-status", "0");
  return fields;
}

/** A whole conversation: bodies both ways, interim response, trailers. @returns what both sides saw */
function converse(cut: (bytes: Buffer) => Iterable<Buffer>): unknown {
  const [client, server] = [new End("client"), new End("server")];
  server.onRequest = ({ stream, head, log }) => {
    log.events.push(
      `request ${head.method} ${head.target} ${head.body} ${JSON.stringify(head.fields.entries())}`,
    );
    stream.sendResponse(response(103, [["link", "</a>"]]), false);
    stream.sendResponse(response(200, [["content-type", "application/grpc"]]), false);
    stream.sendData(Buffer.from("answer"));
    stream.sendEnd(trailers());
  };
  const logs = [1, 2, 3].map((number) => {
    const log = new StreamLog();
    const stream = client.connection.open(log);
    const body = "b".repeat(number * 3);
    stream.sendRequest(
      request("POST", `/${number}`, [["content-length", String(body.length)]]),
      `/${number}`,
      false,
    );
    stream.sendData(Buffer.from(body));
    stream.sendEnd(undefined);
    return log;
  });
  exchange(client, server, cut);
  assert.equal(client.connection.streamCount + server.connection.streamCount, 0);
  const seen = (log: StreamLog) => [log.events, log.body];
  return [logs.map(seen), server.requests.map(({ log }) => seen(log)), client.events, server.events];
}

test("HTTP/2 carries requests, interim responses, bodies and trailers", () => {
  const [logs, requests] = converse((bytes) => [bytes]) as [unknown[], unknown[]];
  assert.deepEqual(logs[0], [["head 103 none", "head 200 chunked", 'end [["grpc-status","0"]]'], "answer"]);
  assert.deepEqual(requests[1], [
    ['request POST /2 length [["host","web"],["content-length","6"]]', "end []"],
    "bbbbbb",
  ]);
});

test("HTTP/2 means the same however the bytes are cut", () => {
  const whole = converse((bytes) => [bytes]);
  const bytewise = converse(function* (bytes) {
    for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1);
  });
  assert.deepEqual(bytewise, whole);
  for (let cutAt = 0; cutAt < 200; cutAt++) {
    const cut = (bytes: Buffer) => [bytes.subarray(0, cutAt), bytes.subarray(cutAt)];
    assert.deepEqual(converse(cut), whole, `cut at ${cutAt}`);
  }
});

test("HTTP/2 ends a body with its last DATA frame, and an empty one with the head", () => {
  const client = new End("client");
  client.take();
  const one = client.connection.open(new StreamLog());
  one.sendRequest(request("PUT", "/"), "/", false);
  one.sendData(Buffer.from("abc"));
  one.sendEnd(undefined);
  client.connection.open(new StreamLog()).sendRequest(request("GET", "/"), "/", true);
  assert.deepEqual(describeFrames(client.take()), ["HEADERS 1", "DATA 1 +end 3", "HEADERS 3"]);
});

const HEADERS_END = 0x5;
const HEADERS_OPEN = 0x4;
const CLOSED = [frame(1, HEADERS_END, 1, GET), frame(3, 0, 1, Buffer.from([0, 0, 0, 8]))];

/** What a server answers to frames that it must not accept. RFC 9113 sections 4 to 8. */
const REFUSED: readonly (readonly [what: string, frames: readonly Buffer[], answer: readonly string[]])[] = [
  ["DATA on an idle stream", [frame(0, 0, 1, "x")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["RST_STREAM on an idle stream", [frame(3, 0, 1, "\0\0\0\0")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["WINDOW_UPDATE on an idle stream", [frame(8, 0, 1, "\0\0\0\x01")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["DATA on stream 0", [frame(0, 0, 0, "x")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["HEADERS on stream 0", [frame(1, 5, 0, GET)], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["HEADERS on an even stream", [frame(1, 5, 2, GET)], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["SETTINGS on a stream", [frame(4, 0, 1)], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["SETTINGS of a wrong size", [frame(4, 0, 0, "abc")], ["GOAWAY 0 FRAME_SIZE_ERROR"]],
  ["SETTINGS that acknowledge and set", [frame(4, 1, 0, "abcdef")], ["GOAWAY 0 FRAME_SIZE_ERROR"]],
  ["a window of 2^31", [frame(4, 0, 0, "\0\x04\x80\0\0\0")], ["GOAWAY 0 FLOW_CONTROL_ERROR"]],
  ["a frame size below the least", [frame(4, 0, 0, "\0\x05\0\0\x20\0")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["ENABLE_PUSH of 2", [frame(4, 0, 0, "\0\x02\0\0\0\x02")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["PING of seven bytes", [frame(6, 0, 0, "1234567")], ["GOAWAY 0 FRAME_SIZE_ERROR"]],
  ["PING on a stream", [frame(6, 0, 1, "12345678")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["GOAWAY on a stream", [frame(7, 0, 1, "12345678")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["PUSH_PROMISE", [frame(5, 4, 1, "\0\0\0\x02")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["CONTINUATION by itself", [frame(9, 4, 1, GET)], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["PRIORITY on stream 0", [frame(2, 0, 0, "12345")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  [
    "a frame in a header block",
    [frame(1, 1, 1, GET), frame(6, 0, 0, "12345678")],
    ["GOAWAY 0 PROTOCOL_ERROR"],
  ],
  ["DATA in a header block", [frame(1, 1, 1, GET), frame(0, 0, 1, "x")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  [
    "another stream in a header block",
    [frame(1, 1, 1, GET), frame(9, 4, 3, GET)],
    ["GOAWAY 0 PROTOCOL_ERROR"],
  ],
  ["a frame above 16384 bytes", [frame(6, 0, 0, Buffer.alloc(16_385))], ["GOAWAY 0 FRAME_SIZE_ERROR"]],
  ["a broken header block", [frame(1, 5, 1, "\xff\xff\xff\xff\xff\xff\xff")], ["GOAWAY 0 COMPRESSION_ERROR"]],
  ["padding as long as DATA", [frame(1, 4, 1, GET), frame(0, 8, 1, "\x03ab")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["padding longer than HEADERS", [frame(1, 0xd, 1, "\x20abc")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["WINDOW_UPDATE by 0", [frame(8, 0, 0, "\0\0\0\0")], ["GOAWAY 0 PROTOCOL_ERROR"]],
  ["a connection window above 2^31-1", [frame(8, 0, 0, "\x7f\xff\xff\xff")], ["GOAWAY 0 FLOW_CONTROL_ERROR"]],
  [
    "WINDOW_UPDATE by 0 on a stream",
    [frame(1, HEADERS_OPEN, 1, GET), frame(8, 0, 1, "\0\0\0\0")],
    ["RST_STREAM 1 PROTOCOL_ERROR"],
  ],
  [
    "a stream window above 2^31-1",
    [frame(1, HEADERS_OPEN, 1, GET), frame(8, 0, 1, "\x7f\xff\xff\xff")],
    ["RST_STREAM 1 FLOW_CONTROL_ERROR"],
  ],
  [
    "DATA on a half-closed stream",
    [frame(1, 5, 1, GET), frame(0, 0, 1, "x")],
    ["RST_STREAM 1 STREAM_CLOSED"],
  ],
  [
    "HEADERS on a half-closed stream",
    [frame(1, 5, 1, GET), frame(1, 5, 1, GET)],
    ["RST_STREAM 1 STREAM_CLOSED"],
  ],
  ["DATA on a closed stream", [...CLOSED, frame(0, 0, 1, "x")], ["RST_STREAM 1 STREAM_CLOSED"]],
  ["HEADERS on a closed stream", [...CLOSED, frame(1, 5, 1, GET)], ["GOAWAY 0 STREAM_CLOSED"]],
  [
    "trailers that do not end",
    [frame(1, 4, 1, GET), frame(1, 4, 1, block([["a", "b"]]))],
    ["RST_STREAM 1 PROTOCOL_ERROR"],
  ],
  [
    "a pseudo-header in trailers",
    [frame(1, 4, 1, GET), frame(1, 5, 1, GET)],
    ["RST_STREAM 1 PROTOCOL_ERROR"],
  ],
  [
    "a stream that depends on itself",
    [frame(1, 0x25, 1, Buffer.concat([Buffer.from([0, 0, 0, 1, 9]), GET]))],
    ["RST_STREAM 1 PROTOCOL_ERROR"],
  ],
];

for (const [what, frames, answer] of REFUSED) {
  test(`HTTP/2 server refuses ${what}`, () => {
    const server = serve(...frames);
    assert.deepEqual(answers(server), answer);
    assert.equal(server.connection.isGone, answer[0]!.startsWith("GOAWAY"));
  });
}

const OK_FIELDS: readonly (readonly [string, string])[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "web"],
];

const MALFORMED: readonly (readonly [what: string, fields: readonly (readonly [string, string])[]])[] = [
  ["an upper-case name", [...OK_FIELDS, ["X-Name", "a"]]],
  ["a name with a blank", [...OK_FIELDS, ["x name", "a"]]],
  ["an empty name", [...OK_FIELDS, ["", "a"]]],
  ["a line feed in a value", [...OK_FIELDS, ["x", "a\nb: c"]]],
  ["a carriage return in a value", [...OK_FIELDS, ["x", "a\rb"]]],
  ["a NUL in a value", [...OK_FIELDS, ["x", "a\0"]]],
  ["a value that ends with a blank", [...OK_FIELDS, ["x", "a "]]],
  ["Connection", [...OK_FIELDS, ["connection", "close"]]],
  ["Transfer-Encoding", [...OK_FIELDS, ["transfer-encoding", "chunked"]]],
  ["Upgrade", [...OK_FIELDS, ["upgrade", "websocket"]]],
  ["TE other than trailers", [...OK_FIELDS, ["te", "gzip"]]],
  ["an unknown pseudo-header", [...OK_FIELDS, [":protocol", "websocket"]]],
  ["a response's pseudo-header", [...OK_FIELDS, [":status", "200"]]],
  ["a repeated pseudo-header", [...OK_FIELDS, [":path", "/b"]]],
  ["a pseudo-header after a field", [OK_FIELDS[0]!, OK_FIELDS[1]!, ["x", "y"], OK_FIELDS[2]!]],
  ["no method", OK_FIELDS.slice(1)],
  ["no scheme", [OK_FIELDS[0]!, OK_FIELDS[2]!]],
  ["no path", [OK_FIELDS[0]!, OK_FIELDS[1]!]],
  ["an empty path", [OK_FIELDS[0]!, OK_FIELDS[1]!, [":path", ""]]],
  ["a path without slash", [OK_FIELDS[0]!, OK_FIELDS[1]!, [":path", "a"]]],
  ["a path with a blank", [OK_FIELDS[0]!, OK_FIELDS[1]!, [":path", "/a HTTP/1.1"]]],
  ["an absolute path", [OK_FIELDS[0]!, OK_FIELDS[1]!, [":path", "http://a/"]]],
  ["a method with a blank", [[":method", "GET /x"], ...OK_FIELDS.slice(1)]],
  ["an authority with user", [...OK_FIELDS.slice(0, 3), [":authority", "user@web"]]],
  ["a Host that differs", [...OK_FIELDS, ["host", "other"]]],
  ["two Hosts", [...OK_FIELDS.slice(0, 3), ["host", "a"], ["host", "b"]]],
  ["lengths that differ", [...OK_FIELDS, ["content-length", "0"], ["content-length", "1"]]],
  ["a length that is none", [...OK_FIELDS, ["content-length", "+1"]]],
  ["a length without body", [...OK_FIELDS, ["content-length", "1"]]],
  ["CONNECT with a path", [[":method", "CONNECT"], ...OK_FIELDS.slice(1)]],
  ["CONNECT without authority", [[":method", "CONNECT"]]],
];

for (const [what, fields] of MALFORMED) {
  test(`HTTP/2 server resets a request with ${what}`, () => {
    const server = serve(frame(1, 5, 1, block(fields)), frame(1, 5, 3, GET));
    assert.deepEqual(answers(server), ["RST_STREAM 1 PROTOCOL_ERROR"]);
    assert.equal(server.requests.length, 1, "the connection goes on");
  });
}

test("HTTP/2 server takes a request in pieces, padded and with a priority, and joins cookies", () => {
  const fields = block([...OK_FIELDS, ["cookie", "a=1"], ["cookie", "b=2"], ["te", "trailers"]]);
  const padded = Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 9]), fields.subarray(0, 5), Buffer.alloc(3)]);
  const server = serve(
    frame(1, 0x28, 1, padded),
    frame(9, 0, 1, fields.subarray(5, 9)),
    frame(9, 4, 1, fields.subarray(9)),
  );
  server.connection.receive(frame(0, 9, 1, "\x03body\0\0\0"));
  const [{ head, log }] = server.requests as [(typeof server.requests)[0]];
  assert.deepEqual(head.fields.entries(), [
    ["host", "web"],
    ["cookie", "a=1; b=2"],
    ["te", "trailers"],
  ]);
  assert.deepEqual([log.body, log.events], ["body", ["end []"]]);
});

test("HTTP/2 server says that a head is too large instead of keeping it", () => {
  const fields = [
    ...OK_FIELDS,
    ...Array.from({ length: 20 }, (_, index) => [`x-${index}`, "v".repeat(4000)] as const),
  ];
  const whole = block(fields);
  const frames: Buffer[] = [];
  for (let at = 0; at < 60_000; at += 15_000) {
    frames.push(
      frame(at === 0 ? 1 : 9, at === 0 ? 1 : 0, 1, whole.subarray(at, Math.min(60_000, at + 15_000))),
    );
  }
  const within = serve(frame(1, 5, 1, block([...OK_FIELDS, ["x", "v".repeat(16_000)]])));
  assert.equal(within.requests[0]!.isTooLarge, false);
  const flood = serve(...frames, frame(9, 0, 1, whole.subarray(60_000, 75_000)));
  assert.deepEqual(answers(flood), ["GOAWAY 0 ENHANCE_YOUR_CALM"]);
  const [client, server] = [new End("client"), new End("server", { headerListBytesMax: 1000 })];
  client.connection
    .open(new StreamLog())
    .sendRequest(request("GET", "/", [["x", "v".repeat(999)]]), "/", true);
  exchange(client, server);
  assert.equal(server.requests[0]!.isTooLarge, true);
});

test("HTTP/2 server resets bodies that do not fit their length", () => {
  const post = block([[":method", "POST"], ...OK_FIELDS.slice(1), ["content-length", "3"]]);
  const server = serve(
    frame(1, 4, 1, post),
    frame(0, 1, 1, "ab"),
    frame(1, 4, 3, post),
    frame(0, 0, 3, "abcd"),
    frame(1, 4, 5, post),
    frame(0, 1, 5, "abc"),
  );
  assert.deepEqual(answers(server), ["RST_STREAM 1 PROTOCOL_ERROR", "RST_STREAM 3 PROTOCOL_ERROR"]);
  assert.deepEqual(
    server.requests.map(({ log }) => log.events),
    [["reset PROTOCOL_ERROR"], ["reset PROTOCOL_ERROR"], ["end []"]],
  );
});

test("HTTP/2 server refuses streams beyond its limit, which the client may repeat", () => {
  const [client, server] = [new End("client"), new End("server", { concurrentStreamsMax: 1 })];
  const logs = [1, 2].map(() => {
    const log = new StreamLog();
    client.connection.open(log).sendRequest(request("GET", "/"), "/", true);
    return log;
  });
  exchange(client, server);
  assert.deepEqual(
    logs.map(({ events }) => events),
    [[], ["reset REFUSED_STREAM refused"]],
  );
  assert.equal(client.connection.canOpen, false);
  server.requests[0]!.stream.sendResponse(response(204), true);
  exchange(client, server);
  assert.equal(client.connection.canOpen, true);
});

test("HTTP/2 drain serves what was under way and refuses what comes after", () => {
  const [client, server] = [new End("client"), new End("server")];
  const logs = [new StreamLog(), new StreamLog(), new StreamLog()];
  client.connection.open(logs[0]!).sendRequest(request("GET", "/1"), "/1", true);
  exchange(client, server);
  server.connection.startGoaway();
  // Crosses the first GOAWAY.
  client.connection.open(logs[1]!).sendRequest(request("GET", "/2"), "/2", true);
  assert.equal(server.connection.isGone, false);
  exchange(client, server);
  assert.equal(server.connection.isGone, true);
  assert.equal(client.connection.canOpen, false);
  assert.deepEqual(
    server.requests.map(({ head }) => head.target),
    ["/1", "/2"],
  );
  for (const { stream } of server.requests) stream.sendResponse(response(204), true);
  client.connection.open(logs[2]!).sendRequest(request("GET", "/3"), "/3", true);
  exchange(client, server);
  assert.equal(server.requests.length, 2);
  assert.deepEqual(logs[0]!.events, ["head 204 none end", "end []"]);
  assert.deepEqual(logs[1]!.events, ["head 204 none end", "end []"]);
});

test("HTTP/2 client knows which streams a GOAWAY leaves undone", () => {
  const client = new End("client");
  const logs = [new StreamLog(), new StreamLog()];
  for (const log of logs) client.connection.open(log).sendRequest(request("GET", "/"), "/", true);
  client.connection.receive(Buffer.concat([SETTINGS, frame(7, 0, 0, "\0\0\0\x01\0\0\0\0")]));
  assert.deepEqual(
    logs.map(({ events }) => events),
    [[], ["reset REFUSED_STREAM refused"]],
  );
});

test("HTTP/2 client knows which streams a lost connection has never heard of, and writes nothing of them afterwards", () => {
  const [client, server] = [new End("client"), new End("server")];
  exchange(client, server);
  const logs = [new StreamLog(), new StreamLog()];
  client.connection.open(logs[0]!).sendRequest(request("GET", "/written"), "/written", true);
  client.take();
  client.connection.open(logs[1]!).sendRequest(request("POST", "/waiting"), "/waiting", true);
  client.connection.closed("gone");
  assert.deepEqual(logs[0]!.events, ["reset CONNECT_ERROR lost"]);
  assert.deepEqual(logs[1]!.events, ["reset REFUSED_STREAM refused"]);
  assert.equal(client.take().length, 0);
});

test("HTTP/2 answer that overtakes its request stops it without an error", () => {
  const [client, server] = [new End("client"), new End("server")];
  const log = new StreamLog();
  const stream = client.connection.open(log);
  stream.sendRequest(request("POST", "/"), "/", false);
  exchange(client, server);
  server.requests[0]!.stream.sendResponse(response(413), false);
  server.requests[0]!.stream.sendEnd(undefined, true);
  exchange(client, server);
  assert.deepEqual(log.events, ["head 413 chunked", "end []", "reset NO_ERROR"]);
  // What was on its way then is no offence.
  server.connection.receive(frame(0, 0, 1, "late"));
  assert.deepEqual(describeFrames(server.take()), []);
});

test("HTTP/2 ends connections that reset streams in a flood, that send empty frames, or that ask and do not listen", () => {
  const rapid: Buffer[] = [];
  for (let id = 1; id < 2500; id += 2) {
    rapid.push(frame(1, 5, id, GET), frame(3, 0, id, Buffer.from([0, 0, 0, 8])));
  }
  const pings = Array.from({ length: 10_001 }, () => frame(6, 0, 0, "12345678"));
  const empties = Array.from({ length: 1001 }, () => frame(0, 0, 1));
  const continuations = Array.from({ length: 1001 }, () => frame(9, 0, 1));
  for (const frames of [
    rapid,
    pings,
    [frame(1, 4, 1, GET), ...empties],
    [frame(1, 1, 1, GET), ...continuations],
  ]) {
    const server = serve(...frames);
    assert.equal(answers(server).at(-1), "GOAWAY 0 ENHANCE_YOUR_CALM");
  }
});

test("HTTP/2 forgives a peer that resets streams among many that it lets end", () => {
  const server = serve();
  server.onRequest = ({ stream, head }) => {
    if (head.method === "GET") stream.sendResponse(response(204), true);
  };
  const put = block([[":method", "PUT"], ...OK_FIELDS.slice(1)]);
  for (let id = 1; id < 20_000; id += 4) {
    server.connection.receive(frame(1, 5, id, GET));
    server.connection.receive(Buffer.concat([frame(1, 5, id + 2, put), frame(3, 0, id + 2, "\0\0\0\x08")]));
    server.take();
  }
  assert.equal(server.error, undefined);
});

test("HTTP/2 stream that is not read gives its peer no more than its window, and the others theirs", () => {
  const [client, server] = [new End("client"), new End("server")];
  server.onRequest = ({ log }) => {
    log.takes = server.requests.length > 1;
  };
  const streams = [1, 2].map(() => {
    const stream = client.connection.open(new StreamLog());
    stream.sendRequest(request("POST", "/"), "/", false);
    return stream;
  });
  for (let count = 0; count < 30; count++)
    for (const stream of streams) stream.sendData(Buffer.alloc(10_000, "d"));
  exchange(client, server);
  const [slow, quick] = server.requests.map(({ log }) => log.body.length);
  assert.deepEqual([slow, quick], [65_535, 300_000]);
  server.requests[0]!.log.takes = true;
  server.requests[0]!.stream.resume();
  exchange(client, server);
  assert.equal(server.requests[0]!.log.body.length, 300_000);
});

test("HTTP/2 sender stops for a socket that is full, and says when it may go on", () => {
  const [client, server] = [new End("client"), new End("server")];
  const log = new StreamLog();
  const stream = client.connection.open(log);
  stream.sendRequest(request("POST", "/"), "/", false);
  exchange(client, server);
  assert.equal(stream.sendData(Buffer.alloc(1000)), true);
  client.connection.flush(() => false);
  assert.equal(stream.sendData(Buffer.alloc(1000)), false);
  assert.equal(log.drains, 0);
  client.connection.socketDrained();
  assert.equal(log.drains, 1);
});

test("HTTP/2 never sends beyond a window, whatever the settings, and in the end sends everything", () => {
  const step = fc.record({
    stream: fc.nat({ max: 2 }),
    bytes: fc.integer({ min: 0, max: 40_000 }),
    window: fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: undefined }),
    connection: fc.integer({ min: 1, max: 60_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const client = new End("client");
      client.connection.receive(SETTINGS);
      client.take();
      const streams = [0, 1, 2].map(() => client.connection.open(new StreamLog()));
      for (const stream of streams) stream.sendRequest(request("POST", "/"), "/", false);
      let [initial, connection] = [65_535, 65_535];
      const windows = [65_535, 65_535, 65_535];
      const [queued, sent] = [
        [0, 0, 0],
        [0, 0, 0],
      ];
      const account = () => {
        for (const line of describeFrames(client.take())) {
          const match = /^DATA (\d+)(?: \+end)? (\d+)$/.exec(line);
          if (!match) continue;
          const at = (Number(match[1]) - 1) / 2;
          const bytes = Number(match[2]);
          connection -= bytes;
          windows[at]! -= bytes;
          sent[at]! += bytes;
          assert.ok(bytes === 0 || (connection >= 0 && windows[at]! >= 0), `${line} beyond its window`);
        }
      };
      const number = (value: number) => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32BE(value);
        return bytes;
      };
      for (const { stream, bytes, window, connection: more } of steps) {
        streams[stream]!.sendData(Buffer.alloc(bytes));
        queued[stream]! += bytes;
        account();
        if (window !== undefined) {
          for (const at of [0, 1, 2]) windows[at]! += window - initial;
          initial = window;
          client.connection.receive(frame(4, 0, 0, Buffer.concat([Buffer.from([0, 4]), number(window)])));
          account();
        }
        connection += more;
        client.connection.receive(frame(8, 0, 0, number(more)));
        account();
      }
      for (const stream of streams) stream.sendEnd(undefined);
      connection += 2_000_000;
      client.connection.receive(frame(8, 0, 0, number(2_000_000)));
      for (const [at, stream] of streams.entries()) {
        windows[at]! += 2_000_000;
        client.connection.receive(frame(8, 0, stream.id, number(2_000_000)));
      }
      for (let turn = 0; turn < 60; turn++) account();
      assert.deepEqual(sent, queued);
    }),
    { numRuns: 300 },
  );
});

test("HTTP/2 never throws, and ends with GOAWAY or goes on, whatever the bytes", () => {
  const piece = fc.oneof(
    fc
      .tuple(fc.nat({ max: 11 }), fc.nat({ max: 255 }), fc.nat({ max: 6 }), fc.uint8Array({ maxLength: 40 }))
      .map(([type, flags, id, payload]) => frame(type, flags, id, Buffer.from(payload))),
    fc.constantFrom(1, 3, 5).map((id) => frame(1, HEADERS_OPEN, id, GET)),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.boolean(), fc.boolean(), (pieces, isServer, isCut) => {
      const end = new End(isServer ? "server" : "client");
      const log = new StreamLog();
      if (!isServer) end.connection.open(log).sendRequest(request("GET", "/"), "/", true);
      end.onRequest = ({ stream }) => stream.sendResponse(response(200), false);
      const bytes = Buffer.concat([isServer ? H2_PREFACE : Buffer.alloc(0), SETTINGS, ...pieces]);
      const cut = isCut ? Math.floor(bytes.length / 2) : 0;
      end.connection.receive(bytes.subarray(0, cut));
      end.connection.receive(bytes.subarray(cut));
      const ends = log.events.filter((line) => line.startsWith("end") || line.startsWith("reset"));
      assert.ok(ends.filter((line) => line !== "reset NO_ERROR").length <= 2, ends.join());
      if (end.error) assert.match(h2CodeName(end.error.h2Code), /_/);
    }),
    { numRuns: 20_000 },
  );
});

test("HTTP/2 server reads the preface at every split and refuses anything else", () => {
  for (const [head, tail] of splits(Buffer.concat([H2_PREFACE, SETTINGS, frame(1, 5, 1, GET)]))) {
    const server = new End("server");
    server.connection.receive(head);
    server.connection.receive(tail);
    assert.equal(server.requests.length, 1);
  }
  const server = new End("server");
  server.connection.receive(Buffer.from("GET / HTTP/1.1\r\n"));
  assert.deepEqual(server.events, ["failed PROTOCOL_ERROR"]);
});
