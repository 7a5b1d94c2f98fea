/**
 * Mergeable histogram of times with log-scale buckets: each is at most 1/16 (6.25 %) wide, so a percentile is off by half of that.
 *
 *   index 0        below 16 us: exact microseconds 0..15
 *   index 16...    16 sub-buckets for each power of two of microseconds
 *
 * On the wire: a sparse list of [index, count] pairs, ascending.
 */
export const HISTOGRAM_BUCKETS = 16 + 16 * 28;

/** The bucket of a time in microseconds (fractions dropped; negative counts as 0; over 2^32 us goes to the last). */
export function histogramIndex(us: number): number {
  const value = us < 0 ? 0 : us > 0xffffffff ? 0xffffffff : Math.floor(us);
  if (value < 16) return value;
  const exponent = 31 - Math.clz32(value);
  const sub = (value >>> (exponent - 4)) & 15;
  return Math.min(HISTOGRAM_BUCKETS - 1, 16 + (exponent - 4) * 16 + sub);
}

/** The middle of a bucket, in microseconds. */
export function histogramValueUs(index: number): number {
  if (index < 16) return index;
  const exponent = Math.floor((index - 16) / 16) + 4;
  const sub = (index - 16) % 16;
  const width = 2 ** (exponent - 4);
  return (16 + sub) * width + width / 2;
}

export type SparseHistogram = readonly (readonly [index: number, count: number])[];

/** Adds sparse counts into a dense array of `HISTOGRAM_BUCKETS`. */
export function mergeHistogram(into: Float64Array | number[], sparse: SparseHistogram): void {
  for (const [index, count] of sparse) into[index] = (into[index] ?? 0) + count;
}

/** A quantile (0 to 1) in milliseconds of dense counts, or undefined when there are none. */
export function quantileMs(counts: ArrayLike<number>, quantile: number): number | undefined {
  let total = 0;
  for (let index = 0; index < counts.length; index++) total += counts[index]!;
  if (total === 0) return undefined;
  const rank = Math.max(1, Math.ceil(total * quantile));
  let seen = 0;
  for (let index = 0; index < counts.length; index++) {
    seen += counts[index]!;
    if (seen >= rank) return histogramValueUs(index) / 1000;
  }
  return undefined;
}
