import { formatGoDuration } from "../base/duration.ts";
import { MeshError } from "../base/error.ts";
import { formatSelection, parseOneSelection, parseSelection, type Selection } from "./selector.ts";
import type { PeerSelection, StatQuery } from "./stat.ts";
import { isCounted } from "./stat-policy.ts";

/** Shorter windows hold too few requests to mean anything. */
const WINDOW_MS_MIN = 15_000;
/** Proxies keep ten minutes. */
const WINDOW_MS_MAX = 600_000;

/** The command line of `stat`, as typed. */
export interface StatInput {
  readonly args: readonly string[];
  /** Undefined when `-n` was not given. */
  readonly namespace: string | undefined;
  /** Where `-n` points when it was not given. */
  readonly contextNamespace: string;
  readonly allNamespaces: boolean;
  readonly windowMs: number;
  readonly to: string | undefined;
  readonly toNamespace: string | undefined;
  readonly from: string | undefined;
  readonly fromNamespace: string | undefined;
  readonly labelSelector: string | undefined;
  readonly unmeshed: boolean;
}

/**
 * What a command line of `stat` asks for.
 *
 * @throws MeshError `STAT_FLAGS`, `STAT_WINDOW`, and the selector's own
 */
export function parseStatQuery(input: StatInput): StatQuery {
  const { to, from, toNamespace, fromNamespace, allNamespaces, namespace } = input;
  if (to !== undefined && from !== undefined) throw exclusive("--to", "--from");
  if (toNamespace !== undefined && fromNamespace !== undefined) {
    throw exclusive("--to-namespace", "--from-namespace");
  }
  requireOneScope(allNamespaces, namespace);
  const selections = parseSelection(input.args);
  checkWindow(input.windowMs);
  checkSelections(selections, input);
  const scope = allNamespaces ? undefined : (namespace ?? input.contextNamespace);
  return {
    selections,
    namespace: scope,
    windowMs: input.windowMs,
    to: peer("--to", to, toNamespace, scope),
    from: peer("--from", from, fromNamespace, scope),
    labelSelector: input.labelSelector,
    unmeshed: input.unmeshed,
  };
}

/** @throws MeshError `STAT_FLAGS` when both all namespaces and one are asked for */
export function requireOneScope(allNamespaces: boolean, namespace: string | undefined): void {
  if (allNamespaces && namespace !== undefined) throw exclusive("--all-namespaces", "--namespace");
}

/** @throws MeshError `STAT_WINDOW` */
export function checkWindow(windowMs: number): void {
  if (windowMs >= WINDOW_MS_MIN && windowMs <= WINDOW_MS_MAX) return;
  throw new MeshError({
    kind: "usage",
    code: "STAT_WINDOW",
    message: `the time window ${formatGoDuration(windowMs)} is not between 15s and 10m`,
    hint: "proxies keep ten minutes; write --time-window 1m",
  });
}

function checkSelections(selections: readonly Selection[], input: StatInput): void {
  const filtered = input.to !== undefined || input.from !== undefined;
  for (const { kind, name } of selections) {
    if (kind.role === "policy") {
      if (filtered) throw flags(`--to and --from cannot be combined with ${kind.name}`, "leave them out");
      if (!isCounted(kind)) {
        throw flags(
          `a ${kind.name} has no traffic of its own`,
          "name the AuthorizationPolicy that refers to it, like ap/NAME",
        );
      }
    }
    if (kind.role === "other")
      throw flags(`stat has no metrics for ${kind.name}`, "name a workload or a service");
    if (name !== undefined && input.allNamespaces) {
      throw flags(
        `${kind.short}/${name} and --all-namespaces exclude each other`,
        "give a namespace with -n",
      );
    }
    if (kind.role === "namespace") {
      const given =
        (input.namespace !== undefined && "--namespace") ||
        (input.toNamespace !== undefined && "--to-namespace") ||
        (input.fromNamespace !== undefined && "--from-namespace");
      if (given) throw flags(`${given} is not applicable to namespaces`, `leave out ${given}`);
    }
    if (kind.role === "service" && input.to !== undefined) {
      throw flags("a service sends no traffic, so --to has no source", "use --from, or name a workload");
    }
  }
}

function peer(
  flag: "--to" | "--from",
  text: string | undefined,
  namespace: string | undefined,
  scope: string | undefined,
): PeerSelection | undefined {
  if (text === undefined) {
    if (namespace !== undefined) throw flags(`${flag}-namespace needs ${flag}`, `add ${flag} deploy/web`);
    return undefined;
  }
  if (text === "all") throw flags(`${flag} cannot be all`, "name one kind or one resource");
  const selection = parseOneSelection(text.trim().split(/\s+/));
  const { role } = selection.kind;
  if (flag === "--from" && role === "service") {
    throw flags(
      `--from ${formatSelection(selection)}: a service sends no traffic`,
      "name the workload behind it",
    );
  }
  if (role === "policy" || role === "other") {
    throw flags(
      `${flag} cannot be a ${selection.kind.name}`,
      "name a workload, a pod, a namespace or a service",
    );
  }
  return { selection, namespace: role === "namespace" ? undefined : (namespace ?? scope) };
}

function exclusive(one: string, other: string): MeshError {
  return flags(`${one} and ${other} flags are mutually exclusive`, `leave out ${one} or ${other}`);
}

function flags(message: string, hint: string): MeshError {
  return new MeshError({ kind: "usage", code: "STAT_FLAGS", message, hint });
}
