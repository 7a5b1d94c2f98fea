import type { Backend, Distribution, WeightedBackend } from "../../policy/outbound.ts";
import type { Balancer } from "../balance/balancer.ts";
import { pickByWeight } from "../balance/pick.ts";

export interface ChosenBackend<T extends { close(): void }> {
  readonly weighted: WeightedBackend;
  /** Undefined: the backend has no dispatcher. */
  readonly balancer: Balancer<T> | undefined;
}

/**
 * Chooses a backend of a rule: the first that is available, or by weight among those that are.
 *
 * A backend without dispatcher counts as available: the request must be seen to fail there, not to go elsewhere.
 *
 * @returns undefined when none is available: shed the request
 */
export function chooseBackend<T extends { close(): void }>(
  distribution: Distribution,
  resolve: (backend: Backend) => Balancer<T> | undefined,
  random: () => number,
): ChosenBackend<T> | undefined {
  const { backends, kind } = distribution;
  // Most rules have one backend.
  if (backends.length === 1 && kind !== "empty") {
    const weighted = backends[0]!;
    const balancer = resolve(weighted.backend);
    return balancer && !balancer.isAvailable ? undefined : { weighted, balancer };
  }
  const isReady = (index: number) => resolve(backends[index]!.backend)?.isAvailable ?? true;
  let index = -1;
  if (kind === "first-available") {
    index = backends.findIndex((_, at) => isReady(at));
  } else if (kind === "random-available") {
    index = pickByWeight(
      backends.map(({ weight }) => weight),
      isReady,
      random,
    );
  }
  const weighted = backends[index];
  return weighted && { weighted, balancer: resolve(weighted.backend) };
}

/** Whether `chooseBackend` would find a backend to send to. */
export function isAnyAvailable<T extends { close(): void }>(
  { backends, kind }: Distribution,
  resolve: (backend: Backend) => Balancer<T> | undefined,
): boolean {
  return backends.some(
    ({ weight, backend }) =>
      (kind === "first-available" || weight > 0) && (resolve(backend)?.isAvailable ?? true),
  );
}
