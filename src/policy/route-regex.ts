/**
 * A regular expression of a route as one of JavaScript's. Routes are written for Rust's engine: its leading flags `(?i)` and named
 * groups `(?P<name>...)` are translated; what else differs is refused.
 *
 * Threat: unlike Rust's, this engine backtracks, so a hostile pattern can cost exponential time. Patterns come from whoever may
 * write routes in the cluster, not from clients.
 *
 * @returns the pattern, or what is wrong with it
 */
export function tryCompileRegex(source: string): RegExp | { readonly problem: string } {
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
      return { problem: (cause as Error).message };
    }
  }
}
