/**
 * Variables of Linkerd's proxy that this one knows and does not honour yet. Each is warned about when its value asks for something
 * else than what happens anyway; the pattern says which values do not.
 *
 * @see reference: proxy section 2
 */
const ANYTHING = /^/;
const NOTHING = /^$/;

const IGNORED: Readonly<Record<string, RegExp>> = {
  // Keys stay in memory.
  IDENTITY_DIR: ANYTHING,
  DESTINATION_PROFILE_INITIAL_TIMEOUT: NOTHING,
  // Not read by Linkerd's proxy of today either.
  TRACE_PROTOCOL: ANYTHING,
  TRACE_ANNOTATIONS_PATH: ANYTHING,
  // The control plane reads it from the pod.
  INBOUND_PORTS_REQUIRE_IDENTITY: ANYTHING,
  INBOUND_PORTS_REQUIRE_TLS: NOTHING,
};

/** Linkerd's proxy doubles the prefix of these by mistake; ours go before them. */
export const SPIRE_BACKOFFS = [
  "IDENTITY_SPIRE_EXP_BACKOFF",
  "LINKERD2_PROXY_IDENTITY_SPIRE_EXP_BACKOFF",
] as const;

/** What SPIRE decides in the place of the identity service. These are not asked for, then. */
const OF_NO_EFFECT_WITH_SPIRE: ReadonlySet<string> = new Set([
  "IDENTITY_TRUST_ANCHORS",
  "IDENTITY_TRUST_ANCHORS_FILE",
  "IDENTITY_TOKEN_FILE",
  "IDENTITY_SVC_ADDR",
  "IDENTITY_SVC_NAME",
  "IDENTITY_MIN_REFRESH",
  "IDENTITY_MAX_REFRESH",
]);

export const UNSUPPORTED_SUFFIXES: readonly string[] = Object.keys(IGNORED);

/**
 * Sorts variables that the configuration did not ask for.
 *
 * @param names full names, as set
 * @returns warning lines: what is known and not honoured, what is unknown
 */
export function ignoredWarnings(
  names: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const ignored: string[] = [];
  const unknown: string[] = [];
  const withSpire: string[] = [];
  const withoutSpire: string[] = [];
  for (const name of names) {
    const suffix = name.replace(/^(MESHCTL|LINKERD2)_PROXY_/, "");
    const harmless = Object.hasOwn(IGNORED, suffix) ? IGNORED[suffix] : undefined;
    if (OF_NO_EFFECT_WITH_SPIRE.has(suffix)) withSpire.push(name);
    else if (SPIRE_BACKOFFS.some((stem) => suffix.startsWith(`${stem}_`))) withoutSpire.push(name);
    else if (!harmless) unknown.push(name);
    else if (!harmless.test(env[name]!.trim())) ignored.push(name);
  }
  const warnings: string[] = [];
  if (ignored.length > 0) warnings.push(`set, but not honoured by this version: ${ignored.join(", ")}`);
  if (withSpire.length > 0) warnings.push(`set, but of no effect with SPIRE: ${withSpire.join(", ")}`);
  if (withoutSpire.length > 0)
    warnings.push(`set, but of no effect without SPIRE: ${withoutSpire.join(", ")}`);
  if (unknown.length > 0) warnings.push(`set, but unknown (a typing error?): ${unknown.join(", ")}`);
  return warnings;
}
