/** One line of values in the Prometheus text format. */
export interface PromSeries {
  /** Without the suffixes of histograms: `_bucket`, `_sum` and `_count` are in `suffix`. */
  readonly family: string;
  readonly suffix: "" | "_bucket" | "_sum" | "_count";
  /** As the family's `# TYPE` line says; `untyped` without one. */
  readonly type: "counter" | "gauge" | "histogram" | "summary" | "untyped";
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? +(\S+)(?: +-?\d+)?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/gy;

/**
 * Reads the Prometheus text format. Lines that are none are skipped, as scrapers do with what they do not know.
 *
 * Whether a name's suffix belongs to a histogram is known from the `# TYPE` lines before it.
 */
export function parsePromText(text: string): PromSeries[] {
  const types = new Map<string, PromSeries["type"]>();
  const series: PromSeries[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) {
      const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line);
      if (type) types.set(type[1]!, type[2] as PromSeries["type"]);
      continue;
    }
    const parsed = LINE.exec(line);
    const labels = parsed && parseLabels(parsed[2] ?? "");
    if (!parsed || !labels) continue;
    const name = parsed[1]!;
    const suffix = (/_(?:bucket|sum|count)$/.exec(name)?.[0] ?? "") as PromSeries["suffix"];
    const stem = name.slice(0, name.length - suffix.length);
    const stemType = types.get(stem);
    const isHistogram = suffix !== "" && (stemType === "histogram" || stemType === "summary");
    series.push({
      family: isHistogram ? stem : name,
      suffix: isHistogram ? suffix : "",
      type: (isHistogram ? stemType : types.get(name)) ?? "untyped",
      labels,
      value: parseValue(parsed[3]!),
    });
  }
  return series;
}

function parseLabels(text: string): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const label = LABEL.exec(text);
    if (!label) return undefined;
    labels[label[1]!] = label[2]!.replaceAll(/\\(.)/g, (_, escaped) => (escaped === "n" ? "\n" : escaped));
  }
  return labels;
}

function parseValue(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}
