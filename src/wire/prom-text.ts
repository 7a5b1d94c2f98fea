/**
 * The Prometheus text format.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export const PROM_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** What linkerd2-proxy writes at the end. */
export const PROM_END = "# EOF\n";

export interface PromHead {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
}

/** The lines before a family's samples. */
export function encodePromHead({ name, help, type }: PromHead): string {
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
}

/** One line. @param labels as `encodeLabels` gives them, without braces */
export function encodePromSample(name: string, labels: string, value: number): string {
  const number = encodePromNumber(value);
  return labels === "" ? `${name} ${number}\n` : `${name}{${labels}} ${number}\n`;
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
