/**
 * Bundles commands/main.ts into dist/: one small entry, a chunk for each lazily imported part.
 *
 * Everything but koffi (a native module) is bundled, so that a verb reads few files and the image needs no node_modules.
 * `dist/meta.json` (esbuild's metafile) is what `npm run check` measures process budgets from; it is not published.
 */
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../", import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { version: string };

if (!existsSync(`${root}commands/main.ts`))
  throw new Error("commands/main.ts is missing: build in a full checkout");
rmSync(`${root}dist`, { recursive: true, force: true });
const result = await build({
  absWorkingDir: root,
  entryPoints: { meshctl: "commands/main.ts" },
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22.19",
  chunkNames: "chunks/[name]-[hash]",
  external: ["koffi"],
  // React's and ink's development branches are dead code for users.
  define: { __MESHCTL_VERSION__: JSON.stringify(version), "process.env.NODE_ENV": '"production"' },
  alias: {
    "react-devtools-core": fileURLToPath(new URL("./empty-module.ts", import.meta.url)),
    // Its CommonJS build would have no named exports behind a dynamic import, unlike in Node; this one also sheds what is unused.
    yaml: `${root}node_modules/yaml/browser/index.js`,
  },
  // Bundled CommonJS packages call `require` for Node's own modules.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  legalComments: "none",
  minifySyntax: true,
  minifyWhitespace: true,
  // Not `keepNames`: it defines the name of every function that is made while the program runs, which took a proxy a seventh of its time.
  metafile: true,
  logLevel: "warning",
});
writeFileSync(`${root}dist/meta.json`, JSON.stringify(result.metafile));
const entry = `${root}dist/meshctl.js`;
writeFileSync(entry, `#!/usr/bin/env node\n${readFileSync(entry, "utf8").replace(/^#!.*\n/, "")}`);
chmodSync(entry, 0o755);
