import { http1Error } from "./http1-error.ts";
import { Fields } from "./http1-fields.ts";
import {
  finishRequestHead,
  finishResponseHead,
  parseFieldLine,
  parseRequestLine,
  parseStatusLine,
  RequestHead,
  ResponseHead,
} from "./http1-head.ts";
import { HeadMemory } from "./http1-head-memory.ts";

/** What `next()` found. */
export const Http1Event = {
  /** All bytes are used up: push more. */
  more: 0,
  /** A head is complete: read `head`. Interim responses (1xx but 101) give a head each. */
  head: 1,
  /** Body bytes: read `data`, a view of the pushed chunk. */
  data: 2,
  /** The message is complete: `trailers` may be set. Bytes of the next message stay inside. */
  end: 3,
  /** From here on the bytes are no HTTP (101, or 2xx to CONNECT): take them with `takeRest`. */
  tunnel: 4,
} as const;
export type Http1Event = (typeof Http1Event)[keyof typeof Http1Event];

export interface Http1Limits {
  /** Bytes of a head or of trailers, inclusive, line ends counted. Default 65536. */
  readonly headBytesMax: number;
  /** Count of header fields, inclusive. Default 256. */
  readonly fieldsMax: number;
}

export const DEFAULT_HTTP1_LIMITS: Http1Limits = { headBytesMax: 65_536, fieldsMax: 256 };

const START_LINE = 0;
const FIELD_LINES = 1;
const LENGTH_BODY = 2;
const CHUNK_SIZE = 3;
const CHUNK_DATA = 4;
const CHUNK_END = 5;
const TRAILERS = 6;
const CLOSE_BODY = 7;
const MESSAGE_END = 8;
const BETWEEN = 9;
const TUNNEL = 10;
const FAILED = 11;

const LF = 0x0a;
/** A chunk-size line with its extensions, bytes. */
const CHUNK_LINE_BYTES_MAX = 1024;

/**
 * Reads HTTP/1 messages from bytes, incrementally: what comes out does not depend on how the bytes were cut.
 *
 *     push(chunk); while ((event = decoder.next()) !== Http1Event.more) ...
 *
 * The reader pulls, so it can stop anywhere (no body sink yet, next pipelined request not wanted yet) without losing
 * bytes. After `end`, call `begin` before the next message.
 *
 *     START_LINE -> FIELD_LINES -+-> MESSAGE_END -> BETWEEN -> (begin) -> START_LINE
 *                   ^            +-> LENGTH_BODY ----------^
 *          (1xx) ---+            +-> CHUNK_SIZE -> CHUNK_DATA -> CHUNK_END -> CHUNK_SIZE ... -> TRAILERS -^
 *                                +-> CLOSE_BODY -- finish() -^
 *                                +-> TUNNEL
 *
 * Strict where leniency has been used to smuggle requests: every line ends with CR LF, no folding, one framing.
 *
 * @see RFC 9112
 */
export class Http1Decoder {
  /** Valid after `head`, until the next message begins. */
  head: RequestHead | ResponseHead;
  /** Valid after `data`, until the pushed chunk is let go. */
  data: Buffer = NO_BYTES;
  /** Valid after `end`: the trailer fields, or undefined when there are none. */
  trailers: Fields | undefined = undefined;

  readonly #isRequest: boolean;
  readonly #limits: Http1Limits;
  #state: number = START_LINE;
  #chunk: Buffer = NO_BYTES;
  #at = 0;
  /** Start of a line whose end has not arrived, latin1. */
  #partial = "";
  /** Bytes of this head, trailer section or chunk-size line so far, complete lines only. */
  #lineBytes = 0;
  /** Body bytes that are still to come, of the body or of the chunk. */
  #remaining = 0;
  #requestMethod = "";
  /** A 1xx head has been handed out; the next line starts another head. */
  #interim = false;
  /** Nothing of the head has been read. */
  #isFresh = true;
  readonly #memory = new HeadMemory();

  constructor(role: "request" | "response", limits: Http1Limits = DEFAULT_HTTP1_LIMITS) {
    this.#isRequest = role === "request";
    this.#limits = limits;
    this.head = this.#isRequest ? NO_REQUEST : NO_RESPONSE;
  }

  /** Gives the bytes that follow. The decoder keeps views of them. */
  push(chunk: Buffer): void {
    this.#chunk =
      this.#at === this.#chunk.length ? chunk : Buffer.concat([this.#chunk.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** Starts the next message. @param requestMethod of the request that a response answers (HEAD and CONNECT matter) */
  begin(requestMethod = ""): void {
    this.#requestMethod = requestMethod;
    this.#startHead();
    this.trailers = undefined;
  }

  /** Whether bytes wait inside. */
  get hasRest(): boolean {
    return this.#at < this.#chunk.length;
  }

  /** True when nothing of a message has been read: closing here loses nothing. */
  get isIdle(): boolean {
    return (this.#state === START_LINE && this.#partial === "") || this.#state === BETWEEN;
  }

  /** Hands over the bytes that wait inside, for whoever reads after HTTP. */
  takeRest(): Buffer {
    const rest = this.#chunk.subarray(this.#at);
    this.#chunk = NO_BYTES;
    this.#at = 0;
    return rest;
  }

  /**
   * The peer has closed its side.
   *
   * @returns `end` when that completes the body, `more` between messages
   * @throws MeshError `HTTP_TRUNCATED` within a message
   */
  finish(): Http1Event {
    if (this.#state === CLOSE_BODY) {
      this.#state = BETWEEN;
      return Http1Event.end;
    }
    if (this.isIdle || this.#state === TUNNEL) return Http1Event.more;
    this.#state = FAILED;
    throw http1Error("HTTP_TRUNCATED", "connection closed in the middle of a message");
  }

  /** The next thing in the bytes so far. @throws MeshError `HTTP_*`; the decoder is then unusable */
  next(): Http1Event {
    try {
      return this.#step();
    } catch (error) {
      this.#state = FAILED;
      throw error;
    }
  }

  #step(): Http1Event {
    for (;;) {
      switch (this.#state) {
        case START_LINE:
        case FIELD_LINES:
          if (!this.#readHead()) return Http1Event.more;
          return Http1Event.head;
        case LENGTH_BODY:
          if (!this.#readBody()) return Http1Event.more;
          if (this.#remaining === 0) this.#state = MESSAGE_END;
          return Http1Event.data;
        case CHUNK_SIZE:
          if (!this.#readChunkSize()) return Http1Event.more;
          break;
        case CHUNK_DATA:
          if (!this.#readBody()) return Http1Event.more;
          if (this.#remaining === 0) this.#state = CHUNK_END;
          return Http1Event.data;
        case CHUNK_END: {
          const line = this.#readLine(2);
          if (line === undefined) return Http1Event.more;
          if (line !== "") throw http1Error("HTTP_BAD_CHUNK", "chunk is longer than its size says");
          this.#lineBytes = 0;
          this.#state = CHUNK_SIZE;
          break;
        }
        case TRAILERS:
          if (!this.#readTrailers()) return Http1Event.more;
          break;
        case CLOSE_BODY:
          if (!this.hasRest) return Http1Event.more;
          this.data = this.takeRest();
          return Http1Event.data;
        case MESSAGE_END:
          this.#state = BETWEEN;
          return Http1Event.end;
        case TUNNEL:
          return Http1Event.tunnel;
        case BETWEEN:
          return Http1Event.more;
        default:
          throw http1Error("HTTP_BAD_START_LINE", "connection is unusable after an earlier error");
      }
    }
  }

  #startHead(): void {
    // The head itself is made when its first byte has come: most connections wait for it for most of their lives.
    this.head = this.#isRequest ? NO_REQUEST : NO_RESPONSE;
    this.#isFresh = true;
    this.#state = START_LINE;
    this.#lineBytes = 0;
    this.#partial = "";
  }

  #readHead(): boolean {
    // A 1xx head was handed out and the next head replaces it.
    if (this.#interim) {
      this.#interim = false;
      this.#startHead();
    }
    if (this.#isFresh) {
      if (!this.hasRest) return false;
      this.#isFresh = false;
      if (this.#readWholeHead()) return true;
    }
    for (;;) {
      const line = this.#readLine(this.#limits.headBytesMax);
      if (line === undefined) return false;
      if (this.#state === START_LINE) {
        // RFC 9112 section 2.2: an empty line before a request is ignored. Bounded by headBytesMax.
        if (line === "" && this.#isRequest) continue;
        if (this.#isRequest) parseRequestLine(line, this.head as RequestHead);
        else parseStatusLine(line, this.head as ResponseHead);
        this.#state = FIELD_LINES;
      } else if (line !== "") {
        this.#addField(line, this.head.fields);
      } else {
        this.#finishHead();
        return true;
      }
    }
  }

  /** The usual case. @returns false when the head must be read line by line */
  #readWholeHead(): boolean {
    const { fieldsMax, headBytesMax } = this.#limits;
    this.head = this.#isRequest ? new RequestHead() : new ResponseHead();
    if (this.#memory.read(this.#chunk, this.#at, this.head, fieldsMax, headBytesMax)) {
      this.#at = this.#memory.end;
      this.#finishHead();
      return true;
    }
    this.head = this.#isRequest ? new RequestHead() : new ResponseHead();
    return false;
  }

  #finishHead(): void {
    const { head } = this;
    if (this.#isRequest) finishRequestHead(head as RequestHead);
    else finishResponseHead(head as ResponseHead, this.#requestMethod);
    this.#lineBytes = 0;
    if (!this.#isRequest) {
      const { status } = head as ResponseHead;
      if (status < 200 && status !== 101) {
        // Hand out this head, then read the next: `head` must not be replaced before the caller has seen it.
        this.#state = START_LINE;
        this.#interim = true;
        return;
      }
    }
    switch (head.body) {
      case "none":
        this.#state = MESSAGE_END;
        break;
      case "length":
        this.#remaining = head.contentLength;
        this.#state = LENGTH_BODY;
        break;
      case "chunked":
        this.#state = CHUNK_SIZE;
        break;
      case "until-close":
        this.#state = CLOSE_BODY;
        break;
      case "tunnel":
        this.#state = TUNNEL;
        break;
    }
  }

  #addField(line: string, fields: Fields): void {
    if (fields.length >= this.#limits.fieldsMax) {
      throw http1Error("HTTP_HEAD_TOO_LARGE", `more than ${this.#limits.fieldsMax} header fields`);
    }
    parseFieldLine(line, fields);
  }

  #readBody(): boolean {
    const available = this.#chunk.length - this.#at;
    if (available === 0) return false;
    const size = Math.min(available, this.#remaining);
    this.data = size === this.#chunk.length ? this.#chunk : this.#chunk.subarray(this.#at, this.#at + size);
    this.#at += size;
    this.#remaining -= size;
    return true;
  }

  #readChunkSize(): boolean {
    const line = this.#readLine(CHUNK_LINE_BYTES_MAX);
    if (line === undefined) return false;
    this.#lineBytes = 0;
    // The size, then extensions, which are dropped: they are hop by hop (RFC 9112 section 7.1.1).
    const match = /^([0-9a-fA-F]{1,12})(?:[ \t]*;[\t -~\x80-\xff]*)?$/.exec(line);
    if (!match) throw http1Error("HTTP_BAD_CHUNK", `chunk size line ${JSON.stringify(line.slice(0, 40))}`);
    this.#remaining = Number.parseInt(match[1]!, 16);
    this.#state = this.#remaining === 0 ? TRAILERS : CHUNK_DATA;
    return true;
  }

  #readTrailers(): boolean {
    for (;;) {
      const line = this.#readLine(this.#limits.headBytesMax);
      if (line === undefined) return false;
      if (line === "") break;
      this.trailers ??= new Fields();
      this.#addField(line, this.trailers);
    }
    this.#lineBytes = 0;
    this.#state = MESSAGE_END;
    return true;
  }

  /**
   * The next line without its CR LF, or undefined when its end has not arrived. Limits are checked before content, and
   * on unfinished lines too, so that the outcome is the same however the bytes were cut.
   */
  #readLine(bytesMax: number): string | undefined {
    const lineFeed = this.#chunk.indexOf(LF, this.#at);
    const end = lineFeed < 0 ? this.#chunk.length : lineFeed + 1;
    const size = this.#partial.length + end - this.#at;
    if (this.#lineBytes + size > bytesMax) throw this.#tooLong(bytesMax);
    const text = this.#chunk.toString("latin1", this.#at, end);
    this.#at = end;
    const line = this.#partial === "" ? text : this.#partial + text;
    if (lineFeed < 0) {
      this.#partial = line;
      return undefined;
    }
    this.#partial = "";
    this.#lineBytes += size;
    // A CR that ends no line is caught here when it is last but one, and by the checks of names and values elsewhere.
    if (line.charCodeAt(line.length - 2) !== 0x0d) {
      throw http1Error("HTTP_BAD_LINE_END", "line ends with LF alone");
    }
    return line.slice(0, -2);
  }

  #tooLong(bytesMax: number): Error {
    if (this.#state === CHUNK_END) {
      return http1Error("HTTP_BAD_CHUNK", "chunk is longer than its size says");
    }
    if (this.#state === CHUNK_SIZE)
      return http1Error("HTTP_BAD_CHUNK", `chunk size line over ${bytesMax} bytes`);
    return http1Error("HTTP_HEAD_TOO_LARGE", `head of more than ${bytesMax} bytes`);
  }
}

const NO_BYTES = Buffer.alloc(0);
/** Stand for heads that have not come. Nobody writes to them. */
const NO_REQUEST = new RequestHead();
const NO_RESPONSE = new ResponseHead();
