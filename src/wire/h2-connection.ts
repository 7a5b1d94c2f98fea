import type { Clock } from "../base/clock.ts";
import { type H2BodyOwner, H2BodyReader } from "./h2-body-reader.ts";
import { H2Budget } from "./h2-budget.ts";
import { H2Error, protocolError } from "./h2-error.ts";
import { H2FrameReader, type H2FrameSink } from "./h2-frame-reader.ts";
import { type H2HeadOwner, H2HeadReader } from "./h2-head-reader.ts";
import { H2Pings } from "./h2-pings.ts";
import {
  H2_PREFACE,
  H2_STREAM_ID_MAX,
  H2_WINDOW_BYTES,
  H2_WINDOW_BYTES_MAX,
  H2Code,
  H2Flag,
  H2Frame,
  h2CodeName,
} from "./h2-protocol.ts";
import { H2Sender } from "./h2-sender.ts";
import { H2PeerSettings, type H2Settings, settingsEntries } from "./h2-settings.ts";
import {
  type H2Reset,
  H2Stream,
  type H2StreamEnd,
  type H2StreamListener,
  type H2StreamOwner,
} from "./h2-stream.ts";
import { H2StreamTable } from "./h2-stream-table.ts";
import type { Fields } from "./http1-fields.ts";
import type { RequestHead } from "./http1-head.ts";

/** Takes what happens on a connection. */
export interface H2ConnectionListener {
  /** Output waits: flush before the turn of the event loop is over. Called once until then. */
  outputWaits(): void;
  /** Server's side: a request has come. Set the stream's listener before returning. @param isTooLarge its head is not whole */
  requested(stream: H2Stream, head: RequestHead, isTooLarge: boolean): void;
  /** The peer's settings are here, or have changed. */
  settled(): void;
  /** The peer takes no new streams. */
  goingAway(code: H2Code): void;
  /** A stream has closed, or a drain is through. */
  streamClosed(): void;
  /** The connection is over: flush, then close it. */
  failed(error: H2Error): void;
}

export interface H2ConnectionOptions {
  readonly role: "client" | "server";
  readonly settings: H2Settings;
  readonly clock: Clock;
  readonly listener: H2ConnectionListener;
}

/**
 * An HTTP/2 connection, either role, without a socket: bytes in (`receive`), events and bytes (`flush`) out.
 *
 *     opening --peer's SETTINGS--> open --startGoaway, GOAWAY received--> going away --no streams--> (owner closes)
 *        \________________________/ \__________________ any H2Error _____/--> failed
 *
 * Its parts: `H2FrameReader` cuts bytes into frames, `H2HeadReader` takes heads, `H2BodyReader` takes DATA, `H2Stream` is
 * what users hold, `H2Sender` writes.
 *
 * @see RFC 9113
 */
export class H2Connection implements H2FrameSink, H2StreamOwner, H2BodyOwner, H2HeadOwner {
  readonly isServer: boolean;
  readonly peer = new H2PeerSettings();
  readonly #settings: H2Settings;
  readonly #listener: H2ConnectionListener;
  readonly #budget: H2Budget;
  readonly #reader: H2FrameReader;
  readonly #heads: H2HeadReader;
  readonly #streams: H2StreamTable;
  readonly #body: H2BodyReader;
  readonly #pings: H2Pings;
  readonly sender: H2Sender;
  #state: "opening" | "open" | "failed" = "opening";
  #isGoingAway = false;
  #awaitsDrainPong = false;
  /** Client's side: the last stream whose head has been written. */
  #writtenId = -1;

  constructor({ role, settings, clock, listener }: H2ConnectionOptions) {
    this.isServer = role === "server";
    this.#settings = settings;
    this.#listener = listener;
    this.#budget = new H2Budget(clock, settings.offencesMax);
    this.#reader = new H2FrameReader(this, this.isServer, settings.frameBytesMax);
    this.#streams = new H2StreamTable(this.isServer);
    this.#heads = new H2HeadReader(this, this.#streams, settings);
    this.sender = new H2Sender(() => listener.outputWaits(), settings.sendBufferBytesMax);
    this.#pings = new H2Pings(this.sender);
    this.#body = new H2BodyReader(this, this.#streams, this.sender, settings.connectionWindowBytes);
  }

  /** Writes what opens the connection. */
  start(): void {
    const { output } = this.sender;
    if (!this.isServer) output.bytes(H2_PREFACE);
    output.settings(settingsEntries(this.#settings, this.isServer));
    const more = this.#settings.connectionWindowBytes - H2_WINDOW_BYTES;
    if (more > 0) output.number(H2Frame.windowUpdate, 0, more);
    this.sender.wrote();
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** Client's side: whether the peer takes another stream now. */
  get canOpen(): boolean {
    return this.isUsable && this.#streams.size < this.peer.concurrentStreamsMax;
  }

  /** Whether streams may still be opened, now or when others have ended. */
  get isUsable(): boolean {
    return this.#state !== "failed" && !this.#isGoingAway && this.#streams.hasIds;
  }

  /** True once no stream can come any more. */
  get isGone(): boolean {
    return this.#state === "failed" || (this.#isGoingAway && !this.#awaitsDrainPong);
  }

  /** Reads what has come. What is wrong with it ends in `failed`. */
  receive(chunk: Buffer): void {
    if (this.#state === "failed") return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof H2Error)) throw error;
      this.#fail(error);
    }
  }

  /** Takes the output of this turn. @param write gives it to the socket; false when that is full */
  flush(write: (bytes: Buffer) => boolean): void {
    this.#writtenId = this.#streams.lastOwnId;
    this.sender.flush(write);
  }

  /** The socket has room again. */
  socketDrained(): void {
    this.sender.socketDrained();
  }

  /** Client's side. Only while `canOpen`. */
  open(listener: H2StreamListener): H2Stream {
    return this.#addStream(this.#streams.takeId(), listener);
  }

  /**
   * Asks the peer to open no more streams. A server first says so without a limit and waits for an answer to a PING, so that
   * requests that are on their way are still served.
   */
  startGoaway(): void {
    if (this.#isGoingAway || this.#state === "failed") return;
    this.#isGoingAway = true;
    if (this.isServer) {
      this.sender.output.goaway(H2_STREAM_ID_MAX, H2Code.noError, "");
      this.#awaitsDrainPong = true;
      this.#pings.ask(() => this.#drained());
    } else {
      this.sender.output.goaway(0, H2Code.noError, "");
    }
    this.sender.wrote();
  }

  /** Asks for a sign of life. @param onPong called when it comes */
  ping(onPong: () => void): void {
    this.#pings.ask(onPong);
  }

  /** The socket is gone: tells every stream. Of a client's whose head still waits to be written the server has seen nothing. */
  closed(message: string): void {
    if (this.#state === "failed") return;
    this.#state = "failed";
    if (!this.isServer) this.sender.output.take();
    for (const stream of this.#streams.all()) {
      const isUnsent = !this.isServer && stream.id > this.#writtenId;
      if (isUnsent) this.#end(stream, H2Code.refusedStream, message, "refused");
      else this.#end(stream, H2Code.connectError, message, "lost");
    }
  }

  // What streams call.

  forget(stream: H2Stream, end: H2StreamEnd): void {
    this.#streams.remove(stream);
    this.sender.forget(stream);
    this.#body.forget(stream);
    if (end === "reset") this.#streams.rememberReset(stream.id);
    else if (end === "complete") this.#budget.served();
    this.#listener.streamClosed();
  }

  // What the frame reader calls.

  headers(flags: number, streamId: number, chunk: Buffer, start: number, end: number): void {
    if (this.#state === "opening") throw protocolError("first frame is not SETTINGS");
    this.#heads.refuseInterruption(H2Frame.headers, streamId);
    this.#heads.headers(flags, streamId, chunk, start, end);
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (this.#state === "opening") {
      if (type !== H2Frame.settings || flags & H2Flag.ack) throw protocolError("first frame is not SETTINGS");
      this.#state = "open";
    }
    this.#heads.refuseInterruption(type, streamId);
    switch (type) {
      case H2Frame.continuation:
        this.#heads.continuation(flags, payload);
        break;
      case H2Frame.priority:
        this.#priority(streamId, payload);
        break;
      case H2Frame.rstStream:
        this.#rstStream(streamId, payload);
        break;
      case H2Frame.settings:
        this.#settingsFrame(flags, streamId, payload);
        break;
      case H2Frame.ping:
        this.#pings.receive(flags, streamId, payload);
        break;
      case H2Frame.goaway:
        this.#goaway(streamId, payload);
        break;
      case H2Frame.windowUpdate:
        this.#windowUpdate(streamId, payload);
        break;
      case H2Frame.pushPromise:
        throw protocolError("PUSH_PROMISE, which nobody allowed");
      default:
      // Unknown frames are ignored: extensions (RFC 9113 section 5.5).
    }
  }

  dataStart(flags: number, streamId: number, length: number): void {
    if (this.#state === "opening") throw protocolError("first frame is not SETTINGS");
    this.#heads.refuseInterruption(H2Frame.data, streamId);
    this.#body.start(flags, streamId, length);
  }

  dataPiece(view: Buffer): void {
    this.#body.piece(view);
  }

  dataEnd(): void {
    this.#body.end();
  }

  // What parts call.

  charge(what: string): void {
    if (!this.#budget.offence()) throw new H2Error(H2Code.enhanceYourCalm, `too many ${what}`);
  }

  streamError(stream: H2Stream, code: H2Code, message: string): void {
    this.#writeReset(stream.id, code);
    this.#end(stream, code, message, "reset");
    this.charge("streams in error");
  }

  accept(streamId: number, head: RequestHead, endStream: boolean, isTooLarge: boolean): void {
    const stream = this.#addStream(streamId);
    stream.isRemoteOpen = !endStream;
    if (head.body === "length") stream.bytesDue = head.contentLength;
    this.#listener.requested(stream, head, isTooLarge);
  }

  resetUnknown(streamId: number, code: H2Code): void {
    this.#writeReset(streamId, code);
    if (code !== H2Code.refusedStream) this.charge("streams in error");
  }

  remoteEnded(stream: H2Stream, trailers?: Fields): void {
    if (stream.bytesDue > 0) {
      this.streamError(stream, H2Code.protocolError, "body is shorter than its content-length");
      return;
    }
    const { listener } = stream;
    stream.remoteEnded();
    listener.bodyEnd(trailers);
  }

  #addStream(id: number, listener?: H2StreamListener): H2Stream {
    const stream = new H2Stream(id, this, this.peer.streamWindowBytes, this.#settings.streamWindowBytes);
    if (listener) stream.listener = listener;
    this.#streams.add(stream);
    return stream;
  }

  #priority(streamId: number, payload: Buffer): void {
    if (streamId === 0) throw protocolError("PRIORITY on stream 0");
    const isWrongSize = payload.length !== 5;
    if (!isWrongSize && (payload.readUInt32BE(0) & 0x7fffffff) !== streamId) return;
    const code = isWrongSize ? H2Code.frameSizeError : H2Code.protocolError;
    const stream = this.#streams.get(streamId);
    if (stream) this.streamError(stream, code, "malformed PRIORITY");
    else throw new H2Error(code, "malformed PRIORITY");
  }

  #rstStream(streamId: number, payload: Buffer): void {
    if (payload.length !== 4) throw new H2Error(H2Code.frameSizeError, "RST_STREAM of a wrong size");
    if (streamId === 0 || this.#streams.isIdle(streamId)) {
      throw protocolError(`RST_STREAM on idle stream ${streamId}`);
    }
    const stream = this.#streams.get(streamId);
    if (!stream) return;
    const code = payload.readUInt32BE(0);
    const how = code === H2Code.refusedStream ? "refused" : "reset";
    this.#end(stream, code, `peer reset the stream (${h2CodeName(code)})`, how);
    if (this.isServer) this.charge("streams that are reset before their end");
  }

  #settingsFrame(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw protocolError("SETTINGS on a stream");
    if (flags & H2Flag.ack) {
      if (payload.length > 0) throw new H2Error(H2Code.frameSizeError, "SETTINGS with settings acknowledge");
      return;
    }
    const before = this.peer.streamWindowBytes;
    this.peer.read(payload);
    const change = this.peer.streamWindowBytes - before;
    for (const stream of change === 0 ? [] : this.#streams.all()) {
      stream.sendWindow += change;
      if (stream.sendWindow > H2_WINDOW_BYTES_MAX) {
        throw new H2Error(H2Code.flowControlError, "window is too large");
      }
    }
    this.sender.encoder.limitTable(this.peer.headerTableBytes);
    this.sender.reply();
    this.sender.output.settingsAck();
    if (change > 0) this.sender.pump();
    this.#listener.settled();
  }

  #drained(): void {
    this.#awaitsDrainPong = false;
    this.#heads.lastServedId = this.#streams.lastPeerId;
    this.sender.output.goaway(this.#heads.lastServedId, H2Code.noError, "");
    this.sender.wrote();
    this.#listener.streamClosed();
  }

  #goaway(streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw protocolError("GOAWAY on a stream");
    if (payload.length < 8) throw new H2Error(H2Code.frameSizeError, "GOAWAY of a wrong size");
    const lastId = payload.readUInt32BE(0) & 0x7fffffff;
    this.#isGoingAway = true;
    this.#listener.goingAway(payload.readUInt32BE(4));
    if (this.isServer) return;
    for (const stream of this.#streams.all()) {
      if (stream.id > lastId) this.#end(stream, H2Code.refusedStream, "peer goes away", "refused");
    }
  }

  #windowUpdate(streamId: number, payload: Buffer): void {
    if (payload.length !== 4) throw new H2Error(H2Code.frameSizeError, "WINDOW_UPDATE of a wrong size");
    const increment = payload.readUInt32BE(0) & 0x7fffffff;
    if (streamId === 0) {
      this.sender.widen(increment);
      return;
    }
    const stream = this.#streams.get(streamId);
    if (!stream) {
      if (this.#streams.isIdle(streamId)) throw protocolError(`WINDOW_UPDATE on idle stream ${streamId}`);
    } else if (increment === 0) {
      this.streamError(stream, H2Code.protocolError, "WINDOW_UPDATE by 0");
    } else if (stream.sendWindow + increment > H2_WINDOW_BYTES_MAX) {
      this.streamError(stream, H2Code.flowControlError, "window is too large");
    } else {
      stream.sendWindow += increment;
      this.sender.widened(stream);
    }
  }

  #writeReset(streamId: number, code: H2Code): void {
    this.sender.output.number(H2Frame.rstStream, streamId, code);
    this.sender.wrote();
    this.#streams.rememberReset(streamId);
  }

  #end(stream: H2Stream, code: H2Code, message: string, how: H2Reset): void {
    const { listener } = stream;
    stream.close("cut");
    listener.wasReset(code, message, how);
  }

  #fail(error: H2Error): void {
    this.sender.output.goaway(this.#streams.lastPeerId, error.h2Code, error.message);
    this.sender.wrote();
    this.#state = "failed";
    for (const stream of this.#streams.all()) this.#end(stream, error.h2Code, error.message, "lost");
    this.#listener.failed(error);
  }
}
