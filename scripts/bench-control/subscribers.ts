import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ClientCredentials } from "./credentials.ts";
import type { SubscriberOrder, SubscriberReport, SubscriberTotals } from "./messages.ts";

const PROGRAM = fileURLToPath(new URL("subscriber.ts", import.meta.url));

export interface Subscribe {
  readonly host: string;
  readonly port: number;
  readonly identity: string;
  readonly credentials: ClientCredentials;
  readonly paths: readonly string[];
}

/** Several processes of subscribers, as one. */
export class Subscribers {
  readonly #children: ChildProcess[];

  constructor(processes: number) {
    this.#children = Array.from({ length: processes }, () =>
      fork(PROGRAM, { stdio: ["ignore", "inherit", "inherit", "ipc"] }),
    );
  }

  /** @returns when everything has been answered, ms of the monotonic clock */
  subscribe({ host, port, identity, credentials, paths }: Subscribe): Promise<number> {
    const answered = this.#answered();
    for (const [index, child] of this.#children.entries()) {
      const own = paths.filter((_, number) => number % this.#children.length === index);
      order(child, { do: "subscribe", host, port, identity, ...credentials, paths: own });
    }
    return answered;
  }

  /** From now on: when everything has been answered once more. */
  answeredAgain(): Promise<number> {
    for (const child of this.#children) order(child, { do: "expect again" });
    return this.#answered();
  }

  /** What came since the last report. */
  async report(): Promise<SubscriberTotals[]> {
    return Promise.all(
      this.#children.map(async (child) => {
        const totals = next(child, (report) => (report.kind === "totals" ? report : undefined));
        order(child, { do: "report" });
        return totals;
      }),
    );
  }

  end(): void {
    for (const child of this.#children) if (child.connected) order(child, { do: "end" });
  }

  async #answered(): Promise<number> {
    const times = await Promise.all(
      this.#children.map((child) =>
        next(child, (report) => {
          if (report.kind === "refused") throw new Error(`a subscription was refused: ${report.message}`);
          return report.kind === "answered" ? report.atMs : undefined;
        }),
      ),
    );
    return Math.max(...times);
  }
}

function order(child: ChildProcess, message: SubscriberOrder): void {
  child.send(message);
}

/** The first report that is wanted. */
function next<T>(child: ChildProcess, wanted: (report: SubscriberReport) => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      try {
        const value = wanted(message as SubscriberReport);
        if (value === undefined) return;
        child.off("message", onMessage);
        resolve(value);
      } catch (error) {
        child.off("message", onMessage);
        reject(error);
      }
    };
    child.on("message", onMessage);
    child.once("exit", (code) => reject(new Error(`subscribers ended with ${code}`)));
  });
}
