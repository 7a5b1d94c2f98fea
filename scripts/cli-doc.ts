/**
 * docs/cli.md, from the flag records of the commands.
 *
 *   node scripts/cli-doc.ts --write    refreshes the page
 *   node scripts/cli-doc.ts            says whether it is fresh
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { registry } from "../commands/registry.ts";
import { visibleCommands } from "../src/cli/command-tree.ts";
import { renderCliMarkdown } from "../src/cli/doc-markdown.ts";

const path = fileURLToPath(new URL("../docs/cli.md", import.meta.url));
const text = renderCliMarkdown(await visibleCommands(registry));
if (process.argv.includes("--write")) writeFileSync(path, text);
else if (readFileSync(path, "utf8") !== text) {
  process.stderr.write("docs/cli.md is stale: node scripts/cli-doc.ts --write\n");
  process.exitCode = 1;
}
