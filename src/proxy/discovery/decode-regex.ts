import { tryCompileRegex } from "../../policy/route-regex.ts";
import { undecodable } from "./decode-values.ts";

/**
 * A regular expression of a policy. One that cannot be compiled invalidates the policy.
 *
 * @throws MeshError `POLICY_UNDECODABLE`
 */
export function decodeRegex(source: string, where: string): RegExp {
  const pattern = tryCompileRegex(source);
  if (pattern instanceof RegExp) return pattern;
  throw undecodable(where, `bad regular expression ${JSON.stringify(source)}: ${pattern.problem}`);
}
