export interface PortRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

export interface PortRanges {
  readonly ranges: readonly PortRange[];
  /** Elements that are neither a port nor a range; port names are among them. */
  readonly invalid: readonly string[];
}

/** Reads `80,8000-8010`; blanks are ignored. */
export function parsePortRanges(text: string): PortRanges {
  const ranges: PortRange[] = [];
  const invalid: string[] = [];
  for (const raw of text.split(",")) {
    const item = raw.trim();
    if (item === "") continue;
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(item);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match && last >= first && last <= 65535) ranges.push({ first, last });
    else invalid.push(item);
  }
  return { ranges, invalid };
}

export function rangesContain(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some((range) => port >= range.first && port <= range.last);
}
