import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MeshError } from "../base/error.ts";
import { makeFolder } from "./make-folder.ts";

const LOCK_FILE = "dev.pid";
const ATTEMPTS_MAX = 5;

/** The right to run a cluster in a directory. */
export interface DirLock {
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  /** Start time of the process in the kernel's own unit, so that a recycled pid is not taken for the holder. */
  readonly startTime: string;
}

/**
 * Takes the directory for this process. A lock whose process is gone, or whose pid now belongs to another, is stale and taken over.
 *
 * @throws MeshError `DEV_ALREADY_RUNNING`
 */
export async function lockDir(dir: string, pid: number): Promise<DirLock> {
  await makeFolder(dir, 0o700);
  const path = join(dir, LOCK_FILE);
  const own: Holder = { pid, startTime: (await startTimeOf(pid)) ?? "" };
  const draft = `${path}.${pid}`;
  await writeFile(draft, JSON.stringify(own));
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      try {
        // link fails when the name exists, and the file is whole the moment it has that name.
        await link(draft, path);
        return { release: () => rm(path, { force: true }) };
      } catch (caught) {
        if ((caught as NodeJS.ErrnoException).code !== "EEXIST") throw caught;
      }
      const holder = await readHolder(path);
      if (holder && (await isAlive(holder))) {
        throw new MeshError({
          kind: "user",
          code: "DEV_ALREADY_RUNNING",
          message: `a local cluster is running in ${dir} already (process ${holder.pid})`,
          hint: `use it: export KUBECONFIG=${join(dir, "kubeconfig")}; or start another one with --dir`,
        });
      }
      await removeStale(path, pid);
    }
  } finally {
    await rm(draft, { force: true });
  }
  throw new MeshError({
    kind: "environment",
    code: "DEV_LOCK_CONTENDED",
    message: `several processes try to start a local cluster in ${dir}`,
    hint: "start one, or give each its own --dir",
  });
}

/** Takes a stale lock away; one that another starter has put there meanwhile is given back. */
async function removeStale(path: string, pid: number): Promise<void> {
  const aside = `${path}.stale.${pid}`;
  try {
    await rename(path, aside);
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code === "ENOENT") return;
    throw caught;
  }
  const moved = await readHolder(aside);
  if (moved && (await isAlive(moved))) {
    await link(aside, path).catch((caught: NodeJS.ErrnoException) => {
      if (caught.code !== "EEXIST") throw caught;
    });
  }
  await rm(aside, { force: true });
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Holder;
  } catch {
    // Gone meanwhile, or not ours: either way nobody holds it.
    return undefined;
  }
}

async function isAlive({ pid, startTime }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (caught) {
    return (caught as NodeJS.ErrnoException).code === "EPERM";
  }
  const now = await startTimeOf(pid);
  return now === undefined || startTime === "" || now === startTime;
}

/** Field 22 of /proc/<pid>/stat (after the name, which may hold spaces); undefined where there is no /proc. A zombie counts as gone. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? "zombie" : fields[19];
}
