import { defaultValues } from "./defaults.ts";
import { isTree, type ValueTree } from "./merge.ts";
import type { Values } from "./values.ts";

/** Key of Secret `meshctl-config-overrides` that holds the tree, as YAML. */
export const OVERRIDES_KEY = "overrides";

/** What each installation has anew, or keeps elsewhere: version, namespace, trust anchors. */
const NOT_KEPT = ["meshctlVersion", "namespace", "identityTrustAnchorsPem"];

/**
 * The values that differ from the defaults of their version: what somebody asked for. A later version merges them into its own
 * defaults, so that these may change.
 */
export function overridesOf(values: Values): ValueTree {
  const kept = Object.entries(values).filter(([key]) => !NOT_KEPT.includes(key));
  return difference(Object.fromEntries(kept), { ...defaultValues(values.meshctlVersion) }) ?? {};
}

/** Undefined when nothing differs. Lists differ as a whole. */
function difference(tree: ValueTree, base: ValueTree): ValueTree | undefined {
  const found: ValueTree = {};
  for (const [key, value] of Object.entries(tree)) {
    const usual = base[key];
    if (isTree(value) && isTree(usual)) {
      const inner = difference(value, usual);
      if (inner !== undefined) found[key] = inner;
    } else if (JSON.stringify(value) !== JSON.stringify(usual)) found[key] = value;
  }
  return Object.keys(found).length === 0 ? undefined : found;
}
