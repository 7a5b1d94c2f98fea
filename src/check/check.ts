import type { Clock } from "../base/clock.ts";
import type { KubeClient } from "../kube/client.ts";

/** What every check is given; none relies on another one's side effects. */
export interface CheckInputs {
  /** Opens the cluster. Each call gives the same client, or the same failure. */
  readonly kube: () => Promise<KubeClient>;
  /** Makes the client ask anew what it has answered before; called before a check is tried again. */
  readonly forget?: () => void;
  /** Control-plane namespace. */
  readonly namespace: string;
  /** Namespace of the data plane to check; undefined: all. */
  readonly dataPlaneNamespace: string | undefined;
  readonly cliVersion: string;
  readonly expectedVersion: string | undefined;
  readonly clock: Clock;
}

export interface Check {
  /** Section of the hints page. */
  readonly anchor: string;
  /** What holds when it succeeds. */
  readonly label: string;
  /** A failure ends the run: what follows cannot succeed. */
  readonly fatal?: true;
  /** A failure is told but fails nothing. */
  readonly warning?: true;
  /** Tried again every 5 s until the time to wait is over: things that take a moment after an installation. */
  readonly retry?: true;
  /** Resolves when it holds. @throws CheckFailed, Skipped, or a MeshError of the cluster */
  readonly run: (inputs: CheckInputs) => Promise<void>;
}

export interface CheckCategory {
  readonly name: string;
  readonly checks: readonly Check[];
}

/** The statement does not hold; the message says why, with the objects. */
export class CheckFailed extends Error {
  /** Section of the hints page about the cause, where it is a better one than the check's. */
  readonly anchor: string | undefined;

  constructor(message: string, anchor?: string) {
    super(message);
    this.anchor = anchor;
  }
}

/** There is nothing to check. Counts as success and prints nothing. */
export class Skipped extends Error {}

export type CheckOutcome = "success" | "warning" | "error";

export interface CheckResult {
  readonly category: string;
  readonly label: string;
  readonly anchor: string;
  readonly outcome: CheckOutcome;
  readonly error?: string;
  /** Where more is said, when that is not our own page: an extension's. */
  readonly hint?: string;
}
