import { mkdir, readdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** A file of a volume: path relative to the mount, contents, mode bits. */
export interface PayloadFile {
  readonly bytes: Buffer;
  readonly mode: number;
}

const DATA = "..data";

/**
 * A directory whose files change all at once, laid out as Kubernetes lays it out:
 *
 * ```
 *   token   -> ..data/token
 *   ..data  -> ..7                 (one rename switches to ..8)
 *   ..7/token
 * ```
 *
 * Readers that watch `..data`, as programs written for Kubernetes do, see the switch.
 */
export class AtomicDir {
  readonly path: string;
  #sequence = 0;
  #current: ReadonlyMap<string, PayloadFile> | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Makes the directory hold exactly these files. @returns whether anything changed */
  async write(files: ReadonlyMap<string, PayloadFile>): Promise<boolean> {
    if (this.#current && isSame(this.#current, files)) return false;
    await mkdir(this.path, { recursive: true });
    const previous = await readlink(join(this.path, DATA)).catch(() => undefined);
    this.#sequence++;
    const generation = `..${this.#sequence}`;
    const target = join(this.path, generation);
    await rm(target, { recursive: true, force: true });
    await mkdir(target, { recursive: true, mode: 0o755 });
    for (const [name, { bytes, mode }] of files) {
      const file = join(target, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, bytes, { mode });
    }
    const temporary = join(this.path, "..data_tmp");
    await rm(temporary, { force: true });
    await symlink(generation, temporary);
    await rename(temporary, join(this.path, DATA));
    await this.#linkNames(new Set([...files.keys()].map((name) => name.split("/")[0]!)));
    if (previous !== undefined && previous !== generation) {
      await rm(join(this.path, previous), { recursive: true, force: true });
    }
    this.#current = files;
    return true;
  }

  async #linkNames(wanted: ReadonlySet<string>): Promise<void> {
    const present = (await readdir(this.path)).filter((name) => !name.startsWith(".."));
    for (const name of present) if (!wanted.has(name)) await rm(join(this.path, name), { force: true });
    for (const name of wanted) {
      if (!present.includes(name)) await symlink(join(DATA, name), join(this.path, name));
    }
  }
}

function isSame(left: ReadonlyMap<string, PayloadFile>, right: ReadonlyMap<string, PayloadFile>): boolean {
  if (left.size !== right.size) return false;
  for (const [name, file] of left) {
    const other = right.get(name);
    if (!other || other.mode !== file.mode || !other.bytes.equals(file.bytes)) return false;
  }
  return true;
}
