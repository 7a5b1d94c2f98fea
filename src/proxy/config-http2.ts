import { H2_FRAME_BYTES_MAX, H2_WINDOW_BYTES, H2_WINDOW_BYTES_MAX } from "../wire/h2-protocol.ts";
import { DEFAULT_H2_SETTINGS, type H2Settings } from "../wire/h2-settings.ts";
import { type ConfigReader, tryParseCount } from "./config-env.ts";

/** How one side of the proxy serves HTTP/2. */
export interface Http2ServerConfig {
  readonly settings: H2Settings;
  /** PINGs to clients that are silent; undefined: none. */
  readonly keepAlive: { readonly intervalMs: number; readonly timeoutMs: number } | undefined;
}

/** Time that a PING's answer may take where only the interval is set, ms. */
const PING_TIMEOUT_MS = 20_000;
const UINT32_MAX = 2 ** 32 - 1;
const FRAME_BYTES_LIMIT = 2 ** 24 - 1;

/** HTTP2_INITIAL_*: what the proxy asks of the servers that it calls over HTTP/2. */
export function readHttp2Client(reader: ConfigReader, warnings: string[]): H2Settings {
  return { ...DEFAULT_H2_SETTINGS, ...readWindows(reader, "HTTP2", warnings) };
}

/**
 * INBOUND_SERVER_HTTP2_* or OUTBOUND_SERVER_HTTP2_*.
 *
 * Two of them mean something of our own: the send buffer is that of a connection, not of a stream, and "pending accept reset
 * streams" are all that a client opens and resets (there is no queue of streams that were not accepted yet).
 */
export function readHttp2Server(
  reader: ConfigReader,
  side: "INBOUND" | "OUTBOUND",
  warnings: string[],
): Http2ServerConfig {
  const stem = `${side}_SERVER_HTTP2`;
  const defaults = DEFAULT_H2_SETTINGS;
  if (reader.boolean(`${stem}_ADAPTIVE_FLOW_CONTROL`, false)) {
    warnings.push(`${stem}_ADAPTIVE_FLOW_CONTROL=true is not supported: windows keep their size`);
  }
  return {
    settings: {
      ...readWindows(reader, stem, warnings),
      concurrentStreamsMax: reader.count(`${stem}_MAX_CONCURRENT_STREAMS`, defaults.concurrentStreamsMax),
      headerListBytesMax: readUint32(reader, `${stem}_MAX_HEADER_LIST_SIZE`, defaults.headerListBytesMax),
      frameBytesMax: reader.parse(
        `${stem}_MAX_FRAME_SIZE`,
        defaults.frameBytesMax,
        `a number of bytes from ${H2_FRAME_BYTES_MAX} to ${FRAME_BYTES_LIMIT}`,
        (text) => {
          const bytes = tryParseCount(text, FRAME_BYTES_LIMIT);
          return bytes !== undefined && bytes >= H2_FRAME_BYTES_MAX ? bytes : undefined;
        },
      ),
      sendBufferBytesMax: readUint32(reader, `${stem}_MAX_SEND_BUF_SIZE`, defaults.sendBufferBytesMax),
      offencesMax: reader.count(`${stem}_MAX_PENDING_ACCEPT_RESET_STREAMS`, defaults.offencesMax),
    },
    keepAlive: readKeepAlive(reader, stem, warnings),
  };
}

function readKeepAlive(
  reader: ConfigReader,
  stem: string,
  warnings: string[],
): Http2ServerConfig["keepAlive"] {
  const intervalMs = reader.durationMs(`${stem}_KEEP_ALIVE_INTERVAL`, undefined);
  const timeoutMs = reader.durationMs(`${stem}_KEEP_ALIVE_TIMEOUT`, undefined);
  if (intervalMs === undefined || intervalMs === 0) {
    if (timeoutMs !== undefined) warnings.push(`${stem}_KEEP_ALIVE_TIMEOUT has no effect without _INTERVAL`);
    return undefined;
  }
  return { intervalMs, timeoutMs: timeoutMs ?? PING_TIMEOUT_MS };
}

function readWindows(
  reader: ConfigReader,
  stem: string,
  warnings: string[],
): Pick<H2Settings, "streamWindowBytes" | "connectionWindowBytes"> {
  return {
    streamWindowBytes: readWindow(
      reader,
      `${stem}_INITIAL_STREAM_WINDOW_SIZE`,
      DEFAULT_H2_SETTINGS.streamWindowBytes,
      warnings,
    ),
    connectionWindowBytes: readWindow(
      reader,
      `${stem}_INITIAL_CONNECTION_WINDOW_SIZE`,
      DEFAULT_H2_SETTINGS.connectionWindowBytes,
      warnings,
    ),
  };
}

/** A peer may send 65535 bytes before it has heard of any window (RFC 9113 section 6.9.2), so that less cannot be had. */
function readWindow(reader: ConfigReader, suffix: string, fallback: number, warnings: string[]): number {
  const bytes = reader.parse(suffix, fallback, `a number of bytes up to ${H2_WINDOW_BYTES_MAX}`, (text) =>
    tryParseCount(text, H2_WINDOW_BYTES_MAX),
  );
  if (bytes >= H2_WINDOW_BYTES) return bytes;
  warnings.push(`${suffix}=${bytes} is less than HTTP/2 can bind a peer to: ${H2_WINDOW_BYTES} is used`);
  return H2_WINDOW_BYTES;
}

function readUint32(reader: ConfigReader, suffix: string, fallback: number): number {
  return reader.parse(suffix, fallback, "a number of bytes", (text) => tryParseCount(text, UINT32_MAX));
}
