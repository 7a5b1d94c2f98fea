import type { KubeClient, KubeList } from "../kube/client.ts";
import { isKindWord, resolveKind } from "./kinds.ts";
import { scoped } from "./pods.ts";

/** Time that a shell's user waits for an answer, milliseconds. */
export const COMPLETION_MS_MAX = 3_000;

/** What is completed, from the words before the cursor. */
export type Completion =
  | { readonly of: "namespaces" }
  | { readonly of: "contexts" }
  /** Names of a kind, each after `prefix` (`deploy/`), without those that are there. */
  | {
      readonly of: "names";
      readonly kind: string;
      readonly prefix: string;
      readonly without: readonly string[];
    }
  | undefined;

const NAMESPACE_FLAGS = [
  "-n",
  "--namespace",
  "--to-namespace",
  "--from-namespace",
  "-L",
  "--meshctl-namespace",
];

/** Flags whose next word is their value, as far as completing has to know. */
const VALUE_FLAGS = [
  ...NAMESPACE_FLAGS,
  "--context",
  "--kubeconfig",
  "--as",
  "--as-group",
  "-o",
  "--output",
  "-t",
];

/** @param words after `meshctl`, up to the cursor; the last is the one that is completed, and may be "" */
export function readCompletion(words: readonly string[]): Completion {
  const current = words.at(-1) ?? "";
  const previous = words.at(-2) ?? "";
  if (NAMESPACE_FLAGS.includes(previous)) return { of: "namespaces" };
  if (previous === "--context") return { of: "contexts" };
  const slash = current.indexOf("/");
  if (slash > 0) {
    const kind = current.slice(0, slash);
    return isKindWord(kind) ? { of: "names", kind, prefix: `${kind}/`, without: [] } : undefined;
  }
  const bare = words
    .slice(0, -1)
    .filter((word, index, all) => !word.startsWith("-") && !VALUE_FLAGS.includes(all[index - 1] ?? ""));
  const at = bare.findIndex(isKindWord);
  if (at < 0) return undefined;
  return { of: "names", kind: bare[at]!, prefix: "", without: bare.slice(at + 1) };
}

/** Value of a flag in a line that is being typed: `-n demo`, `--namespace=demo`. */
export function flagInLine(words: readonly string[], names: readonly string[]): string | undefined {
  for (const [index, word] of words.entries()) {
    if (names.includes(word) && index + 1 < words.length - 1) return words[index + 1];
    const name = names.find((one) => one.startsWith("--") && word.startsWith(`${one}=`));
    if (name !== undefined) return word.slice(name.length + 1);
  }
  return undefined;
}

/** Names of objects, for a shell to choose from. */
export async function completeNames(
  kube: KubeClient,
  completion: Exclude<Completion, undefined | { readonly of: "contexts" }>,
  namespace: string,
  signal: AbortSignal,
): Promise<string[]> {
  const kind = resolveKind(completion.of === "namespaces" ? "ns" : completion.kind);
  const scope = kind.role === "namespace" ? undefined : namespace;
  const { items } = await kube.request<KubeList>("GET", scoped(kind.api, scope, kind.plural), { signal });
  const names = items.map(({ metadata }) => metadata.name ?? "").sort();
  if (completion.of === "namespaces") return names;
  return names
    .filter((name) => !completion.without.includes(name))
    .map((name) => `${completion.prefix}${name}`);
}
