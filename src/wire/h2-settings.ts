import { H2Error, protocolError } from "./h2-error.ts";
import {
  H2_FRAME_BYTES_MAX,
  H2_WINDOW_BYTES,
  H2_WINDOW_BYTES_MAX,
  H2Code,
  H2Setting,
} from "./h2-protocol.ts";
import { HPACK_TABLE_BYTES } from "./hpack-table.ts";

/** What we ask of a peer. */
export interface H2Settings {
  /** What a peer may send on one stream before it is taken, bytes; at least 65535, which it may send before it knows. */
  readonly streamWindowBytes: number;
  /** The same for all streams together, bytes. */
  readonly connectionWindowBytes: number;
  /** Streams that a client may have open, count; more are refused. */
  readonly concurrentStreamsMax: number;
  /** Of a request's or response's fields, each counted with 32 bytes more, inclusive. */
  readonly headerListBytesMax: number;
  /** Longest frame that a peer may send, bytes: 16384 to 16777215. */
  readonly frameBytesMax: number;
  /** Output of a connection that may wait before its streams are told to, bytes. */
  readonly sendBufferBytesMax: number;
  /** Trouble that a peer may make at once (streams that it opens and resets), count; see H2Budget. */
  readonly offencesMax: number;
}

/** @see reference: proxy section 2 (windows); the list's limit is that of HTTP/1 heads */
export const DEFAULT_H2_SETTINGS: H2Settings = {
  streamWindowBytes: 65_535,
  connectionWindowBytes: 1_048_576,
  concurrentStreamsMax: 256,
  headerListBytesMax: 65_536,
  frameBytesMax: H2_FRAME_BYTES_MAX,
  sendBufferBytesMax: 65_536,
  offencesMax: 1000,
};

export function settingsEntries(settings: H2Settings, isServer: boolean): [id: number, value: number][] {
  const entries: [number, number][] = isServer
    ? [[H2Setting.maxConcurrentStreams, settings.concurrentStreamsMax]]
    : [[H2Setting.enablePush, 0]];
  if (settings.streamWindowBytes !== H2_WINDOW_BYTES) {
    entries.push([H2Setting.initialWindowSize, settings.streamWindowBytes]);
  }
  if (settings.frameBytesMax !== H2_FRAME_BYTES_MAX) {
    entries.push([H2Setting.maxFrameSize, settings.frameBytesMax]);
  }
  entries.push([H2Setting.maxHeaderListSize, settings.headerListBytesMax]);
  return entries;
}

/** Before a server has said how many streams it takes, it is not flooded. RFC 9113 section 6.5.2 wants at least 100. */
const STREAMS_BEFORE_SETTINGS = 100;

/** What a peer asks of us, at first by default. */
export class H2PeerSettings {
  headerTableBytes = HPACK_TABLE_BYTES;
  concurrentStreamsMax = STREAMS_BEFORE_SETTINGS;
  streamWindowBytes = H2_WINDOW_BYTES;
  #isFirst = true;

  /** Takes in one SETTINGS frame. @throws H2Error for values that are not allowed */
  read(payload: Buffer): void {
    if (payload.length % 6 !== 0) throw new H2Error(H2Code.frameSizeError, "SETTINGS of a wrong size");
    if (this.#isFirst) this.concurrentStreamsMax = Number.POSITIVE_INFINITY;
    this.#isFirst = false;
    for (let at = 0; at < payload.length; at += 6) {
      this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    }
  }

  #set(id: number, value: number): void {
    switch (id) {
      case H2Setting.headerTableSize:
        this.headerTableBytes = value;
        break;
      case H2Setting.enablePush:
        if (value > 1) throw protocolError(`SETTINGS_ENABLE_PUSH is ${value}`);
        break;
      case H2Setting.maxConcurrentStreams:
        this.concurrentStreamsMax = value;
        break;
      case H2Setting.initialWindowSize:
        if (value > H2_WINDOW_BYTES_MAX)
          throw new H2Error(H2Code.flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE is too large");
        this.streamWindowBytes = value;
        break;
      case H2Setting.maxFrameSize:
        if (value < H2_FRAME_BYTES_MAX || value > 2 ** 24 - 1)
          throw protocolError(`SETTINGS_MAX_FRAME_SIZE is ${value}`);
        break;
      default:
      // SETTINGS_MAX_HEADER_LIST_SIZE is advice, which a proxy cannot follow; unknown settings are ignored.
    }
  }
}
