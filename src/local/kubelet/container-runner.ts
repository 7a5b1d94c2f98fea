import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Backoff } from "../../base/backoff.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { ContainerState, ContainerView, TerminatedState } from "./container-state.ts";
import { ConfigError } from "./environment.ts";
import type { Launch, LaunchOutcome } from "./launch.ts";
import { LogFile } from "./log-file.ts";
import type { ContainerSpec, HandlerSpec, ProbeSpec } from "./pod-spec.ts";
import { attemptHandler, type ProbeTarget } from "./probe.ts";
import { ProbeLoop } from "./probe-loop.ts";
import { type ContainerProcess, spawnProcess } from "./process.ts";
import { terminatedState } from "./terminated-state.ts";

export interface ContainerRunnerOptions {
  readonly spec: ContainerSpec;
  readonly role: ContainerView["role"];
  readonly restartPolicy: "Always" | "OnFailure" | "Never";
  readonly clock: Clock;
  readonly random: () => number;
  /** The container's directory: logs and termination log. */
  readonly dir: string;
  /** Works out the process anew for each start. */
  readonly prepare: () => LaunchOutcome;
  readonly probeTarget: Pick<ProbeTarget, "host" | "sourceHost" | "resolvePort">;
  /** How long the process has after SIGTERM when a probe ends it. */
  readonly graceMs: number;
  /** Something that statuses show has changed. */
  readonly onChange: () => void;
  readonly onEvent: (type: "Normal" | "Warning", reason: string, message: string) => void;
}

/** Restarts wait 1 s, 2 s, ... 5 min; a run of ten minutes starts over, as upstream (which begins with 10 s). */
const RESTART_MS_MIN = 1000;
const RESTART_MS_MAX = 300_000;
const STABLE_RUN_MS = 600_000;
const CONFIG_RETRY_MS = 2000;
const HOOK_MS_MAX = 30_000;

/**
 * Keeps one container running as its restart policy says.
 *
 * ```
 *   waiting(ContainerCreating) --prepared--> running --exit--> terminated --policy--> waiting(CrashLoopBackOff) --> running
 *        |        ^                            |                   |
 *        '--------'  missing ConfigMap,        'stop()--> SIGTERM  '--finished: no restart, or stopped
 *                    image not runnable                   --> SIGKILL
 * ```
 */
export class ContainerRunner {
  readonly #options: ContainerRunnerOptions;
  readonly #backoff: Backoff;
  #state: ContainerState = { type: "waiting", reason: "PodInitializing" };
  #lastState: TerminatedState | undefined;
  #restartCount = 0;
  #ready = false;
  #started = false;
  #finished = false;
  #stopping = false;
  #process: ContainerProcess | undefined;
  #launch: Launch | undefined;
  #log: LogFile | undefined;
  #previousLog: LogFile | undefined;
  #probes: ProbeLoop[] = [];
  #wake: (() => void) | undefined;
  #supervision: Promise<void> | undefined;
  #onStarted!: () => void;
  #onFinished!: () => void;

  /** The first time that the container has started, its startup probe included. */
  readonly whenStarted: Promise<void>;
  /** It has ended and will not run again. */
  readonly whenFinished: Promise<void>;

  constructor(options: ContainerRunnerOptions) {
    this.#options = options;
    this.#backoff = new Backoff({
      minMs: RESTART_MS_MIN,
      maxMs: RESTART_MS_MAX,
      jitterRatio: 0,
      random: options.random,
    });
    this.whenStarted = new Promise((resolve) => {
      this.#onStarted = resolve;
    });
    this.whenFinished = new Promise((resolve) => {
      this.#onFinished = resolve;
    });
  }

  get view(): ContainerView {
    const { spec, role } = this.#options;
    return {
      name: spec.name,
      image: spec.image ?? "",
      role,
      state: this.#state,
      lastState: this.#lastState,
      restartCount: this.#restartCount,
      ready: this.#ready,
      started: this.#started,
      pid: this.#process?.pid,
      isFinished: this.#finished,
    };
  }

  /** Output of the present run, or of the last one when none runs. */
  get log(): LogFile | undefined {
    return this.#log;
  }

  get previousLog(): LogFile | undefined {
    return this.#previousLog;
  }

  start(): void {
    if (this.#supervision || this.#stopping) return;
    this.#set({ type: "waiting", reason: "ContainerCreating" });
    this.#supervision = this.#supervise();
  }

  /** An object that the container may wait for has changed: tries again at once if it does wait. */
  poke(): void {
    const isConfig = this.#state.type === "waiting" && this.#state.reason !== "CrashLoopBackOff";
    if (isConfig) this.#wake?.();
  }

  /**
   * Ends it: the preStop hook, SIGTERM, and SIGKILL when the grace is over. Resolves when the process is gone.
   *
   * Calling again with less grace shortens the wait.
   */
  async stop(graceMs: number): Promise<void> {
    const isFirst = !this.#stopping;
    this.#stopping = true;
    this.#wake?.();
    if (!this.#supervision) return this.#finish();
    const running = this.#process;
    if (running && !isFirst) this.#killAfter(running, graceMs);
    else if (running) await this.#end(running, graceMs);
    await this.#supervision;
  }

  async #end(running: ContainerProcess, graceMs: number): Promise<void> {
    this.#leaveProbes();
    if (this.#ready) {
      this.#ready = false;
      this.#options.onChange();
    }
    this.#killAfter(running, graceMs);
    const hook = this.#options.spec.lifecycle?.preStop;
    if (hook && graceMs > 0) {
      await Promise.race([this.#runHook(hook, "preStop", graceMs), running.exited]);
    }
    running.terminate();
  }

  #killAfter(running: ContainerProcess, graceMs: number): void {
    if (graceMs <= 0) {
      running.kill();
      return;
    }
    const timer = this.#options.clock.schedule(graceMs, () => running.kill());
    void running.exited.then(() => timer.cancel());
  }

  async #supervise(): Promise<void> {
    while (!this.#stopping) {
      const launch = this.#prepare();
      if (!launch) {
        await this.#pause(CONFIG_RETRY_MS);
        continue;
      }
      const terminated = await this.#runOnce(launch);
      this.#set(terminated);
      if (this.#stopping || !this.#restartsAfter(terminated)) break;
      await this.#waitToRestart(terminated);
    }
    this.#finish();
  }

  #prepare(): Launch | undefined {
    try {
      const outcome = this.#options.prepare();
      if (outcome.type === "launch") return outcome.launch;
      this.#wait(outcome.reason, outcome.message);
    } catch (caught) {
      if (!(caught instanceof ConfigError)) throw caught;
      this.#wait("CreateContainerConfigError", caught.message);
    }
    return undefined;
  }

  #wait(reason: string, message: string): void {
    const isNews =
      this.#state.type !== "waiting" || this.#state.reason !== reason || this.#state.message !== message;
    if (!isNews) return;
    this.#options.onEvent("Warning", reason === "ImageNotRunnable" ? reason : "Failed", message);
    this.#set({ type: "waiting", reason, message });
  }

  async #runOnce(launch: Launch): Promise<TerminatedState> {
    const { clock, dir, spec } = this.#options;
    mkdirSync(dir, { recursive: true });
    rmSync(launch.terminationLog, { force: true });
    this.#previousLog = this.#log;
    rmSync(join(dir, `${this.#restartCount - 2}.log`), { force: true });
    const log = new LogFile(join(dir, `${this.#restartCount}.log`), clock);
    this.#log = log;
    this.#launch = launch;
    const startedAtMs = clock.now();
    const child = spawnProcess({
      ...launch,
      clock,
      onOutput: (stream, text) => log.append(stream, text),
    });
    this.#process = child;
    if (child.pid !== undefined) {
      this.#options.onEvent("Normal", "Started", `Started container ${spec.name}`);
      this.#set({ type: "running", startedAtMs });
      // A stop that came while it was being prepared has found no process to end.
      if (this.#stopping) child.terminate();
      else void this.#afterStart(child);
    }
    const exit = await child.exited;
    log.end();
    this.#leaveProbes();
    this.#process = undefined;
    this.#ready = false;
    this.#started = false;
    return terminatedState({
      exit,
      launch,
      log,
      startedAtMs,
      finishedAtMs: clock.now(),
      pid: child.pid,
      wasStopped: this.#stopping,
      usesLog: spec.terminationMessagePolicy === "FallbackToLogsOnError",
    });
  }

  async #afterStart(child: ContainerProcess): Promise<void> {
    const { spec } = this.#options;
    const isCurrent = (): boolean => this.#process === child && !this.#stopping;
    if (spec.lifecycle?.postStart) {
      const ok = await this.#runHook(spec.lifecycle.postStart, "postStart", HOOK_MS_MAX * 10);
      if (!isCurrent()) return;
      if (!ok) return this.#restartUnhealthy(child, `FailedPostStartHook: container ${spec.name}`);
    }
    if (spec.startupProbe) {
      this.#probe(spec.startupProbe, "Startup", true, (isOk, message) => {
        if (!isCurrent()) return;
        if (!isOk) return this.#restartUnhealthy(child, `failed startup probe: ${message}`);
        this.#leaveProbes();
        this.#becomeStarted(child);
      });
      return;
    }
    this.#becomeStarted(child);
  }

  #becomeStarted(child: ContainerProcess): void {
    const { spec } = this.#options;
    this.#started = true;
    this.#ready = spec.readinessProbe === undefined;
    this.#onStarted();
    this.#options.onChange();
    if (spec.readinessProbe) {
      this.#probe(spec.readinessProbe, "Readiness", true, (isOk) => {
        if (this.#process !== child || this.#ready === isOk) return;
        this.#ready = isOk;
        this.#options.onChange();
      });
    }
    if (spec.livenessProbe) {
      this.#probe(spec.livenessProbe, "Liveness", false, (isOk, message) => {
        if (!isOk && this.#process === child)
          this.#restartUnhealthy(child, `failed liveness probe: ${message}`);
      });
    }
  }

  #probe(
    spec: ProbeSpec,
    name: string,
    isEager: boolean,
    onVerdict: (ok: boolean, message: string) => void,
  ): void {
    this.#probes.push(
      new ProbeLoop({
        spec,
        clock: this.#options.clock,
        isEager,
        attempt: (timeoutMs) => attemptHandler(spec, this.#target(), timeoutMs),
        onVerdict,
        onFailure: (message) =>
          this.#options.onEvent("Warning", "Unhealthy", `${name} probe failed: ${message}`),
      }),
    );
  }

  #target(): ProbeTarget {
    const launch = this.#launch!;
    return {
      ...this.#options.probeTarget,
      clock: this.#options.clock,
      exec: { argvOf: launch.argvOf, env: () => launch.env, cwd: launch.cwd },
    };
  }

  async #runHook(hook: HandlerSpec, name: string, timeoutMs: number): Promise<boolean> {
    const result = await attemptHandler(hook, this.#target(), timeoutMs);
    if (!result.ok) {
      const reason = name === "preStop" ? "FailedPreStopHook" : "FailedPostStartHook";
      this.#options.onEvent("Warning", reason, `${name} hook failed: ${result.message}`);
    }
    return result.ok;
  }

  #restartUnhealthy(child: ContainerProcess, message: string): void {
    this.#leaveProbes();
    this.#options.onEvent(
      "Normal",
      "Killing",
      `Container ${this.#options.spec.name} ${message}, will be restarted`,
    );
    child.terminate();
    this.#killAfter(child, this.#options.graceMs);
  }

  #leaveProbes(): void {
    for (const probe of this.#probes) probe.stop();
    this.#probes = [];
  }

  #restartsAfter(terminated: TerminatedState): boolean {
    const { restartPolicy, role } = this.#options;
    if (role === "sidecar") return true;
    if (terminated.exitCode === 0) return role === "main" && restartPolicy === "Always";
    return restartPolicy !== "Never";
  }

  async #waitToRestart(terminated: TerminatedState): Promise<void> {
    if (terminated.finishedAtMs - terminated.startedAtMs > STABLE_RUN_MS) this.#backoff.reset();
    const delayMs = this.#backoff.nextMs();
    this.#lastState = terminated;
    this.#restartCount++;
    const { name } = this.#options.spec;
    const text = `back-off ${Math.round(delayMs / 1000)}s restarting failed container=${name}`;
    if (terminated.reason === "AppBindsWildcard") {
      this.#set({ type: "waiting", reason: "AppBindsWildcard", message: terminated.message });
    } else {
      this.#set({ type: "waiting", reason: "CrashLoopBackOff", message: text });
    }
    this.#options.onEvent("Warning", "BackOff", `Back-off restarting failed container ${name}`);
    await this.#pause(delayMs);
  }

  /** Waits, unless a poke or a stop ends the wait. */
  #pause(delayMs: number): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const timer: Timer = this.#options.clock.schedule(delayMs, () => this.#wake?.());
      this.#wake = () => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #finish(): void {
    this.#finished = true;
    // A container that was stopped while it waited never ran again: it counts as ended.
    this.#onFinished();
    this.#options.onChange();
  }

  #set(state: ContainerState): void {
    this.#state = state;
    this.#options.onChange();
  }
}
