import type { MeshError } from "../../base/error.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { ResponseHead } from "../../wire/http1-head.ts";
import type { ResponseSink } from "./client-channel.ts";
import type { UpgradedStream } from "./upgraded-stream.ts";

/** Where a response goes once it has been looked at. */
export interface PeekTarget extends ResponseSink {
  /** @returns true when it throws the response away for another attempt */
  discards(head: ResponseHead, trailers: Fields | undefined): boolean;
  /** The head of a response that was not thrown away. */
  forwardHead(head: ResponseHead): void;
}

/**
 * Holds the beginning of a gRPC response until it can say how it ends. gRPC gives its status in trailers: once the client has the head,
 * it is too late for another attempt.
 *
 *     head --> held --first data--> held --end, in the same turn--> judged by its trailers
 *                |                    \-- anything else, or the turn is over --> passed on
 *                \--end--> judged by its trailers
 *
 * @see reference: proxy section 10 (Retries, policy)
 */
export class PeekedResponse implements ResponseSink {
  readonly #target: PeekTarget;
  #head: ResponseHead | undefined;
  #data: Buffer | undefined;

  constructor(target: PeekTarget) {
    this.#target = target;
  }

  responseInterim(head: ResponseHead): void {
    this.#target.responseInterim(head);
  }

  responseHead(head: ResponseHead): void {
    if (head.body === "none" || head.fields.has("grpc-status")) this.#target.responseHead(head);
    else if (!this.#target.discards(head, undefined)) this.#head = head;
  }

  responseData(view: Buffer): boolean {
    if (this.#head && !this.#data) {
      this.#data = view;
      setImmediate(() => this.#passOn());
      return true;
    }
    this.#passOn();
    return this.#target.responseData(view);
  }

  responseEnd(trailers: Fields | undefined): void {
    const head = this.#head;
    if (head && trailers && this.#target.discards(head, trailers)) {
      this.#head = undefined;
      return;
    }
    this.#passOn();
    this.#target.responseEnd(trailers);
  }

  responseUpgraded(stream: UpgradedStream): void {
    this.#target.responseUpgraded(stream);
  }

  responseFailed(error: MeshError): void {
    this.#passOn();
    this.#target.responseFailed(error);
  }

  responseReset(code: number, message: string, isRefused: boolean): void {
    this.#passOn();
    this.#target.responseReset(code, message, isRefused);
  }

  requestDrained(): void {
    this.#target.requestDrained();
  }

  #passOn(): void {
    const head = this.#head;
    if (!head) return;
    this.#head = undefined;
    this.#target.forwardHead(head);
    // Should the client have no room, the next part will say so.
    if (this.#data) this.#target.responseData(this.#data);
  }
}
