/** What stands for a part of a path that differs from request to request. */
export const PATH_ID = ":id";

/**
 * A path with its ids replaced, so that requests for the same kind of thing are one row: `/users/42/orders` becomes
 * `/users/:id/orders`. An id is
 *
 *   a number                 42, 1e6
 *   a UUID, or hex digits    8 of them or more, a digit among them
 *   a long word with digits  16 letters or more without a dash, two digits among them: tokens, ULIDs
 *
 * Versions (`v2`), words, titles (`how-we-did-it-2024`) and names with a few digits (`s3`, `route53`) stay.
 */
export function groupPath(path: string): string {
  if (!/\d/.test(path)) return path;
  return path
    .split("/")
    .map((part) => (isId(part) ? PATH_ID : part))
    .join("/");
}

function isId(part: string): boolean {
  if (!/\d/.test(part)) return false;
  if (/^-?\d+$/.test(part)) return true;
  if (/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(part)) return true;
  if (/^[0-9a-f]{8,}$/i.test(part)) return true;
  return part.length >= 16 && /^[\w=]+$/.test(part) && (part.match(/\d/g)?.length ?? 0) >= 2;
}
