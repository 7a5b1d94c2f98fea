import { createHash } from "node:crypto";

/** Kubernetes' own choice: no vowels, so that no words; no 0, 1 or 3, which look like letters. */
const SAFE = "bcdfghjklmnpqrstvwxz2456789";

/**
 * Ten letters that stand for a pod template, the same for the same template whatever the order of its keys.
 *
 * @param collisionCount raised when two templates met in one hash
 */
export function templateHash(template: unknown, collisionCount: number): string {
  const digest = createHash("sha256").update(canonicalJson(template)).update(`#${collisionCount}`).digest();
  let text = "";
  for (let index = 0; index < 10; index++) text += SAFE[digest[index]! % SAFE.length];
  return text;
}

/** JSON with sorted keys and without undefined members. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}
