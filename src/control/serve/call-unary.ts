import type { Duplex } from "node:stream";
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { Clock } from "../../base/clock.ts";
import { H2Connection } from "../../wire/h2-connection.ts";
import { DEFAULT_H2_SETTINGS } from "../../wire/h2-settings.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import { RequestHead, type ResponseHead } from "../../wire/http1-head.ts";
import { encodeFrame, FRAME_HEAD_BYTES } from "./grpc-method.ts";

export interface UnaryCall {
  /** Ready to use, and this call's own: whoever made it closes it. */
  readonly socket: Duplex;
  readonly authority: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** Answers are certificates: nothing is near this. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/**
 * One gRPC call with one answer, on a connection of its own.
 *
 * @throws Error with the status' message when it is not OK, and when no answer comes in time
 */
export function callUnary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  init: MessageInitShape<I>,
  { socket, authority, clock, timeoutMs }: UnaryCall,
): Promise<MessageShape<O>> {
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(timeoutMs, () => fail(`no answer within ${timeoutMs / 1000}s`));
    const chunks: Buffer[] = [];
    let bytes = 0;
    let head: ResponseHead | undefined;
    const settle = (end: () => void): void => {
      timer.cancel();
      end();
    };
    const fail = (message: string): void => settle(() => reject(new Error(message)));
    const ended = (trailers: Fields | undefined): void => {
      try {
        const answer = fromBinary(method.output, answerOf(head, trailers, Buffer.concat(chunks)));
        settle(() => resolve(answer));
      } catch (error) {
        fail((error as Error).message);
      }
    };
    const connection = new H2Connection({
      role: "client",
      settings: DEFAULT_H2_SETTINGS,
      clock,
      listener: {
        outputWaits: () => void setImmediate(flush),
        requested() {},
        settled() {},
        goingAway() {},
        streamClosed() {},
        failed: (error) => fail(error.message),
      },
    });
    const flush = (): void => connection.flush((output) => (socket.writable ? socket.write(output) : true));
    socket.on("data", (chunk: Buffer) => connection.receive(chunk));
    socket.on("drain", () => connection.socketDrained());
    // Whoever closes its half gives no answer any more.
    socket.once("end", () => connection.closed("the connection was closed"));
    socket.once("close", () => connection.closed("the connection was closed"));
    connection.start();
    const stream = connection.open({
      responseHead(received) {
        head = received;
      },
      bodyData(view) {
        bytes += view.length;
        if (bytes > ANSWER_BYTES_MAX) fail(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
        else chunks.push(view);
        return true;
      },
      bodyEnd: ended,
      wasReset: (_code, message) => fail(message),
      drained() {},
    });
    const request = requestHead(authority, `/${method.parent.typeName}/${method.name}`);
    stream.sendRequest(request, request.target, false);
    stream.sendData(encodeFrame(method.input, create(method.input, init)));
    stream.sendEnd(undefined);
  });
}

/** The answer's message. @throws Error when the status is another than OK, or the answer is not one message */
function answerOf(head: ResponseHead | undefined, trailers: Fields | undefined, frame: Buffer): Buffer {
  // Without a message the status may stand in the head ("trailers only").
  const source = trailers?.has("grpc-status") ? trailers : head?.fields;
  const status = source?.get("grpc-status");
  if (status === undefined) throw new Error(`the answer has no status (HTTP ${head?.status ?? "none"})`);
  if (status !== "0") throw new Error(decodeMessage(source?.get("grpc-message") ?? "") || `status ${status}`);
  if (frame.length < FRAME_HEAD_BYTES || frame.readUInt32BE(1) !== frame.length - FRAME_HEAD_BYTES) {
    throw new Error("the answer is not one message");
  }
  return frame.subarray(FRAME_HEAD_BYTES);
}

function requestHead(authority: string, path: string): RequestHead {
  const head = new RequestHead();
  head.method = "POST";
  head.target = path;
  head.body = "chunked";
  head.fields.append("host", authority);
  head.fields.append("te", "trailers");
  head.fields.append("content-type", "application/grpc");
  return head;
}

/** Malformed escapes stay as they are: a message is only for people. */
function decodeMessage(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
