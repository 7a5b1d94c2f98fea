import { hash } from "node:crypto";
import { H2Code } from "../../wire/h2-protocol.ts";
import type { H2Stream, H2StreamListener } from "../../wire/h2-stream.ts";
import { Fields } from "../../wire/http1-fields.ts";
import { ResponseHead } from "../../wire/http1-head.ts";
import { GrpcCode, GrpcError } from "./grpc-error.ts";
import { type CallEnd, FRAME_HEAD_BYTES, type GrpcCall, type GrpcMethod } from "./grpc-method.ts";

/** Messages that wait for one slow client, after which its call is ended: it asks again for the whole state. */
export const QUEUE_MESSAGES_MAX = 100;
/** What proxies send is tiny; an unbounded message would be a way to take our memory. */
const REQUEST_BYTES_MAX = 1024 * 1024;

/** Told what happens to calls, for metrics. */
export interface GrpcObserver {
  started(method: GrpcMethod): void;
  sent(method: GrpcMethod): void;
  handled(method: GrpcMethod, code: GrpcCode): void;
}

/** A call, as others see it. */
export interface CallState {
  readonly method: string;
  readonly subject: string;
  /** Messages that were sent. */
  readonly sent: number;
  /** Messages that the client has not made room for. */
  readonly waiting: number;
  /** Of the last message: clients with the same hold the same, where each message is the whole state. */
  readonly version: string;
}

/**
 * One call on an HTTP/2 stream.
 *
 *     reading --END_STREAM--> answering --end--> over
 *        \---- malformed, cut ----\-- cut, too slow --^
 */
export class GrpcStream implements GrpcCall, H2StreamListener {
  readonly #stream: H2Stream;
  readonly #method: GrpcMethod;
  readonly #observer: GrpcObserver;
  readonly #siblings: Set<GrpcStream>;
  onOver: (how: CallEnd) => void = NOBODY;
  isOver = false;
  subject = "";
  #sent = 0;
  #last: Buffer = NO_BYTES;
  #request: Buffer[] | undefined = [];
  #requestBytes = 0;
  #hasHead = false;
  /** The stream takes nothing more until `drained`. */
  #isBlocked = false;
  /** Messages that wait for `drained`; there is none for clients that keep up. */
  #queue: Buffer[] = NONE;

  /** @param siblings  the calls of its connection; it is one of them until it is over */
  constructor(stream: H2Stream, method: GrpcMethod, observer: GrpcObserver, siblings: Set<GrpcStream>) {
    this.#stream = stream;
    this.#method = method;
    this.#observer = observer;
    this.#siblings = siblings;
    siblings.add(this);
    observer.started(method);
  }

  // From the method.

  send(frame: Buffer): void {
    if (this.isOver) return;
    if (!this.#isBlocked) {
      this.#write(frame);
    } else if (this.#queue.length < QUEUE_MESSAGES_MAX) {
      if (this.#queue === NONE) this.#queue = [];
      this.#queue.push(frame);
    } else {
      const message = `${QUEUE_MESSAGES_MAX} updates were not taken in time`;
      this.#finish(new GrpcError(message, GrpcCode.aborted), "overflowed");
    }
  }

  sendState(frame: Buffer): void {
    if (this.isOver) return;
    if (this.#isBlocked) this.#queue = [frame];
    else this.#write(frame);
  }

  end(error?: GrpcError): void {
    // What waits is sent before: an answer that is complete stays so.
    for (const frame of this.#queue) this.#stream.sendData(frame);
    this.#finish(error, "ended");
  }

  /** How far its client is. */
  describe(): CallState {
    return {
      method: this.#method.path,
      subject: this.subject,
      sent: this.#sent,
      waiting: this.#queue.length,
      version: this.#sent === 0 ? "" : hash("sha1", this.#last, "hex").slice(0, 12),
    };
  }

  // From the connection.

  responseHead(): void {}

  bodyData(view: Buffer): boolean {
    if (!this.#request) return true;
    this.#requestBytes += view.length;
    if (this.#requestBytes <= REQUEST_BYTES_MAX) this.#request.push(view);
    else {
      this.#request = undefined;
      this.end(
        new GrpcError(`the request is longer than ${REQUEST_BYTES_MAX} bytes`, GrpcCode.resourceExhausted),
      );
    }
    return true;
  }

  bodyEnd(): void {
    if (!this.#request) return;
    const [first = NO_BYTES] = this.#request;
    const bytes = this.#request.length > 1 ? Buffer.concat(this.#request) : first;
    this.#request = undefined;
    if (bytes.length < FRAME_HEAD_BYTES || bytes.readUInt32BE(1) !== bytes.length - FRAME_HEAD_BYTES) {
      this.end(new GrpcError("the request is not one gRPC message", GrpcCode.internal));
    } else if (bytes[0] !== 0) {
      this.end(new GrpcError("the request is compressed, which is not supported", GrpcCode.unimplemented));
    } else {
      this.#method.open(bytes.subarray(FRAME_HEAD_BYTES), this);
    }
  }

  wasReset(): void {
    this.#over("cancelled", GrpcCode.cancelled);
  }

  drained(): void {
    this.#isBlocked = false;
    while (!this.#isBlocked && this.#queue.length > 0) this.#write(this.#queue.shift()!);
    if (this.#queue.length === 0) this.#queue = NONE;
  }

  #write(frame: Buffer): void {
    if (!this.#hasHead) {
      this.#hasHead = true;
      this.#stream.sendResponse(HEAD, false);
    }
    this.#isBlocked = !this.#stream.sendData(frame);
    this.#sent++;
    this.#last = frame;
    this.#observer.sent(this.#method);
  }

  #finish(error: GrpcError | undefined, how: CallEnd): void {
    if (this.isOver) return;
    this.#over(how, error?.code ?? GrpcCode.ok);
    if (this.#hasHead) this.#stream.sendEnd(statusFields(error), true);
    else answerWithStatus(this.#stream, error);
  }

  #over(how: CallEnd, code: GrpcCode): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#siblings.delete(this);
    this.#request = undefined;
    this.#queue = NONE;
    this.#observer.handled(this.#method, code);
    const { onOver } = this;
    this.onOver = NOBODY;
    onOver(how);
  }
}

/** Answers with a status alone ("trailers only"). The rest of the request has no reader then. */
export function answerWithStatus(stream: H2Stream, error: GrpcError | undefined): void {
  const head = new ResponseHead();
  head.status = 200;
  head.fields.append("content-type", CONTENT_TYPE);
  const status = statusFields(error);
  for (const [index, name] of status.names.entries()) head.fields.append(name, status.values[index]!);
  stream.sendResponse(head, true);
  if (stream.isRemoteOpen) stream.reset(H2Code.noError);
}

const CONTENT_TYPE = "application/grpc+proto";
const NO_BYTES = Buffer.alloc(0);
const NONE: Buffer[] = [];
const NOBODY = (): void => {};

const HEAD = new ResponseHead();
HEAD.status = 200;
HEAD.fields.append("content-type", CONTENT_TYPE);

/** The message is percent-encoded UTF-8. */
function statusFields(error: GrpcError | undefined): Fields {
  const fields = new Fields();
  fields.append("grpc-status", String(error?.code ?? GrpcCode.ok));
  if (error && error.message !== "") fields.append("grpc-message", encodeURIComponent(error.message));
  return fields;
}
