import fc from "fast-check";

/** One claim about a codec that random input tries to break. */
export interface FuzzTarget {
  /** A claim: what holds, whatever comes. */
  readonly name: string;
  readonly property: fc.IProperty<never> | fc.IProperty<[unknown, ...unknown[]]> | fc.IRawProperty<unknown>;
}

/** @throws Error with seed, path and the smallest input that breaks the claim */
export function runTarget(
  target: FuzzTarget,
  options: { readonly seed: number; readonly runs: number },
): void {
  fc.assert(target.property as fc.IRawProperty<unknown>, {
    seed: options.seed,
    numRuns: options.runs,
    // The counterexample is the point; the runner's own line says the seed.
    verbose: false,
  });
}

/** Bytes cut at random places; the numbers shrink to no cut. */
export function cut(whole: Buffer, cuts: readonly number[]): Buffer[] {
  const points = [...new Set(cuts.map((each) => (whole.length === 0 ? 0 : each % whole.length)))].sort(
    (left, right) => left - right,
  );
  return [...points, whole.length].map((end, index) => whole.subarray(points[index - 1] ?? 0, end));
}

export const CUTS = fc.array(fc.nat(), { maxLength: 8 });

/** Text of bytes: each character is one, 0 to 255. */
export const LATIN1 = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 12,
});

/** Parts put together to something that is nearly what a parser expects, and some of its bytes changed. */
export function damaged(parts: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 });
  return fc.tuple(parts, damage).map(([text, changes]) => {
    const bytes = Buffer.from(text, "latin1");
    for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
    return bytes;
  });
}
