import { encodePromNumber } from "../../wire/prom-text.ts";

interface MergedFamily {
  /** `# HELP` and `# TYPE`. */
  readonly head: string;
  /** By name and labels, as they are written. */
  readonly values: Map<string, number>;
}

/** What each thread would say of the same thing: the first text's is taken. */
const OF_THE_PROCESS = /^(process_|proxy_)/;
/** What each worker says of the same set, or for how long: the largest is taken. */
const OF_A_SET = /_balancer_((p2c_)?endpoints|queue_gate_\w+_seconds)$/;

/**
 * One exposition of a pod out of those of its threads, as registries render them: series of the same name and labels are
 * added up, buckets of histograms too.
 *
 * @param texts the main thread's first: metrics of the process count from it alone
 */
export function mergeMetrics(texts: readonly string[]): string {
  const families = new Map<string, MergedFamily>();
  texts.forEach((text, index) => {
    for (const block of text.split(/^(?=# HELP )/m)) addBlock(families, block, index === 0);
  });
  const parts: string[] = [];
  for (const { head, values } of families.values()) {
    parts.push(head);
    for (const [series, value] of values) parts.push(`${series} ${encodePromNumber(value)}\n`);
  }
  parts.push("# EOF\n");
  return parts.join("");
}

/** Adds one family: two lines of comment, then its series. */
function addBlock(families: Map<string, MergedFamily>, block: string, isFirst: boolean): void {
  const head = /^# HELP (\S+) .*\n# TYPE .*\n/.exec(block);
  if (!head) return;
  const name = head[1]!;
  if (OF_THE_PROCESS.test(name) && !isFirst) return;
  const isOfSet = OF_A_SET.test(name);
  let family = families.get(name);
  if (!family) {
    family = { head: head[0], values: new Map() };
    families.set(name, family);
  }
  for (const line of block.slice(head[0].length).split("\n")) {
    const space = line.lastIndexOf(" ");
    if (space < 0 || line.startsWith("#")) continue;
    const series = line.slice(0, space);
    const text = line.slice(space + 1);
    const value = text === "+Inf" ? Number.POSITIVE_INFINITY : Number(text);
    const known = family.values.get(series);
    if (known === undefined) family.values.set(series, value);
    else family.values.set(series, isOfSet ? Math.max(known, value) : known + value);
  }
}
