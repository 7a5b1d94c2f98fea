type Json = Record<string, unknown>;

/**
 * The JSON merge patch (RFC 7386) that brings a live object to what its author wrote now, given what the author wrote last:
 *
 * - what is written now and differs from the live object is set;
 * - what was written last and is not written now is removed;
 * - everything else (defaults, other writers' fields) stays.
 *
 * Lists are one value, as in any JSON merge: a list that the author changes replaces the live one. A live list that has
 * the same items with more fields (the server's defaults) counts as the same.
 *
 * @returns undefined when nothing is to be done
 */
export function threeWayMerge(last: unknown, now: unknown, live: unknown): Json | undefined {
  const patch = mergeObjects(asObject(last), asObject(now), asObject(live));
  return Object.keys(patch).length > 0 ? patch : undefined;
}

function mergeObjects(last: Json, now: Json, live: Json): Json {
  const patch: Json = {};
  for (const key of Object.keys(last)) {
    if (!Object.hasOwn(now, key) && Object.hasOwn(live, key)) patch[key] = null;
  }
  for (const [key, wanted] of Object.entries(now)) {
    const current = live[key];
    if (wanted === null) {
      // An explicit null asks for absence.
      if (current !== undefined) patch[key] = null;
    } else if (isObject(wanted) && isObject(current)) {
      const inner = mergeObjects(asObject(last[key]), wanted, current);
      if (Object.keys(inner).length > 0) patch[key] = inner;
    } else if (!isCovered(wanted, current) || isShrunkList(last[key], wanted)) patch[key] = wanted;
  }
  return patch;
}

/** Whether the live value has everything that is wanted. */
function isCovered(wanted: unknown, live: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(live) &&
      live.length === wanted.length &&
      wanted.every((item, index) => isCovered(item, live[index]))
    );
  }
  if (isObject(wanted)) {
    return isObject(live) && Object.entries(wanted).every(([key, value]) => isCovered(value, live[key]));
  }
  return wanted === live;
}

/** Whether an item of a list lost a field that was written last: then the list must be replaced although the live one covers it. */
function isShrunkList(last: unknown, wanted: unknown): boolean {
  return Array.isArray(last) && Array.isArray(wanted) && !isCovered(last, wanted);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asObject(value: unknown): Json {
  return isObject(value) ? value : {};
}
