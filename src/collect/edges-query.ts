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
    throw refused(
      "EDGES_RESOURCE",
      "edges takes one resource type, without a name",
      "name a kind of workload alone: meshctl edges deploy",
    );
  }
  if (word === "all")
    throw refused(
      "EDGES_RESOURCE",
      "edges cannot show all types at once",
      "name a kind of workload alone: meshctl edges deploy",
    );
  const kind = resolveKind(word);
  if (kind.role === "service") {
    throw refused(
      "EDGES_RESOURCE",
      "a service has no connections of its own",
      "name a kind of workload alone: meshctl edges deploy",
    );
  }
  if (kind.role === "policy" || kind.role === "other") {
    throw refused(
      "EDGES_RESOURCE",
      `edges has no ${kind.name}`,
      "name a kind of workload alone: meshctl edges deploy",
    );
  }
  if (input.allNamespaces && input.namespace !== undefined) {
    throw refused(
      "EDGES_FLAGS",
      "--all-namespaces and --namespace flags are mutually exclusive",
      "leave out one of them",
    );
  }
  return {
    kind,
    namespace: input.allNamespaces ? undefined : (input.namespace ?? input.contextNamespace),
    windowMs: WINDOW_MS,
  };
}

function refused(code: string, message: string, hint: string): MeshError {
  return new MeshError({ kind: "usage", code, message, hint });
}
