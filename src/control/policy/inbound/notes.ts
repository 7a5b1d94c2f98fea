import type { Logger } from "../../../base/log.ts";

/** Something about policies that their author may not have meant, and that no single object shows. */
export type Note = (message: string, fields: Readonly<Record<string, string>>) => void;

const NOTES_MAX = 1000;

/** Logs each note once: policies are computed for every port of every pod, and again with every change. */
export function createNotes(log: Logger): Note {
  const seen = new Set<string>();
  return (message, fields) => {
    const key = JSON.stringify([message, fields]);
    if (seen.has(key)) return;
    if (seen.size >= NOTES_MAX) seen.clear();
    seen.add(key);
    log.warn(message, fields);
  };
}
