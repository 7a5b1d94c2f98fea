/** Generates src/api/gen from src/api/proto (protobuf-es; JavaScript and declarations, which type stripping can load). */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
rmSync(new URL("src/api/gen", root), { recursive: true, force: true });
execFileSync("buf", ["generate"], { cwd: fileURLToPath(new URL("src/api/proto/", root)), stdio: "inherit" });
