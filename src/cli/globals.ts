import { MeshError } from "../base/error.ts";
import { DEFAULT_NAMESPACE } from "../base/names.ts";
import type { FlagSpec, GlobalOptions, Options } from "./command.ts";

/** The flags that every verb accepts, before its name or after it. */
export const GLOBAL_FLAGS: readonly FlagSpec[] = [
  {
    name: "meshctl-namespace",
    short: "L",
    type: "string",
    placeholder: "NAMESPACE",
    summary: `namespace of the control plane (default: $MESHCTL_NAMESPACE, else ${DEFAULT_NAMESPACE})`,
  },
  {
    name: "cni-namespace",
    type: "string",
    placeholder: "NAMESPACE",
    summary: "namespace of the CNI plugin",
    // Known, so that lines with it work; there is no plugin that could have one.
    hidden: true,
    default: "meshctl-cni",
  },
  {
    name: "kubeconfig",
    type: "string",
    placeholder: "FILE",
    summary: "kubeconfig file (default: $KUBECONFIG, else ~/.kube/config)",
  },
  { name: "context", type: "string", placeholder: "NAME", summary: "kubeconfig context" },
  { name: "as", type: "string", placeholder: "USER", summary: "user to impersonate" },
  {
    name: "as-group",
    type: "repeat",
    placeholder: "GROUP",
    summary: "group to impersonate; may be repeated",
  },
  {
    name: "api-addr",
    type: "string",
    placeholder: "HOST:PORT",
    summary: "address of the controller for diagnostics, instead of a port-forward",
  },
  { name: "verbose", type: "boolean", summary: "show causes of errors, and debug logs" },
  { name: "help", short: "h", type: "boolean", summary: "show help" },
];

/** Those that help shows. */
export const VISIBLE_GLOBAL_FLAGS: readonly FlagSpec[] = GLOBAL_FLAGS.filter(({ hidden }) => !hidden);

const NAMESPACE = /^[a-zA-Z0-9-]+$/;

/**
 * Global options from parsed flags and the environment. The environment counts while the flag is absent.
 *
 * @throws MeshError `USAGE_NAMESPACE_INVALID`
 */
export function resolveGlobals(
  options: Options,
  env: Readonly<Record<string, string | undefined>>,
): GlobalOptions {
  const text = (key: string) => options[key] as string | undefined;
  const fromFlag = text("meshctlNamespace");
  const meshctlNamespace = fromFlag ?? (env.MESHCTL_NAMESPACE || DEFAULT_NAMESPACE);
  if (!NAMESPACE.test(meshctlNamespace)) {
    const origin = fromFlag === undefined ? "environment variable MESHCTL_NAMESPACE" : "--meshctl-namespace";
    throw new MeshError({
      kind: "usage",
      code: "USAGE_NAMESPACE_INVALID",
      message: `"${meshctlNamespace}" (${origin}) is not a namespace name`,
      hint: "use letters, digits and dashes only",
    });
  }
  return {
    meshctlNamespace,
    cniNamespace: text("cniNamespace") ?? "meshctl-cni",
    kubeconfig: text("kubeconfig") || undefined,
    context: text("context") || undefined,
    as: text("as") || undefined,
    asGroup: (options.asGroup as readonly string[] | undefined) ?? [],
    apiAddr: text("apiAddr") || undefined,
    verbose: options.verbose === true,
  };
}
