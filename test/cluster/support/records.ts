/** What a pod's proxy remembers of the exchanges that passed through it. */
import { execIn } from "./cluster.ts";

export interface ExchangeRecord {
  readonly direction: "inbound" | "outbound";
  readonly path: string;
  /** The endpoint that got it. */
  readonly server: string;
  /** Milliseconds of the proxy's clock, whole. */
  readonly openedAtMs: number;
  /** Microseconds from then on. */
  readonly closedUs: number;
  readonly status: number;
  readonly error: string;
  readonly attempts: number;
}

/** Everything that the proxy of the client's pod has sent. Asked from within the pod: others may not read it. */
export async function sentBy(namespace: string, pod: string): Promise<ReadonlyMap<string, ExchangeRecord>> {
  const command = ["curl", "-sSf", "http://127.0.0.1:4191/records"];
  const { stdout } = await execIn(namespace, pod, command);
  const [, ...lines] = stdout.trim().split("\n");
  const records = lines.map((line) => JSON.parse(line) as ExchangeRecord);
  return new Map(
    records.filter(({ direction }) => direction === "outbound").map((record) => [record.path, record]),
  );
}

export function closedAtMs(record: ExchangeRecord): number {
  return record.openedAtMs + record.closedUs / 1000;
}
