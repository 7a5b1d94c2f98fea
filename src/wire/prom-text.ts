/** One metric family, ready to be written. */
export interface PromFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: Iterable<PromSample>;
}

export interface PromSample {
  /** After the family's name: `_bucket`, `_sum`, `_count`, or nothing. */
  readonly suffix?: string;
  /** As `encodeLabels` gives them, without braces: `direction="inbound",tls="true"`. */
  readonly labels: string;
  readonly value: number;
}

export const PROM_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Families in the Prometheus text format, with `# EOF` at the end as linkerd2-proxy writes it. A family without samples
 * is left out.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function encodePromText(families: Iterable<PromFamily>): string {
  const parts: string[] = [];
  for (const family of families) {
    let headed = false;
    for (const sample of family.samples) {
      if (!headed) {
        parts.push(
          `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.type}\n`,
        );
        headed = true;
      }
      const labels = sample.labels === "" ? "" : `{${sample.labels}}`;
      parts.push(`${family.name}${sample.suffix ?? ""}${labels} ${encodePromNumber(sample.value)}\n`);
    }
  }
  parts.push("# EOF\n");
  return parts.join("");
}

/** Labels in the order given. An empty value stays, as upstream renders its optional labels. */
export function encodeLabels(labels: Readonly<Record<string, string | number>>): string {
  let text = "";
  for (const name in labels) {
    text += `${text === "" ? "" : ","}${name}="${escapeLabel(String(labels[name]))}"`;
  }
  return text;
}

/** A label's value with backslash, quote and newline escaped. */
export function escapeLabel(value: string): string {
  return /[\\"\n]/.test(value)
    ? value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")
    : value;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

export function encodePromNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return Number.isNaN(value) ? "NaN" : String(value);
}
