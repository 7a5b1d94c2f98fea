/** Numbers of HTTP/2. @see RFC 9113 sections 6, 7 and 11 */
export const H2Frame = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** `endStream` and `ack` share a bit: they belong to different frames. */
export const H2Flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const H2Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const H2Code = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const;
export type H2Code = number;

const CODE_NAMES = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

/** The name of an error code, as RFC 9113 spells it. */
export function h2CodeName(code: H2Code): string {
  return CODE_NAMES[code] ?? `code ${code}`;
}

/** The code of a name; undefined for one that nobody defined. */
export function h2CodeOf(name: string): H2Code | undefined {
  const code = CODE_NAMES.indexOf(name);
  return code < 0 ? undefined : code;
}

/** What a client sends first. */
export const H2_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const H2_FRAME_HEAD_BYTES = 9;
/** The frame size that every peer takes; we neither ask for nor send more, so that one TLS record holds a frame. */
export const H2_FRAME_BYTES_MAX = 16_384;
/** Window of a stream and of the connection before anybody has said otherwise, bytes. */
export const H2_WINDOW_BYTES = 65_535;
export const H2_WINDOW_BYTES_MAX = 2 ** 31 - 1;
export const H2_STREAM_ID_MAX = 2 ** 31 - 1;
