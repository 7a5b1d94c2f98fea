/**
 * Import directions: which folder of src may import which. `--print` shows the graph as it is.
 *
 * Fails on an edge that the table does not allow, on an import of commands/, on a cycle between files (imports of types alone
 * do not count: they vanish), and on a barrel (a file that only re-exports).
 */
import { type ImportEdge, importsOf, listFiles, ROOT, readSource } from "./source-files.ts";

/** Folder of src -> folders that it may import, beside itself and base. `x:types` allows types alone. */
export const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: [],
  net: [],
  api: [],
  policy: [],
  values: [],
  cli: [],
  identity: ["wire", "api"],
  observe: ["wire"],
  metrics: ["wire"],
  kube: ["wire"],
  proxy: ["net", "wire", "policy", "api", "identity", "metrics", "observe"],
  control: ["kube", "net", "wire", "inject", "values", "policy", "api", "identity", "metrics", "observe"],
  local: ["kube", "wire", "net", "identity", "values", "inject:types"],
  collect: ["kube", "net", "api", "observe"],
  views: ["cli", "observe"],
  demo: [
    "local",
    "install",
    "inject",
    "collect",
    "views",
    "net",
    "values:types",
    "kube:types",
    "observe:types",
  ],
  check: ["kube", "identity", "api", "observe", "values", "install"],
  install: ["values", "policy", "identity"],
  inject: ["values", "policy"],
  init: ["values"],
};

export function checkImports(edges: readonly ImportEdge[]): string[] {
  const problems: string[] = [];
  for (const edge of edges) {
    const problem = judge(edge);
    if (problem) problems.push(`${edge.from}:${edge.line}: ${problem}`);
  }
  for (const cycle of findCycles(edges)) problems.push(`cycle: ${cycle.join(" -> ")}`);
  return problems;
}

function judge({ from, to, kind }: ImportEdge): string | undefined {
  if (from.startsWith("commands/") || !from.startsWith("src/")) return undefined;
  if (to.startsWith("commands/")) return "nothing imports commands/: move what is shared into src/";
  if (to.startsWith("test/") || to.startsWith("scripts/")) return `src may not import ${to}`;
  if (!to.startsWith("src/")) return undefined;
  const [source, target] = [folderOf(from), folderOf(to)];
  if (source === target || target === "base") return undefined;
  const allowed = ALLOWED[source];
  if (!allowed) return `folder src/${source} is not in the table of scripts/check-imports.ts`;
  if (allowed.includes(target)) return undefined;
  if (allowed.includes(`${target}:types`)) {
    return kind === "type" ? undefined : `${source} may import only types of ${target}`;
  }
  return `${source} may not import ${target} (${to}); it may import ${["base", ...allowed].join(", ")}`;
}

/** Strongly connected files along imports that load (Tarjan), each as the path round it. */
export function findCycles(edges: readonly ImportEdge[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to, kind } of edges) {
    if (kind !== "static" || !to.includes("/") || !to.endsWith(".ts")) continue;
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const cycles: string[][] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (file: string): void => {
    const at = trail.indexOf(file);
    if (at >= 0) {
      cycles.push([...trail.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    trail.push(file);
    for (const target of next.get(file) ?? []) visit(target);
    trail.pop();
    done.add(file);
  };
  for (const file of next.keys()) visit(file);
  return cycles;
}

/** Folder -> folders that it imports, as it is. */
export function renderGraph(edges: readonly ImportEdge[]): string {
  const graph = new Map<string, Map<string, "type" | "code">>();
  for (const { from, to, kind } of edges) {
    const [source, target] = [folderOf(from), folderOf(to)];
    if (!to.startsWith("src/") || source === target) continue;
    const targets = graph.get(source) ?? new Map<string, "type" | "code">();
    graph.set(source, targets);
    if (kind !== "type") targets.set(target, "code");
    else if (!targets.has(target)) targets.set(target, "type");
  }
  return [...graph]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([source, targets]) => {
      const names = [...targets].sort().map(([name, kind]) => (kind === "type" ? `${name} (types)` : name));
      return `${source.padEnd(9)} -> ${names.join(", ")}`;
    })
    .join("\n");
}

function folderOf(path: string): string {
  return path.startsWith("src/") ? path.split("/")[1]! : path.split("/")[0]!;
}

/** Files that contain nothing but re-exports. */
export function findBarrels(files: readonly string[]): string[] {
  return files.filter((file) => {
    const lines = readSource(file)
      .replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "")
      .split(/;\s*/)
      .filter((line) => line.trim() !== "");
    return lines.length > 0 && lines.every((line) => /^\s*export\s[\s\S]*\sfrom\s/.test(line));
  });
}

export function allEdges(): ImportEdge[] {
  return [...listFiles("commands", ".ts"), ...listFiles("src", ".ts")].flatMap(importsOf);
}

if (process.argv[1] === `${ROOT}scripts/check-imports.ts`) {
  const edges = allEdges();
  if (process.argv.includes("--print")) process.stdout.write(`${renderGraph(edges)}\n`);
  const barrels = findBarrels(listFiles("src", ".ts")).map(
    (file) => `${file}: a barrel; import the file you mean`,
  );
  const problems = [...checkImports(edges), ...barrels];
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
