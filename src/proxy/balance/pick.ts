/**
 * Power of two choices: the less loaded of two distinct candidates drawn at random; the first on a tie.
 *
 * @param random uniform in [0, 1)
 * @returns an index below `count`, or -1 when there are no candidates
 */
export function pickOfTwo(count: number, load: (index: number) => number, random: () => number): number {
  if (count === 0) return -1;
  if (count === 1) return 0;
  const first = Math.floor(random() * count);
  let second = Math.floor(random() * (count - 1));
  if (second >= first) second++;
  return load(first) <= load(second) ? first : second;
}

/**
 * Draws by weight; when the draw is not ready, draws again among the others.
 *
 * @returns an index, or -1 when nothing with a weight is ready
 */
export function pickByWeight(
  weights: readonly number[],
  isReady: (index: number) => boolean,
  random: () => number,
): number {
  const left = [...weights];
  for (;;) {
    const total = left.reduce((sum, weight) => sum + weight, 0);
    if (total <= 0) return -1;
    let draw = random() * total;
    let index = left.findIndex((weight) => weight > 0 && (draw -= weight) < 0);
    // Rounding may leave the draw at the very end.
    if (index < 0) index = left.findLastIndex((weight) => weight > 0);
    if (isReady(index)) return index;
    left[index] = 0;
  }
}
