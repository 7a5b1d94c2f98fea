import type { Clock } from "../../../src/base/clock.ts";
import { H2Connection, type H2ConnectionListener } from "../../../src/wire/h2-connection.ts";
import type { H2Error } from "../../../src/wire/h2-error.ts";
import { H2FrameReader, type H2FrameSink } from "../../../src/wire/h2-frame-reader.ts";
import { h2CodeName } from "../../../src/wire/h2-protocol.ts";
import { DEFAULT_H2_SETTINGS, type H2Settings } from "../../../src/wire/h2-settings.ts";
import type { H2Reset, H2Stream, H2StreamListener } from "../../../src/wire/h2-stream.ts";
import { HpackEncoder } from "../../../src/wire/hpack-encoder.ts";
import type { Fields } from "../../../src/wire/http1-fields.ts";
import { RequestHead, ResponseHead } from "../../../src/wire/http1-head.ts";

const stoppedClock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  schedule: () => ({ cancel() {} }),
};

/** Writes down what a stream is told; decides about reading on. */
export class StreamLog implements H2StreamListener {
  readonly events: string[] = [];
  body = "";
  /** What `data` answers. */
  takes = true;
  drains = 0;
  onDrained: () => void = () => {};

  responseHead(head: ResponseHead, endStream: boolean): void {
    this.events.push(`head ${head.status} ${head.body}${endStream ? " end" : ""}`);
  }
  bodyData(view: Buffer): boolean {
    this.body += view.toString("latin1");
    return this.takes;
  }
  bodyEnd(trailers: Fields | undefined): void {
    this.events.push(`end ${JSON.stringify(trailers?.entries() ?? [])}`);
  }
  wasReset(code: number, _message: string, how: H2Reset): void {
    this.events.push(`reset ${h2CodeName(code)}${how === "reset" ? "" : ` ${how}`}`);
  }
  drained(): void {
    this.drains++;
    this.onDrained();
  }
}

export interface Requested {
  readonly stream: H2Stream;
  readonly head: RequestHead;
  readonly log: StreamLog;
  readonly isTooLarge: boolean;
}

/** One end of a connection without a socket. */
export class End implements H2ConnectionListener {
  readonly connection: H2Connection;
  readonly requests: Requested[] = [];
  readonly events: string[] = [];
  onRequest: (requested: Requested) => void = () => {};
  error: H2Error | undefined;

  constructor(role: "client" | "server", settings: Partial<H2Settings> = {}, clock = stoppedClock) {
    this.connection = new H2Connection({
      role,
      settings: { ...DEFAULT_H2_SETTINGS, ...settings },
      clock,
      listener: this,
    });
    this.connection.start();
  }

  outputWaits(): void {}
  requested(stream: H2Stream, head: RequestHead, isTooLarge: boolean): void {
    const requested = { stream, head, log: new StreamLog(), isTooLarge };
    stream.listener = requested.log;
    this.requests.push(requested);
    this.onRequest(requested);
  }
  settled(): void {}
  goingAway(code: number): void {
    this.events.push(`goaway ${h2CodeName(code)}`);
  }
  streamClosed(): void {}
  failed(error: H2Error): void {
    this.error = error;
    this.events.push(`failed ${h2CodeName(error.h2Code)}`);
  }

  take(): Buffer {
    const parts: Buffer[] = [];
    this.connection.flush((bytes) => {
      parts.push(bytes);
      return true;
    });
    return Buffer.concat(parts);
  }
}

/** Passes bytes both ways until neither end has more to say. @param cut how to hand them over */
export function exchange(
  one: End,
  two: End,
  cut: (bytes: Buffer) => Iterable<Buffer> = (bytes) => [bytes],
): void {
  for (;;) {
    const there = one.take();
    for (const part of cut(there)) two.connection.receive(part);
    const back = two.take();
    for (const part of cut(back)) one.connection.receive(part);
    if (there.length === 0 && back.length === 0) return;
  }
}

export function request(
  method: string,
  path: string,
  fields: readonly (readonly [string, string])[] = [],
): RequestHead {
  const head = new RequestHead();
  head.method = method;
  head.target = path;
  head.fields.append("host", "web");
  for (const [name, value] of fields) head.fields.append(name, value);
  return head;
}

export function response(status: number, fields: readonly (readonly [string, string])[] = []): ResponseHead {
  const head = new ResponseHead();
  head.status = status;
  for (const [name, value] of fields) head.fields.append(name, value);
  return head;
}

/** A frame, by hand. */
export function frame(type: number, flags: number, streamId: number, payload: Buffer | string = ""): Buffer {
  const body = typeof payload === "string" ? Buffer.from(payload, "latin1") : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, body]);
}

/** A header block of its own, without the dynamic table. */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  const encoder = new HpackEncoder();
  encoder.limitTable(0);
  encoder.begin();
  for (const [name, value] of fields) encoder.field(name, value);
  return Buffer.from(encoder.bytes.subarray(0, encoder.length));
}

export const GET = block([
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "web"],
]);

const NAMES = [
  "DATA",
  "HEADERS",
  "PRIORITY",
  "RST_STREAM",
  "SETTINGS",
  "PUSH_PROMISE",
  "PING",
  "GOAWAY",
  "WINDOW_UPDATE",
  "CONTINUATION",
];

/** Names what bytes say: `RST_STREAM 1 CANCEL`, `GOAWAY 0 PROTOCOL_ERROR`, `DATA 1 +end 5`. */
export function describeFrames(bytes: Buffer): string[] {
  const lines: string[] = [];
  let data = "";
  const sink: H2FrameSink = {
    frame(type, flags, streamId, payload) {
      const ack = flags & 1 && (type === 4 || type === 6) ? " ack" : "";
      const code =
        type === 3
          ? ` ${h2CodeName(payload.readUInt32BE(0))}`
          : type === 7
            ? ` ${h2CodeName(payload.readUInt32BE(4))}`
            : "";
      lines.push(`${NAMES[type] ?? type} ${streamId}${ack}${code}`);
    },
    headers(_flags, streamId) {
      lines.push(`HEADERS ${streamId}`);
    },
    dataStart(flags, streamId, length) {
      data = `DATA ${streamId}${flags & 1 ? " +end" : ""} ${length}`;
    },
    dataPiece() {},
    dataEnd() {
      lines.push(data);
    },
  };
  new H2FrameReader(sink, false).push(bytes);
  return lines;
}
