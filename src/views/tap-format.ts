import { MeshError } from "../base/error.ts";
import { parseJsonPath } from "./jsonpath.ts";
import type { TapFormat } from "./tap-lines.ts";

/**
 * Reads `-o` of `tap`.
 *
 * @throws MeshError `TAP_OUTPUT`, `JSONPATH_INVALID`: before anything is connected
 */
export function parseTapFormat(output: string | undefined): TapFormat {
  if (output === undefined || output === "") return { kind: "default" };
  if (output === "wide" || output === "json") return { kind: output };
  if (/^jsonpath=\s*\S/.test(output)) {
    const path = output.slice("jsonpath=".length);
    parseJsonPath(path);
    return { kind: "jsonpath", path };
  }
  throw new MeshError({
    kind: "usage",
    code: "TAP_OUTPUT",
    message: `output format "${output}" not recognized`,
    hint: "use wide, json or jsonpath={.requestInitEvent.path}",
  });
}
