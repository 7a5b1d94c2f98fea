import type { MeshError } from "../../base/error.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { RequestHead, ResponseHead } from "../../wire/http1-head.ts";
import type { BodySink } from "./body-sink.ts";
import type { UpgradedStream } from "./upgraded-stream.ts";

export type HttpVersion = "http/1" | "http/2";

/** Takes the response to one request. Exactly one of `responseEnd`, `responseUpgraded`, `responseFailed` and `responseReset` is the last call. */
export interface ResponseSink {
  /** 1xx other than 101. */
  responseInterim(head: ResponseHead): void;
  responseHead(head: ResponseHead): void;
  /** @returns false: stop until `resume` */
  responseData(view: Buffer): boolean;
  responseEnd(trailers: Fields | undefined): void;
  /** After the head of a 101, or of 2xx to CONNECT. */
  responseUpgraded(stream: UpgradedStream): void;
  responseFailed(error: MeshError): void;
  /** HTTP/2: the server ended this exchange alone. @param isRefused it did nothing with the request */
  responseReset(code: number, message: string, isRefused: boolean): void;
  /** The connection has room again for the request's body. */
  requestDrained(): void;
}

export interface ClientRequest {
  readonly head: RequestHead;
  /** For the next hop. */
  readonly target: string;
  /** The connection may leave HTTP after this (HTTP/1). */
  readonly isTunnelWanted: boolean;
  readonly sink: ResponseSink;
}

/** The way of one request to a server: an HTTP/1 connection, or a stream of an HTTP/2 one. The request's body goes in as a sink's. */
export interface ClientChannel extends BodySink {
  /** Whether the connection has carried another exchange: it may have been closed while this request travelled. */
  readonly wasReused: boolean;
  /** Whether anything of the response has arrived. */
  readonly hasResponse: boolean;
  send(request: ClientRequest): void;
  /** The client has room again for the response. */
  resume(): void;
  /** Nothing will be sent after all. */
  close(): void;
}

/** Whether a body follows the request's head. */
export function hasBody(head: RequestHead): boolean {
  return head.body === "length" || head.body === "chunked";
}
