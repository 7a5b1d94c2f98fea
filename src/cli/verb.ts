import type { Command } from "./command.ts";

/** A verb as the root help knows it, without its module. */
export interface Verb {
  readonly summary: string;
  /** Heading of the root help that it stands under. */
  readonly group: VerbGroup;
  readonly load: () => Promise<{ readonly command: Command }>;
  /** Works, but help and completions do not show it. */
  readonly hidden?: boolean;
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
