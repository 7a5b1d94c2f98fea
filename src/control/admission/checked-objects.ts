import { type MeshError, toMeshError } from "../../base/error.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import type { Logger } from "../../base/log.ts";
import type { StoreListener } from "../../kube/store.ts";
import { formatProblems, validateObject } from "./validate-object.ts";

/**
 * Passes objects on to the index, and says which of them discovery skips, as a whole or in part: the webhook may have been away
 * when they were written, or ignored.
 */
export class CheckedObjects implements StoreListener {
  readonly #next: StoreListener;
  readonly #log: Logger;
  /** Key -> kind, of those with problems. */
  readonly #faulty = new Map<string, string>();

  constructor(next: StoreListener, log: Logger) {
    this.#next = next;
    this.#log = log;
  }

  apply(object: KubeObject): void {
    const problems = problemsOf(object);
    if (problems === "") this.#faulty.delete(keyOf(object));
    else {
      this.#faulty.set(keyOf(object), object.kind);
      const { namespace, name } = object.metadata;
      this.#log.warn("object has mistakes", { object: `${object.kind} ${namespace}/${name}`, problems });
    }
    try {
      this.#next.apply(object);
    } catch (error) {
      // Its kind's other objects must not be the worse for it.
      this.#faulty.set(keyOf(object), object.kind);
      const { namespace, name } = object.metadata;
      this.#log.error("object cannot be used", {
        object: `${object.kind} ${namespace}/${name}`,
        error: (error as Error).message,
      });
    }
  }

  delete(object: KubeObject): void {
    this.#faulty.delete(keyOf(object));
    this.#next.delete(object);
  }

  /** Objects with mistakes, by kind. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const kind of this.#faulty.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts;
  }
}

function problemsOf(object: KubeObject): string {
  try {
    return formatProblems(validateObject(object));
  } catch (caught) {
    const error: MeshError = toMeshError(caught);
    return `cannot be read: ${error.message}`;
  }
}

function keyOf({ apiVersion, kind, metadata }: KubeObject): string {
  return `${apiVersion}/${kind}/${metadata.namespace}/${metadata.name}`;
}
