import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { GrpcCode, GrpcError } from "./grpc-error.ts";

/** How a call was over. `overflowed`: its client did not take what it was sent. */
export type CallEnd = "ended" | "cancelled" | "overflowed";

/** The answering side of one call. What is sent after its end is dropped. */
export interface GrpcCall {
  readonly isOver: boolean;
  /** What is asked for, for those who look at the state of things. */
  subject: string;
  /** Called once when the call is over, whoever ended it. */
  onOver: (how: CallEnd) => void;
  /** A message that must not be left out. Of those that wait for a slow client there are a bounded number; then the call ends. */
  send(frame: Buffer): void;
  /** A message that replaces those before it: for a slow client only the newest waits. */
  sendState(frame: Buffer): void;
  end(error?: GrpcError): void;
}

/** A method as the server serves it. */
export interface GrpcMethod {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly type: "unary" | "server_stream";
  /** Answers a call, now or later. It does not throw. */
  open(request: Uint8Array, call: GrpcCall): void;
}

/**
 * A message in gRPC's frame. The same frame goes to all subscribers: nobody may change it.
 *
 *   +------+-----------------+---------+
 *   | 0x00 | length (uint32) | message |
 *   +------+-----------------+---------+
 */
export function encodeFrame<D extends DescMessage>(schema: D, message: MessageShape<D>): Buffer {
  const bytes = toBinary(schema, message);
  const frame = Buffer.allocUnsafeSlow(FRAME_HEAD_BYTES + bytes.length);
  frame[0] = 0;
  frame.writeUInt32BE(bytes.length, 1);
  frame.set(bytes, FRAME_HEAD_BYTES);
  return frame;
}

export const FRAME_HEAD_BYTES = 5;

/** The message of a frame, for those who want to look into it. */
export function decodeFrame<D extends DescMessage>(schema: D, frame: Buffer): MessageShape<D> {
  return fromBinary(schema, frame.subarray(FRAME_HEAD_BYTES));
}

/** One question, one answer. */
export function unaryMethod<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  answer: (request: MessageShape<I>) => Promise<MessageInitShape<O>>,
): GrpcMethod {
  return {
    path: pathOf(method),
    type: "unary",
    open(request, call) {
      answerOnce(method, request, answer).then(
        (frame) => {
          call.send(frame);
          call.end();
        },
        (error: unknown) => call.end(toGrpcError(error)),
      );
    },
  };
}

async function answerOnce<I extends DescMessage, O extends DescMessage>(
  { input, output }: DescMethodUnary<I, O>,
  request: Uint8Array,
  answer: (request: MessageShape<I>) => Promise<MessageInitShape<O>>,
): Promise<Buffer> {
  return encodeFrame(output, create(output, await answer(decode(input, request))));
}

/**
 * A subscription.
 *
 * @param ready  calls wait for it: an answer before would say that nothing exists
 * @param open  begins to answer. A GrpcError that it throws ends the call
 */
export function streamMethod<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  ready: Promise<void>,
  open: (request: MessageShape<I>, call: GrpcCall) => void,
): GrpcMethod {
  return {
    path: pathOf(method),
    type: "server_stream",
    open(request, call) {
      ready
        .then(() => {
          if (!call.isOver) open(decode(method.input, request), call);
        })
        .catch((error: unknown) => call.end(toGrpcError(error)));
    },
  };
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function decode<I extends DescMessage>(schema: I, bytes: Uint8Array): MessageShape<I> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new GrpcError(`the request cannot be read: ${(error as Error).message}`, GrpcCode.invalidArgument);
  }
}

/** What nobody foresaw is our fault, and the client need not know more. */
function toGrpcError(error: unknown): GrpcError {
  return error instanceof GrpcError ? error : new GrpcError("internal error", GrpcCode.internal);
}
