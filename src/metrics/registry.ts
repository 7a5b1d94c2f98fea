import type { Clock } from "../base/clock.ts";
import { encodeLabels, encodePromText, type PromFamily, type PromSample } from "../wire/prom-text.ts";

/** Label names and values, in the order in which they are written. */
export type Labels = Readonly<Record<string, string | number>>;

export interface Counter {
  /** Adds to the series of these labels. */
  add(amount?: number, labels?: Labels): void;
  /** The series itself, for hot paths: labels are encoded once. Its use keeps it alive. */
  with(labels: Labels): { add(amount: number): void };
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
  with(labels: Labels): { set(value: number): void; add(amount: number): void };
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
  with(labels: Labels): { observe(value: number): void };
}

export interface RegistryOptions {
  readonly clock: Clock;
  /** Series of one family; more are folded into one whose label values are `other`. Default 1024. */
  readonly seriesMax?: number;
  /** A series with labels that no scrape for so long found touched is dropped at the next. Default 10 minutes; 0: never. */
  readonly retainIdleMs?: number;
}

export interface Registry {
  counter(name: string, help: string): Counter;
  gauge(name: string, help: string): Gauge;
  /** @param buckets upper bounds, ascending, without +Inf */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  /** Called at each scrape, before anything is read. */
  onScrape(collect: () => void): void;
  /** Everything in the Prometheus text format. */
  render(): string;
}

interface Series {
  readonly labels: string;
  value: number;
  /** Histogram: counts of each bucket, the last is +Inf. */
  readonly counts: Float64Array | undefined;
  /** Touched since the last scrape: cheaper than to ask the clock at each update. */
  touched: boolean;
  /** The last scrape that found it touched. */
  usedAt: number;
  /** No longer in its family: handles look it up again. */
  dropped: boolean;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly buckets: readonly number[];
  readonly series: Map<string, Series>;
}

/**
 * Metric families with bounded series: a label whose values come from outside (authorities, addresses) can never take
 * memory without end. What was folded is counted in `metrics_series_folded_total{family}`.
 */
export function createRegistry(options: RegistryOptions): Registry {
  const { clock } = options;
  const seriesMax = options.seriesMax ?? 1024;
  const retainIdleMs = options.retainIdleMs ?? 600_000;
  const families = new Map<string, Family>();
  const collectors: (() => void)[] = [];

  const family = (
    name: string,
    help: string,
    type: Family["type"],
    buckets: readonly number[] = [],
  ): Family => {
    const known = families.get(name);
    if (known) return known;
    const made: Family = { name, help, type, buckets, series: new Map() };
    families.set(name, made);
    return made;
  };
  const folded = family(
    "metrics_series_folded_total",
    "Updates of series beyond the limit of a family",
    "counter",
  );

  const seriesOf = (of: Family, labels: Labels): Series => {
    const key = encodeLabels(labels);
    const known = of.series.get(key);
    if (known) {
      known.touched = true;
      return known;
    }
    if (key !== "" && of !== folded && of.series.size >= seriesMax) {
      seriesOf(folded, { family: of.name }).value++;
      const other = encodeLabels(Object.fromEntries(Object.keys(labels).map((name) => [name, "other"])));
      return of.series.get(other) ?? add(of, other);
    }
    return add(of, key);
  };
  const add = (to: Family, labels: string): Series => {
    const counts = to.type === "histogram" ? new Float64Array(to.buckets.length + 1) : undefined;
    const made: Series = {
      labels,
      value: 0,
      counts,
      touched: true,
      usedAt: clock.monotonic(),
      dropped: false,
    };
    to.series.set(labels, made);
    return made;
  };

  /**
   * A handle survives that its series was dropped: it is looked up again by its labels then, so that a family never has
   * a series that nobody sees.
   */
  const handle = (of: Family, labels: Labels, apply: (series: Series, amount: number) => void) => {
    let series = seriesOf(of, labels);
    return (amount: number): void => {
      if (series.dropped) series = seriesOf(of, labels);
      series.touched = true;
      apply(series, amount);
    };
  };

  const dropIdle = (): void => {
    const now = clock.monotonic();
    for (const { series } of families.values()) {
      for (const [key, one] of series) {
        if (one.touched) one.usedAt = now;
        one.touched = false;
        if (retainIdleMs === 0 || key === "" || now - one.usedAt <= retainIdleMs) continue;
        one.dropped = true;
        series.delete(key);
      }
    }
  };

  return {
    counter(name, help) {
      const of = family(name, help, "counter");
      return {
        add: (amount = 1, labels = {}) => {
          seriesOf(of, labels).value += amount;
        },
        with: (labels) => ({ add: handle(of, labels, increase) }),
      };
    },
    gauge(name, help) {
      const of = family(name, help, "gauge");
      return {
        set: (value, labels = {}) => {
          seriesOf(of, labels).value = value;
        },
        with: (labels) => ({ set: handle(of, labels, assign), add: handle(of, labels, increase) }),
      };
    },
    histogram(name, help, buckets) {
      const of = family(name, help, "histogram", buckets);
      const observe = (series: Series, value: number): void => {
        series.counts![bucketOf(buckets, value)]!++;
        series.value += value;
      };
      return {
        observe: (value, labels = {}) => observe(seriesOf(of, labels), value),
        with: (labels) => ({ observe: handle(of, labels, observe) }),
      };
    },
    onScrape(collect) {
      collectors.push(collect);
    },
    render() {
      for (const collect of collectors) collect();
      dropIdle();
      return encodePromText([...families.values()].map(toProm));
    },
  };
}

function increase(series: Series, amount: number): void {
  series.value += amount;
}

function assign(series: Series, value: number): void {
  series.value = value;
}

/** Index of the first bound that holds the value; the number of bounds when none does. */
function bucketOf(bounds: readonly number[], value: number): number {
  for (let index = 0; index < bounds.length; index++) if (value <= bounds[index]!) return index;
  return bounds.length;
}

function toProm(family: Family): PromFamily {
  return { ...family, samples: samplesOf(family) };
}

function* samplesOf(family: Family): Generator<PromSample> {
  for (const series of family.series.values()) {
    if (!series.counts) {
      yield { labels: series.labels, value: series.value };
      continue;
    }
    const prefix = series.labels === "" ? "" : `${series.labels},`;
    let total = 0;
    for (let index = 0; index < series.counts.length; index++) {
      total += series.counts[index]!;
      const bound = family.buckets[index];
      yield { suffix: "_bucket", labels: `${prefix}le="${bound ?? "+Inf"}"`, value: total };
    }
    yield { suffix: "_sum", labels: series.labels, value: series.value };
    yield { suffix: "_count", labels: series.labels, value: total };
  }
}
