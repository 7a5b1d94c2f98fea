import { MeshError } from "../base/error.ts";
import { ALL_KINDS, type ResourceKind, resolveKind } from "./kinds.ts";

/** What a command line selects: a kind, and one name or all of them. */
export interface Selection {
  readonly kind: ResourceKind;
  /** Undefined: every one. */
  readonly name: string | undefined;
}

/**
 * Reads the resource arguments of `stat`, `tap` and the like: `TYPE`, `TYPE/NAME`, `TYPE NAME...`, `T1/N1 T2/N2...`, `all`.
 *
 *   deploy            every deployment          deploy/web po/db-0    two resources of two kinds
 *   deploy web api    two deployments           all                   every kind, alone
 *
 * @throws MeshError `SELECTOR_MISSING`, `SELECTOR_UNKNOWN_TYPE`, `SELECTOR_INVALID`, `SELECTOR_DUPLICATE`, `SELECTOR_ALL_ALONE`
 */
export function parseSelection(args: readonly string[]): readonly Selection[] {
  const [first, ...rest] = args;
  if (first === undefined) {
    throw usage({
      code: "SELECTOR_MISSING",
      message: "no resource is named",
      hint: "name one, like deploy, deploy/web or ns/demo",
    });
  }
  if (first === "all") {
    if (rest.length > 0)
      throw usage({
        code: "SELECTOR_ALL_ALONE",
        message: "all must be the only resource",
        hint: `leave out "${rest[0]}"`,
      });
    return ALL_KINDS.map((word) => ({ kind: resolveKind(word), name: undefined }));
  }
  if (first.includes("/")) return distinct(args.map(parseOne));
  if (rest.length === 0) return [parseOne(first)];

  // Without a slash, the words after the first are names, unless every word is a type of its own.
  if (rest.some((word) => word.includes("/"))) return distinct(args.map(parseOne));
  const kind = resolveKind(first);
  return distinct(rest.map((name) => ({ kind, name })));
}

/** Reads exactly one resource: `TYPE`, `TYPE/NAME` or `TYPE NAME`. @throws as `parseSelection` */
export function parseOneSelection(args: readonly string[]): Selection {
  const selections = parseSelection(args);
  if (selections.length !== 1) {
    throw usage({
      code: "SELECTOR_INVALID",
      message: `one resource is expected, not ${selections.length}`,
      hint: "name one, like deploy/web",
    });
  }
  return selections[0]!;
}

/**
 * Reads a resource that has pods: a workload or a pod, or what else is `allowed`.
 *
 * @param verb names the command in messages
 * @throws MeshError `SELECTOR_NO_PODS`, and as `parseSelection`
 */
export function parsePodsSelection(
  args: readonly string[],
  verb: string,
  allowed: readonly ResourceKind["role"][] = [],
): Selection {
  const selection = parseOneSelection(args);
  if (["workload", "pod", ...allowed].includes(selection.kind.role)) return selection;
  throw usage({
    code: "SELECTOR_NO_PODS",
    message: `${verb} cannot look at a ${selection.kind.name}: it has no pods of its own`,
    hint: "name a workload or a pod, like deploy/web or po/web-1",
  });
}

/** `deploy/web` as text of the user's own kind. */
export function formatSelection(selection: Selection): string {
  return selection.name === undefined ? selection.kind.short : `${selection.kind.short}/${selection.name}`;
}

function parseOne(text: string): Selection {
  const parts = text.split("/");
  if (parts.length > 2 || parts.some((part) => part === "")) {
    throw usage({
      code: "SELECTOR_INVALID",
      message: `invalid resource string: ${text}`,
      hint: "write TYPE/NAME, like deploy/web",
    });
  }
  if (parts[0] === "all")
    throw usage({
      code: "SELECTOR_ALL_ALONE",
      message: "all must be the only resource",
      hint: "name it alone",
    });
  return { kind: resolveKind(parts[0]!), name: parts[1] };
}

function distinct(selections: readonly Selection[]): readonly Selection[] {
  const seen = new Set<string>();
  for (const selection of selections) {
    const text = formatSelection(selection);
    if (seen.has(text))
      throw usage({
        code: "SELECTOR_DUPLICATE",
        message: `${text} is named twice`,
        hint: "name each resource once",
      });
    seen.add(text);
    if (selection.name !== undefined && seen.has(selection.kind.short)) {
      throw usage({
        code: "SELECTOR_DUPLICATE",
        message: `${text} is among every ${selection.kind.short}`,
        hint: "leave one of them out",
      });
    }
  }
  return selections;
}

function usage(options: {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}): MeshError {
  return new MeshError({ kind: "usage", ...options });
}
