import { formatGoDuration } from "../base/duration.ts";
import { MeshError } from "../base/error.ts";
import { CONFIG_PREFIX } from "../base/names.ts";
import { mergeTrees } from "../values/merge.ts";
import { optionKey, PROXY_FLAGS, treeFromFlags, type ValueFlag, valueAt } from "../values/proxy-flags.ts";
import { validateValues } from "../values/validate.ts";
import type { Values } from "../values/values.ts";
import { applyAnnotations } from "./config-annotations.ts";

/** Flags of `inject` that no installation has: each is an annotation only. */
export const INJECT_ONLY_FLAGS: readonly { readonly flag: ValueFlag["flag"]; readonly annotation: string }[] =
  [
    {
      flag: {
        name: "require-identity-on-inbound-ports",
        type: "list",
        placeholder: "PORTS",
        summary: "inbound ports that refuse clients without identity",
      },
      annotation: `${CONFIG_PREFIX}proxy-require-identity-inbound-ports`,
    },
    {
      flag: {
        name: "enable-external-profiles",
        type: "boolean",
        summary: "look up profiles of names outside the cluster",
      },
      annotation: `${CONFIG_PREFIX}enable-external-profiles`,
    },
    {
      flag: {
        name: "enable-debug-sidecar",
        type: "boolean",
        summary: "add a container for looking at the pod's network",
      },
      annotation: `${CONFIG_PREFIX}enable-debug-sidecar`,
    },
    {
      flag: {
        name: "access-log",
        type: "string",
        placeholder: "FORMAT",
        summary: "log each request",
        choices: ["apache", "json", "off"],
      },
      annotation: `${CONFIG_PREFIX}access-log`,
    },
    {
      flag: {
        name: "shutdown-grace-period",
        type: "duration",
        placeholder: "DURATION",
        summary: "how long open connections may last when the pod ends",
      },
      annotation: `${CONFIG_PREFIX}shutdown-grace-period`,
    },
    {
      flag: {
        name: "close-wait-timeout",
        type: "duration",
        placeholder: "DURATION",
        summary: "how long half-closed connections are remembered (makes the init container privileged)",
      },
      annotation: `${CONFIG_PREFIX}close-wait-timeout`,
    },
    {
      flag: {
        name: "wait-before-exit-seconds",
        type: "number",
        placeholder: "N",
        summary: "how long an ordinary proxy container outlives the start of the pod's end",
      },
      annotation: "config.alpha.meshctl.io/proxy-wait-before-exit-seconds",
    },
  ];

type OptionValues = Readonly<Record<string, unknown>>;

/** Whether a flag was given whose effect depends on the installation's values, so that the cluster has to be asked. */
export function needsBaseValues(given: ReadonlySet<string>): boolean {
  return PROXY_FLAGS.some(({ flag }) => given.has(optionKey(flag.name)));
}

/**
 * The annotations that flags ask for: one for each flag whose value differs from the installation's.
 *
 * @throws MeshError `VALUES_INVALID`, `INJECT_BAD_FLAG`
 */
export function overrideAnnotations(
  base: Values,
  options: OptionValues,
  given: ReadonlySet<string>,
): Record<string, string> {
  const wanted = validateValues(mergeTrees(base, treeFromFlags(PROXY_FLAGS, options, given)));
  const overrides: Record<string, string> = {};
  for (const { flag, paths, annotation } of PROXY_FLAGS) {
    if (!given.has(optionKey(flag.name)) || annotation === undefined) continue;
    const path = paths.at(-1)!;
    const value = valueAt(wanted, path);
    if (value !== valueAt(base, path)) overrides[CONFIG_PREFIX + annotation] = String(value);
  }
  for (const { flag, annotation } of INJECT_ONLY_FLAGS) {
    const value = options[optionKey(flag.name)];
    if (given.has(optionKey(flag.name))) overrides[annotation] = annotationText(flag.type, value);
  }
  const { warnings } = applyAnnotations(base, overrides, undefined);
  if (warnings.length > 0) {
    throw new MeshError({
      kind: "usage",
      code: "INJECT_BAD_FLAG",
      message: warnings.join("; ").replaceAll(" and ignored", ""),
    });
  }
  return overrides;
}

function annotationText(type: ValueFlag["flag"]["type"], value: unknown): string {
  if (type === "list") return (value as readonly string[]).join(",");
  if (type === "duration") return formatGoDuration(value as number);
  return String(value);
}
