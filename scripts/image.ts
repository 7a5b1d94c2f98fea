/**
 * Makes the image's root file system in a directory, without a daemon: what the Dockerfile makes, from this machine's programs.
 *
 *   node scripts/image.ts [DIR]            default .meshctl/rootfs; DIR is emptied first
 *     --import NAME:TAG                    hand it to $CLUSTER_TOOLS/image.sh (default ../shared/cluster beside this project)
 *     --no-size                            do not compress it to tell its size
 *
 * It holds the project's own Node without its debug symbols, dist, manifests, the native module, nft and both iptables with the
 * libraries they load, and CA certificates. There is no shell and no package manager in it.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createGzip } from "node:zlib";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Of the modules that iptables loads by name, those that proxy-init's rules name. */
const XTABLES_MODULES = ["comment", "multiport", "owner", "standard", "tcp", "REDIRECT", "NAT"];

/** User of the proxy; the init container alone runs as root (src/inject/containers.ts). */
const USER = 2102;

/** Configuration of the image beside its files; the Dockerfile says the same. */
export const IMAGE_OPTIONS: readonly string[] = [
  ...["--entrypoint", "/usr/bin/node", "--entrypoint", "/app/dist/meshctl.js"],
  ...["--env", "NODE_ENV=production", "--env", "MESHCTL_IMAGE=1"],
  ...["--user", String(USER), "--workdir", "/app"],
];

/** Fills an empty directory. */
export function makeRootFileSystem(dir: string): void {
  makeSkeleton(dir);
  addNode(dir);
  addApplication(dir);
  addFirewalls(dir);
  // What was copied is complete and starts, or this fails: libraries are found by name at run time.
  const quiet = { stdio: "pipe" } as const;
  execFileSync(join(dir, "usr/bin/node"), [join(dir, "app/dist/meshctl.js"), "version", "--client"], quiet);
  execFileSync(join(dir, "usr/bin/node"), ["-e", 'require("koffi").load(null)'], {
    cwd: join(dir, "app"),
    ...quiet,
  });
}

function makeSkeleton(dir: string): void {
  // First of all the one by which a later run knows that the directory is one of these.
  for (const folder of [
    "app/dist",
    "dev",
    "etc/ssl/certs",
    "proc",
    "run",
    "sys",
    "tmp",
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib64",
    "var",
  ]) {
    mkdirSync(join(dir, folder), { recursive: true });
  }
  chmodSync(join(dir, "tmp"), 0o1777);
  // Merged, as distributions have it: a library that is named /lib/x lies where /usr/lib/x is looked for.
  for (const folder of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${folder}`, join(dir, folder));
  const users = `root:x:0:0:root:/:/sbin/nologin\nmeshctl:x:${USER}:${USER}::/:/sbin/nologin\nnobody:x:65534:65534::/:/sbin/nologin\n`;
  writeFileSync(join(dir, "etc/passwd"), users);
  writeFileSync(join(dir, "etc/group"), `root:x:0:\nmeshctl:x:${USER}:\nnogroup:x:65534:\n`);
  writeFileSync(join(dir, "etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n");
  for (const file of ["/etc/ssl/certs/ca-certificates.crt", "/etc/protocols", "/etc/services"]) {
    if (existsSync(file)) copyFileSync(file, join(dir, file));
  }
}

/** The Node of the `node` package is the one that tests ran with; its symbols are a quarter of it. */
function addNode(dir: string): void {
  const node = join(ROOT, "node_modules/node/bin/node");
  const copy = join(dir, "usr/bin/node");
  copyFileSync(existsSync(node) ? node : process.execPath, copy);
  if (spawnSync("strip", [copy]).status !== 0) {
    process.stderr.write("warning: no `strip` (package binutils): the image is larger than it has to be\n");
  }
  addLibraries(dir, copy);
}

function addApplication(dir: string): void {
  if (!existsSync(join(ROOT, "dist/meshctl.js"))) throw new Error("dist is missing: npm run build");
  const copy = (path: string, to = path) =>
    cpSync(join(ROOT, path), join(dir, "app", to), {
      recursive: true,
      dereference: true,
      filter: (from) => from !== join(ROOT, "dist/meta.json"),
    });
  for (const path of ["dist", "manifests", "package.json", "LICENSE"]) copy(path);
  // Of the native module, what Node loads: sources and headers stay behind, and the build for musl.
  const koffi = "node_modules/koffi";
  for (const path of ["package.json", "LICENSE.txt", "index.js", "index.cjs"]) copy(`${koffi}/${path}`);
  for (const path of readdirSync(join(ROOT, koffi, "src"), { recursive: true, encoding: "utf8" })) {
    if (/\.c?js$/.test(path)) copy(`${koffi}/src/${path}`);
  }
  const native = `node_modules/@koromix/koffi-linux-${process.arch}`;
  for (const path of ["package.json", "index.js", `linux_${process.arch}`]) copy(`${native}/${path}`);
}

function addFirewalls(dir: string): void {
  const programs = ["nft", "xtables-nft-multi", "xtables-legacy-multi"].map((name) => {
    const path = findProgram(name);
    if (path === undefined) throw new Error(`${name} is missing: install nftables and iptables`);
    copyFileSync(path, join(dir, "usr/sbin", name));
    addLibraries(dir, path);
    return path;
  });
  // Each generation is one program that acts by the name it is called by.
  for (const name of ["iptables", "ip6tables"]) {
    for (const action of ["", "-save", "-restore"]) {
      symlinkSync("xtables-nft-multi", join(dir, "usr/sbin", name + action));
      symlinkSync("xtables-nft-multi", join(dir, "usr/sbin", `${name}-nft${action}`));
      symlinkSync("xtables-legacy-multi", join(dir, "usr/sbin", `${name}-legacy${action}`));
    }
  }
  const library = librariesOf(programs[1]!).find((path) => basename(path).startsWith("libxtables.so"));
  if (library === undefined) throw new Error(`${programs[1]} does not name libxtables`);
  const modules = join(dirname(realpathSync(library)), "xtables");
  mkdirSync(join(dir, modules), { recursive: true });
  for (const name of XTABLES_MODULES) {
    const path = join(modules, `libxt_${name}.so`);
    // Some of these are links to, or parts of, others in some versions.
    if (!existsSync(path)) continue;
    copyFileSync(path, join(dir, path));
    addLibraries(dir, path);
  }
}

function addLibraries(dir: string, program: string): void {
  for (const path of librariesOf(program)) {
    if (existsSync(join(dir, path))) continue;
    mkdirSync(join(dir, dirname(path)), { recursive: true });
    copyFileSync(path, join(dir, path));
  }
}

/** What the loader would map, and the loader. */
function librariesOf(program: string): string[] {
  const { stdout } = spawnSync("ldd", [program], { encoding: "utf8" });
  return [...stdout.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map((match) => match[1]!);
}

function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Bytes as they are, and as a registry would send them. */
async function measure(dir: string): Promise<{ raw: number; compressed: number }> {
  const tar = spawn("tar", ["-C", dir, "--sort=name", "--mtime=@0", "--numeric-owner", "-c", "."], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let raw = 0;
  let compressed = 0;
  tar.stdout.on("data", (chunk: Buffer) => {
    raw += chunk.length;
  });
  for await (const chunk of tar.stdout.pipe(createGzip())) compressed += (chunk as Buffer).length;
  return { raw, compressed };
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { import: { type: "string" }, "no-size": { type: "boolean" } },
  });
  const dir = resolve(positionals[0] ?? join(ROOT, ".meshctl/rootfs"));
  // Whatever is there is deleted, so it has to look like one of ours.
  if (existsSync(dir) && readdirSync(dir).length > 0 && !existsSync(join(dir, "app/dist"))) {
    throw new Error(`${dir} is neither empty nor an earlier root file system`);
  }
  rmSync(dir, { recursive: true, force: true });
  makeRootFileSystem(dir);
  process.stdout.write(`root file system  ${dir}\n`);
  if (!values["no-size"]) {
    const { raw, compressed } = await measure(dir);
    const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
    process.stdout.write(`size              ${mb(raw)}, compressed ${mb(compressed)}\n`);
  }
  const tools = resolve(process.env.CLUSTER_TOOLS ?? join(ROOT, "../shared/cluster"));
  const importer = join(tools, "image.sh");
  if (values.import === undefined) {
    const line = [
      `"\${CLUSTER_TOOLS:-../shared/cluster}/image.sh"`,
      "meshctl:dev",
      dir,
      ...IMAGE_OPTIONS,
    ].join(" ");
    process.stdout.write(`import            ${line}\n`);
    return;
  }
  if (!lstatSync(importer, { throwIfNoEntry: false }))
    throw new Error(`${importer} is missing: set CLUSTER_TOOLS`);
  execFileSync(importer, [values.import, dir, ...IMAGE_OPTIONS], { stdio: "inherit" });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main();
  } catch (caught) {
    process.stderr.write(`error: ${(caught as Error).message}\n`);
    process.exitCode = 1;
  }
}
