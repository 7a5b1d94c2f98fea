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
  const { backends } = distribution;
  const isReady = (index: number) => resolve(backends[index]!.backend)?.isAvailable ?? true;
  let index = -1;
  if (distribution.kind === "first-available") {
    index = backends.findIndex((_, at) => isReady(at));
  } else if (distribution.kind === "random-available") {
    index = pickByWeight(
      backends.map(({ weight }) => weight),
      isReady,
      random,
    );
  }
  const weighted = backends[index];
  return weighted && { weighted, balancer: resolve(weighted.backend) };
}
