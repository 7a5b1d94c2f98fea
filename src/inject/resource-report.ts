/** What happened to one object of the input. */
export interface ResourceReport {
  /** Lower case; "" when the document has none. */
  readonly kind: string;
  readonly name: string;
  readonly outcome: "injected" | "annotated" | "uninjected" | "skipped" | "failed";
  readonly hostNetwork: boolean;
  readonly sidecar: boolean;
  readonly disabled: boolean;
  readonly udpPorts: boolean;
  /** Whether injection is possible for this kind of object at all. */
  readonly supported: boolean;
  /** Why it failed. */
  readonly failure?: string;
  /** Malformed annotations and the like. */
  readonly warnings: readonly string[];
}

/** A report about something that injection has no business with. */
export function skippedReport(kind: string, name: string): ResourceReport {
  return {
    kind: kind.toLowerCase(),
    name,
    outcome: "skipped",
    hostNetwork: false,
    sidecar: false,
    disabled: false,
    udpPorts: false,
    supported: false,
    warnings: [],
  };
}

export interface RenderOptions {
  /** Also lines for what did not occur. */
  readonly verbose: boolean;
  /** Marks in colour. */
  readonly colors: boolean;
}

/** The report on stderr: warnings by condition, then a line for each object (reference cli 3.4). */
export function renderInjectReport(reports: readonly ResourceReport[], options: RenderOptions): string {
  const mark = (symbol: string, color: number) =>
    options.colors ? `\u001b[${color};1m${symbol}\u001b[0m` : symbol;
  const warn = mark("‼", 33);
  const fine = mark("√", 32);
  const lines: string[] = [];
  const condition = (
    matches: readonly ResourceReport[],
    problem: (names: string) => string,
    absence: string,
  ): void => {
    if (matches.length > 0) lines.push(`${warn} ${problem(matches.map(fullName).join(", "))}`);
    else if (options.verbose) lines.push(`${fine} ${absence}`);
  };
  condition(
    reports.filter((report) => report.hostNetwork),
    (names) => `"hostNetwork: true" detected in ${names}`,
    "pods do not use host networking",
  );
  condition(
    reports.filter((report) => report.sidecar),
    (names) => `known 3rd party sidecar detected in ${names}`,
    "pods do not have a proxy or initContainer already injected",
  );
  condition(
    reports.filter((report) => report.disabled),
    (names) => `"meshctl.io/inject: disabled" annotation set on ${names}`,
    "pods are not annotated to disable injection",
  );
  if (!reports.some((report) => report.supported)) lines.push(`${warn} no supported objects found`);
  else if (options.verbose) lines.push(`${fine} at least one resource can be injected or annotated`);
  const udp = reports.filter((report) => report.udpPorts);
  condition(
    udp,
    (names) => `${names} ${udp.length > 1 ? "use" : "uses"} "protocol: UDP"`,
    "pod specs do not include UDP ports",
  );
  for (const report of reports) {
    for (const warning of report.warnings) lines.push(`${warn} ${fullName(report)}: ${warning}`);
  }
  if (lines.length > 0) lines.push("");
  return `\n${[...lines, ...reports.map(summaryLine)].join("\n")}\n\n`;
}

/** The report of `uninject`: a line for each object. */
export function renderUninjectReport(reports: readonly ResourceReport[]): string {
  return `\n${reports.map(summaryLine).join("\n")}\n\n`;
}

export function fullName(report: ResourceReport): string {
  return `${report.kind}/${report.name}`;
}

function summaryLine(report: ResourceReport): string {
  if (report.kind === "") return 'document missing "kind" field, skipped';
  const failure = report.failure === undefined ? "" : `: ${report.failure}`;
  return `${report.kind} "${report.name}" ${report.outcome}${failure}`;
}
