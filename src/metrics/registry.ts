import type { Clock } from "../base/clock.ts";
import { encodeLabels, encodePromHead, encodePromSample, PROM_END } from "../wire/prom-text.ts";
import { Series } from "./series.ts";

/** Label names and values, in the order in which they are written. */
export type Labels = Readonly<Record<string, string | number>>;

/** A series of a counter, for hot paths: labels are encoded once. Its use keeps it alive. */
export interface CounterSeries {
  add(amount: number): void;
}

export interface HistogramSeries {
  observe(value: number): void;
  /** Counts what was sorted into buckets elsewhere. @param observed sum of what is counted */
  observeSorted(bucket: number, count: number, observed: number): void;
}

export interface Counter {
  /** Adds to the series of these labels. */
  add(amount?: number, labels?: Labels): void;
  with(labels: Labels): CounterSeries;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
  with(labels: Labels): { set(value: number): void; add(amount: number): void };
  /** Forgets every series: for gauges that a scrape collects anew. */
  clear(): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
  with(labels: Labels): HistogramSeries;
}

/** A family as it was declared. */
export interface FamilyDescription {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** Histogram: upper bounds, ascending, without +Inf. */
  readonly buckets: readonly number[];
  /** Every label that a series of it can have; a series may lack some. */
  readonly labels: readonly string[];
}

export interface RegistryOptions {
  readonly clock: Clock;
  /** Series of one family; more are folded into one whose label values are `other`. Default 1024. */
  readonly seriesMax?: number;
  /** A series with labels that no scrape for so long found touched is dropped at the next. Default 10 minutes; 0: never. */
  readonly retainIdleMs?: number;
}

export interface Registry {
  /** Names are declared once; a second call gives the same family. `labels` are for descriptions: series state their own. */
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  /** @param buckets upper bounds, ascending, without +Inf */
  histogram(name: string, help: string, buckets: readonly number[], labels?: readonly string[]): Histogram;
  /** Called at each scrape, before anything is read. */
  onScrape(collect: () => void): void;
  /** Everything in the Prometheus text format. */
  render(): string;
  /**
   * The same with a pause after every few series, for processes that have something else to do. Two that ask at once get one
   * answer. What cannot be cut is the joining at the end: of 12 MB, which a thousand series of a histogram with 25 buckets make, 14
   * to 40 ms.
   */
  renderInTurns(pause: () => Promise<unknown>): Promise<string>;
  /** What can appear, whether or not it has series by now. */
  describe(): readonly FamilyDescription[];
}

interface Family extends FamilyDescription {
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

  const declare = (description: FamilyDescription): Family => {
    const known = families.get(description.name);
    if (known) return known;
    const made: Family = { ...description, series: new Map() };
    families.set(description.name, made);
    return made;
  };
  const folded = declare({
    name: "metrics_series_folded_total",
    help: "Times that a label set found no place in a full family",
    type: "counter",
    buckets: [],
    labels: ["family"],
  });

  /** The series that a set of labels is counted in; it may be `other`. */
  const seriesOf = (of: Family, labels: Labels): Series => {
    const key = encodeLabels(labels);
    const known = of.series.get(key);
    if (known) {
      known.touched = true;
      return known;
    }
    return key !== "" && isFull(of) ? otherOf(of, key) : hold(of, create(of, key));
  };
  const isFull = (of: Family): boolean => of !== folded && of.series.size >= seriesMax;
  const otherOf = (of: Family, labels: string): Series => {
    seriesOf(folded, { family: of.name }).value++;
    const other = labels.replaceAll(/="(?:[^"\\]|\\.)*"/g, '="other"');
    return of.series.get(other) ?? hold(of, create(of, other));
  };
  const create = (of: Family, labels: string): Series => {
    const bounds = of.type === "histogram" ? of.buckets : undefined;
    return new Series(labels, bounds, clock.monotonic(), (dropped) => takeBack(of, dropped));
  };
  const hold = (by: Family, series: Series): Series => {
    by.series.set(series.labels, series);
    return series;
  };
  const takeBack = (of: Family, dropped: Series): Series => {
    const successor = of.series.get(dropped.labels);
    if (successor) return successor;
    return isFull(of) ? otherOf(of, dropped.labels) : hold(of, dropped);
  };

  const dropIdle = (): void => {
    const now = clock.monotonic();
    for (const { series } of families.values()) {
      for (const [key, one] of series) {
        if (one.touched) one.usedAt = now;
        one.touched = false;
        if (retainIdleMs === 0 || key === "" || now - one.usedAt <= retainIdleMs) continue;
        one.drop();
        series.delete(key);
      }
    }
  };

  function* parts(): Generator<string> {
    for (const collect of collectors) collect();
    dropIdle();
    for (const family of families.values()) {
      yield* renderFamily(family, [...family.buckets.map(String), "+Inf"]);
    }
    yield PROM_END;
  }

  /** Whoever asks while it runs gets the same: collectors must not change what is being read. */
  let rendering: Promise<string> | undefined;
  const inTurns = async (pause: () => Promise<unknown>): Promise<string> => {
    const text: string[] = [];
    for (const part of parts()) {
      text.push(part);
      await pause();
    }
    return text.join("");
  };

  return {
    counter(name, help, labels = []) {
      const of = declare({ name, help, type: "counter", buckets: [], labels });
      return {
        add: (amount = 1, series = {}) => seriesOf(of, series).add(amount),
        with: (series) => seriesOf(of, series),
      };
    },
    gauge(name, help, labels = []) {
      const of = declare({ name, help, type: "gauge", buckets: [], labels });
      return {
        set: (value, series = {}) => seriesOf(of, series).set(value),
        with: (series) => seriesOf(of, series),
        clear() {
          for (const series of of.series.values()) series.drop();
          of.series.clear();
        },
      };
    },
    histogram(name, help, buckets, labels = []) {
      const of = declare({ name, help, type: "histogram", buckets, labels });
      return {
        observe: (value, series = {}) => seriesOf(of, series).observe(value),
        with: (series) => seriesOf(of, series),
      };
    },
    onScrape(collect) {
      collectors.push(collect);
    },
    render() {
      let text = "";
      for (const part of parts()) text += part;
      return text;
    },
    renderInTurns(pause) {
      rendering ??= inTurns(pause).finally(() => {
        rendering = undefined;
      });
      return rendering;
    },
    describe: () => [...families.values()],
  };
}

/** Series between two pauses of `renderInTurns`: some milliseconds' worth. */
const SERIES_A_TURN = 100;

/** A family as text, a part at a time. Of what the families of a proxy can grow to, most is the buckets of histograms. */
function* renderFamily(family: Family, bounds: readonly string[]): Generator<string> {
  const { name } = family;
  let part = encodePromHead(family);
  let count = 0;
  for (const series of family.series.values()) {
    part += series.counts
      ? renderHistogram(name, series, bounds)
      : encodePromSample(name, series.labels, series.value);
    if (++count % SERIES_A_TURN !== 0) continue;
    yield part;
    part = "";
  }
  if (count > 0) yield part;
}

function renderHistogram(name: string, { labels, counts, value }: Series, bounds: readonly string[]): string {
  const bucket = `${name}_bucket{${labels === "" ? "" : `${labels},`}le="`;
  let text = "";
  let total = 0;
  for (let index = 0; index < counts!.length; index++) {
    total += counts![index]!;
    text += `${bucket}${bounds[index]}"} ${total}\n`;
  }
  return (
    text + encodePromSample(`${name}_sum`, labels, value) + encodePromSample(`${name}_count`, labels, total)
  );
}
