/** What a container does at a moment, as statuses show it. Times are milliseconds since the epoch. */
export type ContainerState =
  | { readonly type: "waiting"; readonly reason: string; readonly message?: string }
  | { readonly type: "running"; readonly startedAtMs: number }
  | TerminatedState;

export interface TerminatedState {
  readonly type: "terminated";
  readonly exitCode: number;
  readonly signal: number;
  readonly reason: string;
  readonly message: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly pid: number | undefined;
}

/** What the pod's status needs to know of one container. */
export interface ContainerView {
  readonly name: string;
  readonly image: string;
  /** `init` runs once, `sidecar` is an init container that stays, `main` is the application. */
  readonly role: "init" | "sidecar" | "main";
  readonly state: ContainerState;
  readonly lastState: TerminatedState | undefined;
  readonly restartCount: number;
  readonly ready: boolean;
  readonly started: boolean;
  readonly pid: number | undefined;
  /** It will not run again. */
  readonly isFinished: boolean;
}
