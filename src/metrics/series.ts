/** One series: a family, and a set of label values. It is its own handle on hot paths: finding it costs nothing more. */
export class Series {
  readonly labels: string;
  value = 0;
  /** Histogram: counts of each bucket, the last is +Inf. */
  readonly counts: Float64Array | undefined;
  /** Touched since the last scrape: cheaper than to ask the clock at each update. */
  touched = true;
  /** The last scrape that found it touched. */
  usedAt: number;
  /** Whether its family still has it. A handle outlives that: the next use puts it back. */
  isHeld = true;
  readonly #bounds: readonly number[];
  readonly #takeBack: (series: Series) => Series;
  /** Where updates go instead: another series took this one's place while it was out of its family. */
  #heir: Series | undefined;

  /**
   * @param bounds   histogram: upper bounds, ascending, without +Inf; undefined for single values
   * @param takeBack asks the family for the series that updates of a dropped one go to
   */
  constructor(
    labels: string,
    bounds: readonly number[] | undefined,
    now: number,
    takeBack: (series: Series) => Series,
  ) {
    this.labels = labels;
    this.#bounds = bounds ?? [];
    this.counts = bounds && new Float64Array(bounds.length + 1);
    this.usedAt = now;
    this.#takeBack = takeBack;
  }

  add(amount: number): void {
    const held = this.isHeld ? this : this.#held();
    held.value += amount;
    held.touched = true;
  }

  set(value: number): void {
    const held = this.isHeld ? this : this.#held();
    held.value = value;
    held.touched = true;
  }

  observe(value: number): void {
    const held = this.isHeld ? this : this.#held();
    const counts = held.counts!;
    counts[bucketOf(held.#bounds, value)]!++;
    held.value += value;
    held.touched = true;
  }

  /** Counts what was sorted into buckets elsewhere. `observed` adds to the sum. */
  observeSorted(bucket: number, count: number, observed: number): void {
    const held = this.isHeld ? this : this.#held();
    held.counts![bucket]! += count;
    held.value += observed;
    held.touched = true;
  }

  /** Leaves the family. What it counted is forgotten, as a scraper sees the series end. */
  drop(): void {
    this.isHeld = false;
    this.value = 0;
    this.counts?.fill(0);
  }

  #held(): Series {
    if (this.#heir?.isHeld) return this.#heir;
    const heir = this.#takeBack(this);
    if (heir === this) this.isHeld = true;
    else this.#heir = heir;
    return heir;
  }
}

/** Index of the first bound that holds the value; the number of bounds when none does. */
function bucketOf(bounds: readonly number[], value: number): number {
  for (let index = 0; index < bounds.length; index++) if (value <= bounds[index]!) return index;
  return bounds.length;
}
