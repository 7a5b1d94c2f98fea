/**
 * The image of the programs that the cluster proof runs in its pods: Debian's own binaries, and one Go program of ours.
 * One image for all of them: one import, and every pod starts from what the node has.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "./source-files.ts";

/** Program -> Debian package that brings it. */
export const APP_PACKAGES: Readonly<Record<string, string>> = {
  curl: "curl",
  "/usr/sbin/nginx": "nginx-light",
  "redis-server": "redis-server",
  "redis-cli": "redis-tools",
  // An SSH server speaks first.
  "/usr/sbin/dropbear": "dropbear-bin",
  dropbearkey: "dropbear-bin",
  "ssh-keyscan": "openssh-client",
  // Debian's own: another one on the PATH has its library elsewhere.
  "/usr/bin/python3.11": "python3.11-minimal",
  "/usr/lib/python3.11/asyncio/__init__.py": "libpython3.11-stdlib",
  "/usr/lib/python3/dist-packages/websockets/__init__.py": "python3-websockets",
  "/bin/busybox": "busybox-static",
  // Not in a pod: it listens on the node.
  tcpdump: "tcpdump",
};

const BUSYBOX = [
  "sh",
  "cat",
  "env",
  "id",
  "kill",
  "ls",
  "nc",
  "nslookup",
  "ps",
  "sleep",
  "wget",
  "date",
  "rm",
];

/** Words for what the machine lacks, or undefined. */
export function missingPrograms(): string | undefined {
  const missing = Object.entries(APP_PACKAGES).filter(([program]) =>
    program.startsWith("/") ? !existsSync(program) : run("sh", ["-c", `command -v ${program}`]).status !== 0,
  );
  if (run("go", ["version"]).status !== 0) return "Go is missing: a net/http server is among the pods";
  if (missing.length === 0) return undefined;
  return `missing: ${missing.map(([program]) => program).join(", ")}; apt-get install ${missing.map(([, name]) => name).join(" ")}`;
}

/** Makes the image and puts it into the cluster of `tools` (rootfs-bin.sh, image.sh). */
export function importApps(tools: string, name: string): void {
  const work = mkdtempSync(join(tmpdir(), "cluster-apps-"));
  try {
    const root = join(work, "rootfs");
    const app = join(work, "app");
    must("go", ["build", "-ldflags", "-s -w", "-o", app, "."], {
      cwd: `${ROOT}test/cluster/apps`,
      env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false -mod=mod", GOWORK: "off" },
    });
    const binaries = Object.keys(APP_PACKAGES).filter(
      (program) => !program.endsWith(".py") && program !== "tcpdump",
    );
    must(join(tools, "rootfs-bin.sh"), [root, app, ...binaries]);
    for (const applet of BUSYBOX) must("ln", ["-sf", "busybox", join(root, "usr/bin", applet)]);
    must("ln", ["-sf", "python3.11", join(root, "usr/bin/python3")]);
    copyPython(root);
    mkdirSync(join(root, "etc"), { recursive: true });
    writeFileSync(join(root, "etc/shells"), "/bin/sh\n");
    // nginx opens its compiled-in log before it reads its configuration.
    mkdirSync(join(root, "var/log/nginx"), { recursive: true });
    mkdirSync(join(root, "var/lib/nginx"), { recursive: true });
    must(join(tools, "image.sh"), [name, root]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function copyPython(root: string): void {
  const library = "/usr/lib/python3.11";
  const unneeded =
    /\/(__pycache__|test|idlelib|lib2to3|pydoc_data|config-3\.11[^/]*|tkinter|ensurepip)(\/|$)/;
  cpSync(library, join(root, library), {
    recursive: true,
    dereference: true,
    filter: (path) => !unneeded.test(path) && existsSync(path),
  });
  const websockets = "/usr/lib/python3/dist-packages/websockets";
  cpSync(websockets, join(root, websockets), { recursive: true, dereference: true });
  // What the extension modules load.
  const { stdout } = run("sh", ["-c", `ldd ${library}/lib-dynload/*.so | grep -o '=> /[^ ]*' | sort -u`]);
  for (const line of stdout.split("\n").filter(Boolean)) {
    const path = line.slice("=> ".length);
    const target = join(root, path);
    if (existsSync(target)) continue;
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(path, target);
  }
}

function run(command: string, args: readonly string[]) {
  return spawnSync(command, args, { encoding: "utf8" });
}

/** @throws Error with the command and both streams */
export function must(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): string {
  const result = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28, ...options });
  if (result.status === 0) return result.stdout;
  const problem = result.error ? result.error.message : `exit ${result.status ?? result.signal}`;
  throw new Error(`${command} ${args.join(" ")}: ${problem}\n${result.stdout ?? ""}${result.stderr ?? ""}`);
}
