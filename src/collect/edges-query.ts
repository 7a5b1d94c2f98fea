import { MeshError } from "../base/error.ts";
import type { EdgesQuery } from "./edges.ts";
import { resolveKind } from "./kinds.ts";

const WINDOW_MS = 60_000;

/** The command line of `edges`, as typed. */
export interface EdgesInput {
  readonly args: readonly string[];
  readonly namespace: string | undefined;
  readonly contextNamespace: string;
  readonly allNamespaces: boolean;
}

/**
 * What a command line of `edges` asks for.
 *
 * @throws MeshError `EDGES_RESOURCE`, `EDGES_FLAGS`, `SELECTOR_UNKNOWN_TYPE`
 */
export function parseEdgesQuery(input: EdgesInput): EdgesQuery {
  const [word, ...rest] = input.args;
  if (word === undefined || rest.length > 0 || word.includes("/")) {
    throw refused({
      code: "EDGES_RESOURCE",
      message: "edges takes one resource type, without a name",
      hint: "name a kind of workload alone: meshctl edges deploy",
    });
  }
  if (word === "all")
    throw refused({
      code: "EDGES_RESOURCE",
      message: "edges cannot show all types at once",
      hint: "name a kind of workload alone: meshctl edges deploy",
    });
  const kind = resolveKind(word);
  if (kind.role === "service") {
    throw refused({
      code: "EDGES_RESOURCE",
      message: "a service has no connections of its own",
      hint: "name a kind of workload alone: meshctl edges deploy",
    });
  }
  if (kind.role === "policy" || kind.role === "other") {
    throw refused({
      code: "EDGES_RESOURCE",
      message: `edges has no ${kind.name}`,
      hint: "name a kind of workload alone: meshctl edges deploy",
    });
  }
  if (input.allNamespaces && input.namespace !== undefined) {
    throw refused({
      code: "EDGES_FLAGS",
      message: "--all-namespaces and --namespace flags are mutually exclusive",
      hint: "leave out one of them",
    });
  }
  return {
    kind,
    namespace: input.allNamespaces ? undefined : (input.namespace ?? input.contextNamespace),
    windowMs: WINDOW_MS,
  };
}

function refused(options: {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}): MeshError {
  return new MeshError({ kind: "usage", ...options });
}
