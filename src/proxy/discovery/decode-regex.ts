import { undecodable } from "./decode-values.ts";

/**
 * A regular expression of a policy as one of JavaScript's. Policies are written for Rust's engine: its leading flags `(?i)` and named
 * groups `(?P<name>...)` are translated; what else differs is refused by the engine and invalidates the policy.
 *
 * Threat: unlike Rust's, this engine backtracks, so a hostile pattern can cost exponential time. Patterns come from whoever may
 * write routes in the cluster, not from clients.
 *
 * @throws MeshError `POLICY_UNDECODABLE`
 */
export function decodeRegex(source: string, where: string): RegExp {
  let body = source.replaceAll("(?P<", "(?<");
  let flags = "u";
  const leading = /^\(\?([ims]+)\)/.exec(body);
  if (leading) {
    flags += [...new Set(leading[1])].join("");
    body = body.slice(leading[0].length);
  }
  try {
    return new RegExp(body, flags);
  } catch {
    try {
      // The Unicode mode refuses needless escapes such as `\-` and `\/`, which Rust allows.
      return new RegExp(body, flags.replace("u", ""));
    } catch (cause) {
      throw undecodable(
        where,
        `bad regular expression ${JSON.stringify(source)}: ${(cause as Error).message}`,
      );
    }
  }
}
