import type { ChildProcess } from "node:child_process";

/** Two proxies that carry the same traffic as others, at the same time, at addresses of their own. */
export interface Contestant {
  readonly name: string;
  /** Where clients find a port of its backend. */
  readonly entryHost: string;
  readonly outbound: number;
  readonly inbound: number;
}

/** The process behind `ip netns exec ... setpriv ...`: all of them replace themselves, so it is the child itself. */
export function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("a program did not start");
  return child.pid;
}
