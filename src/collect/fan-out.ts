import { type MeshError, toMeshError } from "../base/error.ts";

/** Requests that are under way at once. */
const CONCURRENT_MAX = 32;

/** What came of asking many. Every one asked is in one of the lists. */
export interface FanOut<T, R> {
  readonly answered: readonly { readonly from: T; readonly value: R }[];
  readonly failed: readonly { readonly from: T; readonly reason: string; readonly error: MeshError }[];
}

/**
 * Asks each of `targets`, 32 at a time. A failure (`ask` rejects) is a result and never stops the others; only an
 * aborted signal does.
 *
 * @param ask must itself keep a deadline
 */
export async function fanOut<T, R>(
  targets: readonly T[],
  ask: (target: T) => Promise<R>,
  signal?: AbortSignal,
): Promise<FanOut<T, R>> {
  const results = new Array<{ value: R } | { error: MeshError }>(targets.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < targets.length) {
      signal?.throwIfAborted();
      const index = next++;
      try {
        results[index] = { value: await ask(targets[index]!) };
      } catch (error) {
        results[index] = { error: toMeshError(error) };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENT_MAX, targets.length) }, worker));
  signal?.throwIfAborted();
  const answered: { from: T; value: R }[] = [];
  const failed: { from: T; reason: string; error: MeshError }[] = [];
  for (const [index, result] of results.entries()) {
    const from = targets[index]!;
    if ("value" in result) answered.push({ from, value: result.value });
    else failed.push({ from, reason: result.error.message, error: result.error });
  }
  return { answered, failed };
}

/**
 * Throws when nobody answered because the user lacks a right: that is no gap in an answer but no answer.
 *
 * @throws MeshError `KUBE_FORBIDDEN`
 */
export function requireAllowed<T, R>({ answered, failed }: FanOut<T, R>): void {
  if (answered.length > 0 || failed.length === 0) return;
  if (failed.every(({ error }) => error.code === "KUBE_FORBIDDEN")) throw failed[0]!.error;
}
