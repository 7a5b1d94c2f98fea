/**
 * A change adds an endpoint with an address of its own to a Service, the next one of that Service takes it away again. The address
 * tells which change a message is about, and nobody has to decode whole messages for it.
 */

/** Addresses 198.18.0.0/15 are for benchmarks (RFC 2544); this many are told apart. */
export const MARKERS_MAX = 65_536;

export function markerIp(marker: number): string {
  return `198.18.${marker >> 8}.${marker & 255}`;
}

export function markerOf(ip: string): number | undefined {
  const [first, second, high, low] = ip.split(".").map(Number);
  return first === 198 && second === 18 ? (high! << 8) | low! : undefined;
}

/** The change that adds a marker, or takes it away. */
export function changeId(marker: number, isRemoval: boolean): number {
  return marker * 2 + (isRemoval ? 1 : 0);
}

/** On the wire an address is a little-endian number after its tag (field 1, 32 bits). */
const TAG = 0x0d;
const END = Buffer.from([18, 198]);
/** First byte of an update that removes (field 2 of the message). */
const REMOVE = 0x12;

/** The change that an update is about; undefined when it is about another. */
export function readMarker(update: Uint8Array): number | undefined {
  const bytes = Buffer.from(update.buffer, update.byteOffset, update.length);
  for (let at = bytes.indexOf(END); at >= 3; at = bytes.indexOf(END, at + 1)) {
    if (bytes[at - 3] !== TAG) continue;
    return changeId((bytes[at - 1]! << 8) | bytes[at - 2]!, bytes[0] === REMOVE);
  }
  return undefined;
}
