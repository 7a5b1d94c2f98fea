/** The client that never stops asking, and what it remembers. */
import { until } from "../../support/until.ts";
import { execIn, LIMIT_MS } from "./cluster.ts";
import { deployment } from "./objects.ts";

export interface LoadReport {
  readonly sent: number;
  readonly answered: number;
  readonly failures: readonly {
    readonly id: string;
    /** Milliseconds of the client's clock. */
    readonly started: number;
    readonly ended: number;
    readonly problem: string;
  }[];
  /** Answers by the pod, and by the version, that gave them. */
  readonly pods: Readonly<Record<string, number>>;
  readonly versions: Readonly<Record<string, number>>;
  readonly lastAnswer: number;
  readonly now: number;
}

/** Where the client reports, in its pod. */
const CONTROL_PORT = 9000;

export function loadClient(namespace: string, url: string, ...flags: string[]): object[] {
  const command = ["app", "load", `--url=${url}`, ...flags];
  return deployment({ namespace, name: "load", command, readyTcp: [CONTROL_PORT] });
}

export async function readLoad(namespace: string): Promise<LoadReport> {
  const { stdout } = await execIn(namespace, "deploy/load", [
    "curl",
    "-sSf",
    `http://127.0.0.1:${CONTROL_PORT}/`,
  ]);
  return JSON.parse(stdout) as LoadReport;
}

/** Waits until `count` more requests than `before` have been answered. */
export function answeredSince(namespace: string, before: LoadReport, count: number): Promise<LoadReport> {
  return until(
    `${count} more answers`,
    async () => {
      const report = await readLoad(namespace);
      return report.answered >= before.answered + count && report;
    },
    LIMIT_MS,
  );
}

export function describeFailures(report: LoadReport): string {
  const shown = report.failures.slice(0, 10).map((failure) => JSON.stringify(failure));
  return `${report.failures.length} of ${report.sent} failed\n${shown.join("\n")}`;
}
