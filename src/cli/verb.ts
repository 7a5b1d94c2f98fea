import type { Command } from "./command.ts";

/** A verb as the root help knows it, without its module. */
export interface Verb {
  readonly summary: string;
  /** Heading of the root help that it stands under. */
  readonly group: VerbGroup;
  readonly load: () => Promise<{ readonly command: Command }>;
  /** Works, but help and completions do not show it. */
  readonly hidden?: boolean;
  /** Other names, which help does not show. */
  readonly aliases?: readonly string[];
  /** A server: SIGINT is how it ends, so a clean end after one is exit 0 and not 130. */
  readonly daemon?: boolean;
}

/** In the order of the root help. */
export const VERB_GROUPS = [
  "On this machine",
  "Install",
  "Look",
  "Processes of the mesh",
  "This program",
] as const;
export type VerbGroup = (typeof VERB_GROUPS)[number];

/** Every verb there is, and those that are known but not there yet. */
export interface VerbRegistry {
  readonly verbs: Readonly<Record<string, Verb>>;
  /** Name -> what it will do. */
  readonly later: Readonly<Record<string, string>>;
}

/** The entry that a word names, by its own name or an alias. */
export function findByWord<T extends { readonly aliases?: readonly string[] }>(
  entries: Readonly<Record<string, T>>,
  word: string,
): { readonly name: string; readonly entry: T } | undefined {
  if (Object.hasOwn(entries, word)) return { name: word, entry: entries[word]! };
  const found = Object.entries(entries).find(([, { aliases }]) => aliases?.includes(word));
  return found && { name: found[0], entry: found[1] };
}
