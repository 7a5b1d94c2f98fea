import assert from "node:assert/strict";
import { test } from "node:test";
import { H2_PREFACE } from "../../../src/wire/h2-protocol.ts";
import { block, End, frame, GET } from "./h2-support.ts";

const POST = block([
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "web"],
]);
const HEADERS = 1;
const DATA = 0;
const RST_STREAM = 3;
const SETTINGS = 4;
const END_STREAM = 1;
const END_HEADERS = 4;
const CANCEL = Buffer.from([0, 0, 0, 8]);

function server(settings: ConstructorParameters<typeof End>[1]): End {
  const end = new End("server", settings);
  end.connection.receive(Buffer.concat([H2_PREFACE, frame(SETTINGS, 0, 0)]));
  return end;
}

test("a server takes frames as long as it announced, and none longer", () => {
  const end = server({ frameBytesMax: 20_000 });
  // Id 5 (MAX_FRAME_SIZE), 20000.
  assert.ok(end.take().includes(Buffer.from([0, 5, 0, 0, 0x4e, 0x20])));
  end.connection.receive(frame(HEADERS, END_HEADERS, 1, POST));
  end.connection.receive(frame(DATA, END_STREAM, 1, "x".repeat(20_000)));
  assert.equal(end.requests[0]!.log.body.length, 20_000);
  end.connection.receive(frame(HEADERS, END_HEADERS, 3, POST));
  end.connection.receive(frame(DATA, END_STREAM, 3, "x".repeat(20_001)));
  assert.deepEqual(end.events, ["failed FRAME_SIZE_ERROR"]);
});

test("streams that a client resets end the connection once there were as many as it may have", () => {
  const resets = (count: number): End => {
    const end = server({ offencesMax: 3 });
    for (let id = 1; id < 2 * count; id += 2) {
      end.connection.receive(frame(HEADERS, END_HEADERS | END_STREAM, id, GET));
      end.connection.receive(frame(RST_STREAM, 0, id, CANCEL));
    }
    return end;
  };
  assert.deepEqual(resets(3).events, []);
  assert.deepEqual(resets(4).events, ["failed ENHANCE_YOUR_CALM"]);
});

test("a stream is told to wait once the connection's output is as long as it may be", () => {
  const end = server({ sendBufferBytesMax: 10_000 });
  end.connection.receive(frame(HEADERS, END_HEADERS | END_STREAM, 1, GET));
  const { stream } = end.requests[0]!;
  end.take();
  assert.equal(stream.sendData(Buffer.alloc(9000)), true);
  assert.equal(stream.sendData(Buffer.alloc(9000)), false);
});

test("a client may open as many streams as it was told, the next is refused", () => {
  const end = server({ concurrentStreamsMax: 1 });
  end.take();
  end.connection.receive(frame(HEADERS, END_HEADERS, 1, POST));
  end.connection.receive(frame(HEADERS, END_HEADERS, 3, POST));
  assert.equal(end.requests.length, 1);
  // RST_STREAM on 3 with REFUSED_STREAM.
  assert.ok(end.take().includes(frame(RST_STREAM, 0, 3, Buffer.from([0, 0, 0, 7]))));
});
