/** What the first bytes of a connection are. */
export type HttpDetection = "http/1" | "http/2" | "not-http";

/** Bytes that decide: fewer than this and nothing is HTTP. */
export const DETECT_BYTES_MIN = 14;

const PREFACE = "PRI * HTTP/2.0";

/**
 * Recognises HTTP by the first read of a connection: a request line that is at least begun properly.
 *
 * @param bytes as much as arrived in one read; fewer than 14 bytes are not HTTP
 * @see linkerd2-proxy linkerd/http/detect (one read, at least 14 bytes)
 */
export function detectHttp(bytes: Buffer): HttpDetection {
  if (bytes.length < DETECT_BYTES_MIN) return "not-http";
  const text = bytes.toString("latin1", 0, Math.min(bytes.length, 1024));
  if (text.startsWith(PREFACE)) return "http/2";
  const lineEnd = text.indexOf("\n");
  const line = lineEnd < 0 ? text : text.slice(0, lineEnd).replace(/\r$/, "");
  return isRequestLineStart(line, lineEnd >= 0) ? "http/1" : "not-http";
}

/** Whether a server's first bytes are a SETTINGS frame: how HTTP/2 servers begin, before their client has said anything. */
export function isHttp2Settings(bytes: Buffer): boolean {
  if (bytes.length < 9) return false;
  // Length, a multiple of six and no more than a few settings; type 4, no flags, stream 0.
  return bytes.readUIntBE(0, 3) % 6 === 0 && bytes[0] === 0 && bytes.readUIntBE(3, 6) === 0x0400_0000_0000;
}

/** `METHOD SP target SP HTTP/1.x`, or a beginning of it when the line has not ended. */
function isRequestLineStart(line: string, isComplete: boolean): boolean {
  // A method of more than 32 characters is nobody's; without a bound any long word would count as one.
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32})( (?:([!-~\x80-\xff]+)( ([^\n]*))?)?)?$/.exec(line);
  if (!match) return false;
  const version = match[5];
  if (isComplete) return version !== undefined && /^HTTP\/1\.[01]$/.test(version);
  if (match[2] === undefined) return true;
  return version === undefined || "HTTP/1.".startsWith(version) || /^HTTP\/1\.[01]\r?$/.test(version);
}
