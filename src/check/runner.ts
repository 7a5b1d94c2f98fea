import { sleep } from "../base/clock.ts";
import { MeshError } from "../base/error.ts";
import {
  type Check,
  type CheckCategory,
  CheckFailed,
  type CheckInputs,
  type CheckResult,
  Skipped,
} from "./check.ts";

/** Pause between attempts, milliseconds. */
const RETRY_MS = 5_000;
/** Time for one attempt unless told otherwise, milliseconds. */
export const ATTEMPT_MS_DEFAULT = 30_000;

export interface RunOptions {
  readonly inputs: CheckInputs;
  /** How long failing checks are tried again, milliseconds from the start. */
  readonly waitMs: number;
  /** Time for one attempt of one check, milliseconds. */
  readonly attemptMs?: number;
  readonly signal: AbortSignal;
  /** Called as results come. */
  readonly onResult: (result: CheckResult) => void;
  /** Called while a check waits for its next attempt. */
  readonly onRetry: (check: Check, error: string) => void;
}

/** Runs categories in order. @returns whether everything but warnings succeeded */
export async function runChecks(categories: readonly CheckCategory[], options: RunOptions): Promise<boolean> {
  const deadlineMs = options.inputs.clock.monotonic() + options.waitMs;
  let success = true;
  for (const category of categories) {
    for (const check of category.checks) {
      const result = await runCheck(category.name, check, deadlineMs, options);
      if (!result) continue;
      options.onResult(result);
      if (result.outcome === "error") success = false;
      if (result.outcome === "error" && check.fatal) return false;
    }
  }
  return success;
}

async function runCheck(
  category: string,
  check: Check,
  deadlineMs: number,
  options: RunOptions,
): Promise<CheckResult | undefined> {
  const { clock } = options.inputs;
  const base = { category, label: check.label, anchor: check.anchor };
  for (;;) {
    options.signal.throwIfAborted();
    let error: string;
    let anchor = check.anchor;
    try {
      await withTimeout(check, options);
      return { ...base, outcome: "success" };
    } catch (caught) {
      if (caught instanceof Skipped) return undefined;
      options.signal.throwIfAborted();
      error = describe(caught);
      // What stood in the way of checking says more than what was to be checked.
      if ((caught instanceof MeshError || caught instanceof CheckFailed) && caught.anchor)
        anchor = caught.anchor;
    }
    if (!check.retry || clock.monotonic() + RETRY_MS > deadlineMs) {
      return { ...base, anchor, outcome: check.warning ? "warning" : "error", error };
    }
    options.onRetry(check, error);
    await sleep(clock, RETRY_MS, options.signal);
    options.inputs.forget?.();
  }
}

async function withTimeout(check: Check, options: RunOptions): Promise<void> {
  const { inputs, signal, attemptMs = ATTEMPT_MS_DEFAULT } = options;
  const over = new AbortController();
  const onAbort = () => over.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const timer = inputs.clock.schedule(attemptMs, () =>
    over.abort(new CheckFailed(`no answer within ${attemptMs / 1000} s`)),
  );
  try {
    await Promise.race([
      check.run(inputs),
      new Promise<never>((_resolve, reject) => {
        over.signal.addEventListener("abort", () => reject(over.signal.reason), { once: true });
      }),
    ]);
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

function describe(caught: unknown): string {
  if (caught instanceof MeshError && caught.hint) return `${caught.message}\n${caught.hint}`;
  if (caught instanceof Error) return caught.message;
  return String(caught);
}
