import type { FlagSpec } from "../cli/command.ts";

/** Flags that the live verbs share. */

export const NAMESPACE_FLAG: FlagSpec = {
  name: "namespace",
  short: "n",
  type: "string",
  placeholder: "NAMESPACE",
  summary: "namespace of the resource (default: the context's)",
};

export const ALL_NAMESPACES_FLAG: FlagSpec = {
  name: "all-namespaces",
  short: "A",
  type: "boolean",
  summary: "resources of all namespaces",
};

export const TIME_WINDOW_FLAG: FlagSpec = {
  name: "time-window",
  short: "t",
  type: "duration",
  default: "1m",
  summary: "how far back, 15s to 10m",
};

export const SELECTOR_FLAG: FlagSpec = {
  name: "selector",
  short: "l",
  type: "string",
  placeholder: "LABELS",
  summary: "labels that the resources must have",
};

/** Formats of views; `wide` and `csv` where they mean something. */
export const STAT_FORMATS = ["table", "wide", "json", "yaml", "csv", "jsonpath"] as const;
export const EDGES_FORMATS = ["table", "wide", "json", "yaml", "jsonpath"] as const;
export const TOP_FORMATS = ["table", "json", "yaml", "csv", "jsonpath"] as const;
export const PLAIN_FORMATS = ["table", "json", "yaml", "jsonpath"] as const;

/** `-o` of a view that has these formats; read with `parseViewFormat`. */
export function outputFlag(formats: readonly string[]): FlagSpec {
  const words = formats.map((format) => (format === "jsonpath" ? "jsonpath=PATH" : format));
  return {
    name: "output",
    short: "o",
    type: "string",
    placeholder: "FORMAT",
    summary: `format: ${words.join(", ")}`,
    default: "table",
  };
}

export const WATCH_FLAG: FlagSpec = {
  name: "watch",
  short: "w",
  type: "boolean",
  summary: "keep the table on the screen, up to date (a terminal only)",
};

/** What tap and top let through. */
export const TAP_FILTER_FLAGS: readonly FlagSpec[] = [
  {
    name: "to",
    type: "string",
    placeholder: "RESOURCE",
    summary: "only requests to this resource, as clients see it",
  },
  { name: "to-namespace", type: "string", placeholder: "NAMESPACE", summary: "namespace of --to" },
  {
    name: "max-rps",
    type: "number",
    default: 100,
    summary: "requests a second that are shown, over all pods, 0 for no limit; the rest is counted",
  },
  { name: "scheme", type: "string", summary: "only requests with this scheme", choices: ["http", "https"] },
  { name: "method", type: "string", placeholder: "METHOD", summary: "only requests with this method" },
  { name: "authority", type: "string", placeholder: "HOST", summary: "only requests with this :authority" },
  { name: "path", type: "string", placeholder: "PREFIX", summary: "only requests whose path begins so" },
  {
    name: "status",
    type: "string",
    placeholder: "STATUS",
    summary: "only requests that were answered so: 404, 5xx or 500-503",
  },
  {
    name: "slower-than",
    type: "duration",
    summary: "only requests whose response took longer to begin",
  },
];
