import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A wall clock for processes, which a test sets: libfaketime, read anew at each look. The monotonic clock goes on as it is. */
export interface FakeTime {
  /** Environment of the processes. */
  readonly env: Readonly<Record<string, string>>;
  /** What the processes take for the time. */
  now(): number;
  jump(hours: number): Promise<void>;
  remove(): Promise<void>;
}

/** The library's path, where Debian and others put it. */
function findLibrary(): string | undefined {
  for (const folder of ["/usr/lib", "/usr/local/lib", "/lib"]) {
    const inner = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
    for (const each of [folder, ...inner]) {
      const path = join(each, "faketime", "libfaketimeMT.so.1");
      if (existsSync(path)) return path;
    }
  }
  return undefined;
}

const LIBRARY = process.platform === "linux" ? findLibrary() : undefined;
export const FAKE_TIME_MISSING = LIBRARY === undefined && "this machine lacks libfaketime";

export async function createFakeTime(): Promise<FakeTime> {
  const folder = await mkdtemp(join(tmpdir(), "meshctl-time-"));
  const file = join(folder, "offset");
  let hours = 0;
  const write = () => writeFile(file, `${hours < 0 ? "-" : "+"}${Math.abs(hours)}h\n`);
  await write();
  return {
    env: {
      LD_PRELOAD: LIBRARY!,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      DONT_FAKE_MONOTONIC: "1",
    },
    now: () => Date.now() + hours * 3_600_000,
    async jump(more) {
      hours += more;
      await write();
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
