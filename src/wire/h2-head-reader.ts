import { H2Error, protocolError } from "./h2-error.ts";
import { readRequestHead, readResponseHead, readTrailers } from "./h2-head.ts";
import { H2HeaderBlock } from "./h2-header-block.ts";
import { H2_STREAM_ID_MAX, H2Code, H2Frame } from "./h2-protocol.ts";
import type { H2Settings } from "./h2-settings.ts";
import type { H2Stream } from "./h2-stream.ts";
import type { H2StreamTable } from "./h2-stream-table.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import type { Fields } from "./http1-fields.ts";
import { RequestHead } from "./http1-head.ts";

/** What the reader of heads cannot do by itself. */
export interface H2HeadOwner {
  readonly isServer: boolean;
  charge(what: string): void;
  /** Server's side: a stream begins. */
  accept(streamId: number, head: RequestHead, endStream: boolean, isTooLarge: boolean): void;
  streamError(stream: H2Stream, code: H2Code, message: string): void;
  /** Refuses a stream that is none yet. */
  resetUnknown(streamId: number, code: H2Code): void;
  remoteEnded(stream: H2Stream, trailers?: Fields): void;
}

/** Takes HEADERS and CONTINUATION: what opens streams, answers requests, or ends bodies with trailers. */
export class H2HeadReader {
  /** Above this the peer's streams are not served any more: it has been told. */
  lastServedId = H2_STREAM_ID_MAX;
  readonly #owner: H2HeadOwner;
  readonly #streams: H2StreamTable;
  readonly #streamsMax: number;
  readonly #block: H2HeaderBlock;
  readonly #decoder: HpackDecoder;

  constructor(owner: H2HeadOwner, streams: H2StreamTable, settings: H2Settings) {
    this.#owner = owner;
    this.#streams = streams;
    this.#streamsMax = settings.concurrentStreamsMax;
    this.#block = new H2HeaderBlock(settings.headerListBytesMax);
    this.#decoder = new HpackDecoder(settings.headerListBytesMax);
  }

  /** Between HEADERS and the end of its block nothing else may come. */
  refuseInterruption(type: number, streamId: number): void {
    const block = this.#block;
    if (block.isOpen && (type !== H2Frame.continuation || streamId !== block.streamId)) {
      throw protocolError("a header block is interrupted");
    }
  }

  headers(flags: number, streamId: number, chunk: Buffer, start: number, end: number): void {
    if (this.#block.begin(flags, streamId, chunk, start, end)) this.#complete();
  }

  continuation(flags: number, payload: Buffer): void {
    if (payload.length === 0) this.#owner.charge("empty CONTINUATION frames");
    if (this.#block.continue(flags, payload)) this.#complete();
  }

  #complete(): void {
    const block = this.#block;
    const { streamId } = block;
    // Decoded in any case: the table must follow.
    this.#decoder.decode(block.bytes, block.start, block.end);
    block.clear();
    const streams = this.#streams;
    const stream = streams.get(streamId);
    if (stream) {
      this.#continues(stream);
    } else if (streams.wasReset(streamId)) {
      // Was on its way when we reset the stream.
    } else if (!this.#owner.isServer || streamId % 2 === 0) {
      throw protocolError(`HEADERS on stream ${streamId}, which nobody opened`);
    } else if (!streams.isIdle(streamId)) {
      throw new H2Error(H2Code.streamClosed, `HEADERS on closed stream ${streamId}`);
    } else {
      streams.lastPeerId = streamId;
      if (streamId <= this.lastServedId) this.#begins(streamId);
    }
  }

  #begins(streamId: number): void {
    const { endStream, dependsOnItself } = this.#block;
    const { isTooLarge } = this.#decoder.list;
    if (dependsOnItself) {
      this.#owner.resetUnknown(streamId, H2Code.protocolError);
    } else if (this.#streams.size >= this.#streamsMax) {
      this.#owner.resetUnknown(streamId, H2Code.refusedStream);
    } else {
      const head = isTooLarge ? unreadRequest() : readRequestHead(this.#decoder.list, endStream);
      if (typeof head === "string") this.#owner.resetUnknown(streamId, H2Code.protocolError);
      else this.#owner.accept(streamId, head, endStream, isTooLarge);
    }
  }

  /** A response's head, or trailers. */
  #continues(stream: H2Stream): void {
    const { list } = this.#decoder;
    const { endStream, dependsOnItself } = this.#block;
    if (!stream.isRemoteOpen) {
      this.#owner.streamError(stream, H2Code.streamClosed, "HEADERS after the end of the stream");
    } else if (list.isTooLarge) {
      this.#owner.streamError(stream, H2Code.enhanceYourCalm, "header list is too large");
    } else if (dependsOnItself) {
      this.#owner.streamError(stream, H2Code.protocolError, "stream depends on itself");
    } else if (this.#owner.isServer || stream.hasHead) {
      const trailers = endStream ? readTrailers(list) : "HEADERS within a body";
      if (typeof trailers === "string") this.#owner.streamError(stream, H2Code.protocolError, trailers);
      else this.#owner.remoteEnded(stream, trailers);
    } else {
      this.#response(stream, endStream);
    }
  }

  #response(stream: H2Stream, endStream: boolean): void {
    const head = readResponseHead(this.#decoder.list, endStream, stream.isHead);
    if (typeof head === "string") {
      this.#owner.streamError(stream, H2Code.protocolError, head);
      return;
    }
    stream.hasHead = head.status >= 200;
    if (head.body === "length") stream.bytesDue = head.contentLength;
    stream.listener.responseHead(head, endStream);
    if (endStream && !stream.isClosed) this.#owner.remoteEnded(stream);
  }
}

/** What is known of a request whose head was too large to keep. */
function unreadRequest(): RequestHead {
  const head = new RequestHead();
  head.isHttp2 = true;
  return head;
}
