/** What all spans of a proxy have in common. */
export interface ResourceInput {
  readonly serviceName: string;
  /** The pod's labels, as the downward API writes them. */
  readonly labelsFile: string;
  readonly extraAttributes: string;
  readonly otelAttributes: string;
  readonly hostName: string;
  readonly pid: number;
  /** Seconds since the epoch. */
  readonly startedAt: number;
}

const DEFAULT_SERVICE = "meshctl-proxy";

/**
 * The resource's attributes. Of a name that several sources give, the last counts: service name, labels file, extra attributes,
 * `OTEL_RESOURCE_ATTRIBUTES`.
 *
 * @see reference: proxy sections 2 and 15
 */
export function resourceAttributes(input: ResourceInput): ReadonlyMap<string, string | number> {
  const attributes = new Map<string, string | number>([
    ["process.pid", input.pid],
    ["process.start_timestamp", input.startedAt],
  ]);
  if (input.hostName !== "") attributes.set("host.name", input.hostName);
  attributes.set("service.name", input.serviceName || DEFAULT_SERVICE);
  for (const text of [input.labelsFile, input.extraAttributes]) {
    for (const line of text.split("\n")) addPair(attributes, line);
  }
  for (const pair of input.otelAttributes.split(",")) addPair(attributes, pair);
  return attributes;
}

/** `key="value"`, with or without quotes. Lines that are none are left out. */
function addPair(attributes: Map<string, string | number>, line: string): void {
  const equals = line.indexOf("=");
  const key = line.slice(0, equals).trim();
  if (equals < 1 || key === "") return;
  attributes.set(
    key,
    line
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, "$1"),
  );
}
