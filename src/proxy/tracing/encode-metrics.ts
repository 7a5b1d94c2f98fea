import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ExportMetricsServiceRequestSchema } from "../../api/gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import type { KeyValueSchema } from "../../api/gen/opentelemetry/proto/common/v1/common_pb.js";
import {
  AggregationTemporality,
  type HistogramDataPointSchema,
  type MetricSchema,
  type NumberDataPointSchema,
} from "../../api/gen/opentelemetry/proto/metrics/v1/metrics_pb.js";
import { VERSION } from "../../base/version.ts";
import type { PromSeries } from "../../wire/prom-parse.ts";
import { encodeAttribute } from "./encode-spans.ts";

type MetricInit = MessageInitShape<typeof MetricSchema>;
type Attributes = MessageInitShape<typeof KeyValueSchema>[];

/** When the series began to count, and when they were read, ns since the epoch. */
interface Times {
  readonly startTimeUnixNano: bigint;
  readonly timeUnixNano: bigint;
}

/**
 * What `/metrics` says, as OTLP has it: the same names and labels, so that dashboards need not care which way a number came.
 *
 * Counters are cumulative sums; histograms have the counts between bounds, where the text has those below each.
 */
export function encodeMetrics(
  resource: ReadonlyMap<string, string | number>,
  series: readonly PromSeries[],
  times: Times,
): MessageInitShape<typeof ExportMetricsServiceRequestSchema> {
  const families = Map.groupBy(series, ({ family }) => family);
  const metrics = [...families].map(([name, members]) => encodeFamily(name, members, times));
  return {
    resourceMetrics: [
      {
        resource: { attributes: [...resource].map(encodeAttribute) },
        scopeMetrics: [{ scope: { name: "meshctl-proxy", version: VERSION }, metrics }],
      },
    ],
  };
}

function encodeFamily(name: string, members: readonly PromSeries[], times: Times): MetricInit {
  const aggregationTemporality = AggregationTemporality.CUMULATIVE;
  switch (members[0]!.type) {
    case "histogram":
      return {
        name,
        data: {
          case: "histogram",
          value: { dataPoints: encodeHistograms(members, times), aggregationTemporality },
        },
      };
    case "counter":
      return {
        name,
        data: {
          case: "sum",
          value: {
            dataPoints: members.map((one) => encodeNumber(one, times)),
            aggregationTemporality,
            isMonotonic: true,
          },
        },
      };
    default:
      return {
        name,
        data: { case: "gauge", value: { dataPoints: members.map((one) => encodeNumber(one, times)) } },
      };
  }
}

function encodeNumber(
  { labels, value }: PromSeries,
  times: Times,
): MessageInitShape<typeof NumberDataPointSchema> {
  return { ...times, attributes: encodeLabels(labels), value: { case: "asDouble", value } };
}

interface Histogram {
  readonly attributes: Attributes;
  readonly bounds: number[];
  /** Of those at or below each bound; the last is of all. */
  readonly totals: number[];
  sum: number;
}

function encodeHistograms(
  members: readonly PromSeries[],
  times: Times,
): MessageInitShape<typeof HistogramDataPointSchema>[] {
  const histograms = new Map<string, Histogram>();
  for (const { labels, suffix, value } of members) {
    const { le, ...own } = labels;
    const key = JSON.stringify(own);
    let histogram = histograms.get(key);
    if (!histogram) {
      histogram = { attributes: encodeLabels(own), bounds: [], totals: [], sum: 0 };
      histograms.set(key, histogram);
    }
    if (suffix === "_sum") histogram.sum = value;
    if (suffix !== "_bucket") continue;
    if (le !== "+Inf") histogram.bounds.push(Number(le));
    histogram.totals.push(value);
  }
  return [...histograms.values()].map(({ attributes, bounds, totals, sum }) => ({
    ...times,
    attributes,
    count: BigInt(totals.at(-1) ?? 0),
    sum,
    explicitBounds: bounds,
    bucketCounts: totals.map((total, index) => BigInt(total - (totals[index - 1] ?? 0))),
  }));
}

function encodeLabels(labels: Readonly<Record<string, string>>): Attributes {
  return Object.entries(labels).map(encodeAttribute);
}
