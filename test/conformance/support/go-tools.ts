import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProcess } from "../../support/run-process.ts";

const MODULE = fileURLToPath(new URL("../go/", import.meta.url));

/** From here on Go brings the version that a module asks for. */
const OLDEST_GO_MINOR = 21;

/** Programs by name, and the packages they are built from; versions are those of `../go/go.mod`. */
const PACKAGES = {
  apps: "./apps",
  h2spec: "github.com/summerwind/h2spec/cmd/h2spec",
  "interop-client": "google.golang.org/grpc/interop/client",
  "interop-server": "google.golang.org/grpc/interop/server",
  proxyapi: "./proxyapi",
} as const;
export type GoTool = keyof typeof PACKAGES;

/** A program's path, or why there is none: what a test's `skip` takes. */
export interface FoundTool {
  readonly path: string;
  readonly missing: string | false;
}

/**
 * Builds a program with the machine's Go, once for each version of the module: the result stays in the user's cache folder.
 */
export async function goTool(name: GoTool): Promise<FoundTool> {
  const folder = join(cacheFolder(), await moduleHash());
  const path = join(folder, name);
  if (existsSync(path)) return { path, missing: false };
  const { stdout } = await runProcess("sh", ["-c", "go version"], { expectExit: "any" });
  const [, minor] = /\bgo1\.(\d+)/.exec(stdout) ?? [];
  if (minor === undefined || Number(minor) < OLDEST_GO_MINOR) {
    return {
      path,
      missing: `${name} is built with Go 1.${OLDEST_GO_MINOR} or later, which this machine lacks`,
    };
  }
  await mkdir(folder, { recursive: true });
  // Two test files may build at once: each writes its own file, and renaming is atomic.
  const built = `${path}.${process.pid}`;
  try {
    const args = ["build", "-buildvcs=false", "-o", built, PACKAGES[name]];
    await runProcess("go", args, { cwd: MODULE, limitMs: 600_000 });
    await rename(built, path);
    return { path, missing: false };
  } catch (error) {
    // Without a network there is nothing to build from: that is no finding about the proxy.
    const [line] =
      /(dial tcp|lookup|proxyconnect|i\/o timeout|toolchain not available).*/.exec(
        (error as Error).message,
      ) ?? [];
    if (line === undefined) throw error;
    return { path, missing: `${name} cannot be built: ${line}` };
  } finally {
    await rm(built, { force: true });
  }
}

/** `$XDG_CACHE_HOME/meshctl/conformance`, or the platform's usual place. */
function cacheFolder(): string {
  const usual = process.platform === "darwin" ? "Library/Caches" : ".cache";
  return join(process.env.XDG_CACHE_HOME || join(homedir(), usual), "meshctl", "conformance");
}

async function moduleHash(): Promise<string> {
  const hash = createHash("sha256");
  const files = await readdir(MODULE, { recursive: true, withFileTypes: true });
  const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
  for (const path of paths.sort()) hash.update(path.slice(MODULE.length)).update(await readFile(path));
  return hash.digest("hex").slice(0, 16);
}
