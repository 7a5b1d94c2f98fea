import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where Debian puts daemons, which a user's PATH need not hold. */
const MORE = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/** The path of a program of this machine, or undefined. */
export function findProgram(name: string): string | undefined {
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), ...MORE]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** For a test's `skip`: false when all are here, else which are not. */
export function lacking(...names: string[]): string | false {
  const missing = names.filter((name) => !findProgram(name));
  return missing.length > 0 && `this machine lacks ${missing.join(" and ")}`;
}
