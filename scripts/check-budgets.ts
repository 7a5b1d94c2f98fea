/**
 * Process budgets: what each kind of process may load, measured from esbuild's metafile of the last build.
 *
 * A closure is what a chunk imports, directly or through others: `static` counts what is read before the first line runs,
 * `all` also what may be imported later. `--print` lists the sizes.
 */
import { existsSync, readFileSync } from "node:fs";
import { ROOT } from "./source-files.ts";

interface Metafile {
  readonly outputs: Readonly<
    Record<
      string,
      {
        readonly bytes: number;
        readonly entryPoint?: string;
        readonly imports: readonly {
          readonly path: string;
          readonly kind: string;
          readonly external?: boolean;
        }[];
        readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>>;
      }
    >
  >;
}

interface Budget {
  readonly entry: string;
  readonly closure: "static" | "all";
  /** Substrings of input paths. */
  readonly forbidden: readonly string[];
  /** Bytes of the closure's chunks. */
  readonly bytesMax?: number;
}

const HEAVY = [
  "node_modules/@kubernetes/client-node/",
  "node_modules/@peculiar/x509/",
  "node_modules/ink/",
  "node_modules/react/",
  "node_modules/reflect-metadata/",
];
const STACKS = ["inbound", "outbound", "http", "balance"].map((part) => `src/proxy/${part}/`);

/** Verbs without an entry of their own. */
const CLI_VERB: Omit<Budget, "entry"> = {
  closure: "static",
  forbidden: [...HEAVY, "src/proxy/", "src/control/"],
};

const BUDGETS: readonly Budget[] = [
  { entry: "commands/main.ts", closure: "static", forbidden: ["node_modules/", "src/"], bytesMax: 8_000 },
  { entry: "src/cli/run.ts", closure: "static", forbidden: ["node_modules/"], bytesMax: 40_000 },
  {
    entry: "commands/registry.ts",
    closure: "static",
    forbidden: ["node_modules/", "src/"],
    bytesMax: 12_000,
  },
  {
    entry: "commands/proxy.ts",
    closure: "all",
    forbidden: [
      ...HEAVY,
      "node_modules/chalk/",
      "node_modules/commander/",
      "node_modules/yaml/",
      "node_modules/undici/",
      "node_modules/ws/",
      "src/kube/",
      "src/control/",
    ],
  },
  {
    // What only some configurations need is not read by the others.
    entry: "src/proxy/proxy.ts",
    closure: "static",
    forbidden: [
      "src/proxy/tap/",
      "src/proxy/tracing/",
      "/tap_pb.js",
      "/opentelemetry/",
      "src/proxy/workers/supervise",
    ],
  },
  {
    entry: "commands/control-plane.ts",
    closure: "all",
    forbidden: ["node_modules/ink/", "node_modules/react/", "node_modules/chalk/", ...STACKS],
  },
];

export function checkBudgets(meta: Metafile): { problems: string[]; sizes: string[] } {
  const problems: string[] = [];
  const sizes: string[] = [];
  const entries = new Map<string, string>();
  for (const [output, { entryPoint }] of Object.entries(meta.outputs)) {
    if (entryPoint !== undefined) entries.set(entryPoint, output);
  }
  const own = new Set(BUDGETS.map(({ entry }) => entry));
  const verbs = [...entries.keys()].filter(
    (entry) => /^commands\/[a-z-]+\.ts$/.test(entry) && !own.has(entry),
  );
  for (const budget of [...BUDGETS, ...verbs.map((entry) => ({ entry, ...CLI_VERB }))]) {
    const output = entries.get(budget.entry);
    if (output === undefined) continue;
    const chunks = closureOf(meta, output, budget.closure);
    const bytes = chunks.reduce((sum, chunk) => sum + meta.outputs[chunk]!.bytes, 0);
    sizes.push(
      `${budget.entry.padEnd(26)} ${budget.closure.padEnd(6)} ${(bytes / 1000).toFixed(0).padStart(6)} kB`,
    );
    if ("bytesMax" in budget && budget.bytesMax !== undefined && bytes > budget.bytesMax) {
      problems.push(`${budget.entry}: ${bytes} bytes are loaded, ${budget.bytesMax} allowed`);
    }
    for (const chunk of chunks) {
      const input = Object.entries(meta.outputs[chunk]!.inputs).find(
        ([path, { bytesInOutput }]) =>
          bytesInOutput > 0 && budget.forbidden.some((part) => path.startsWith(part)),
      );
      if (input) problems.push(`${budget.entry} may not load ${input[0]} (by ${chunk})`);
    }
  }
  return { problems, sizes };
}

function closureOf(meta: Metafile, start: string, closure: Budget["closure"]): string[] {
  const seen = new Set([start]);
  for (const output of seen) {
    for (const { path, kind, external } of meta.outputs[output]!.imports) {
      if (external || (closure === "static" && kind !== "import-statement")) continue;
      if (meta.outputs[path]) seen.add(path);
    }
  }
  return [...seen];
}

if (process.argv[1] === `${ROOT}scripts/check-budgets.ts`) {
  const file = `${ROOT}dist/meta.json`;
  if (!existsSync(file)) {
    process.stderr.write("dist/meta.json is missing: npm run build\n");
    process.exitCode = 1;
  } else {
    const { problems, sizes } = checkBudgets(JSON.parse(readFileSync(file, "utf8")) as Metafile);
    if (process.argv.includes("--print")) process.stdout.write(`${sizes.join("\n")}\n`);
    for (const problem of problems) process.stderr.write(`${problem}\n`);
    process.exitCode = problems.length > 0 ? 1 : 0;
  }
}
