import { parse, stringify } from "yaml";
import { MeshError } from "../base/error.ts";
import { defaultValues } from "./defaults.ts";
import { isTree, mergeTrees, type ValueTree } from "./merge.ts";
import { validateValues } from "./validate.ts";
import type { Values } from "./values.ts";

/** Key of ConfigMap `meshctl-config` that holds the values. */
export const VALUES_KEY = "values";

export function valuesToYaml(values: Values): string {
  return stringify(values, { lineWidth: 0 });
}

export function treeToYaml(tree: ValueTree): string {
  return stringify(tree, { lineWidth: 0 });
}

/**
 * Reads the values that an installation keeps (ConfigMap `meshctl-config`, key `values`). What an older version did not
 * know has this version's default; what a newer one added is ignored.
 *
 * @param source names the text in messages: a file, or `ConfigMap meshctl/meshctl-config`
 * @throws MeshError `VALUES_BAD_YAML`, `VALUES_INVALID`
 */
export function valuesFromYaml(text: string, source: string): Values {
  const tree = parseTree(text, source);
  const version = typeof tree.meshctlVersion === "string" ? tree.meshctlVersion : "";
  return validateValues(mergeTrees(defaultValues(version), tree), "ignore-unknown");
}

/** Reads a values file (`-f`). An empty file is an empty tree. @throws MeshError `VALUES_BAD_YAML` */
export function parseTree(text: string, source: string): ValueTree {
  let parsed: unknown;
  try {
    parsed = parse(text);
  } catch (error) {
    const linePos = (error as { linePos?: readonly { line: number; col: number }[] }).linePos?.[0];
    throw new MeshError({
      kind: "user",
      code: "VALUES_BAD_YAML",
      message: `${source}${linePos ? `:${linePos.line}:${linePos.col}` : ""} is no valid YAML: ${firstLine(error)}`,
      cause: error,
    });
  }
  if (parsed === null || parsed === undefined) return {};
  if (!isTree(parsed)) {
    throw new MeshError({
      kind: "user",
      code: "VALUES_BAD_YAML",
      message: `${source} holds ${Array.isArray(parsed) ? "a list" : `the scalar "${String(parsed)}"`}, not a map of values`,
    });
  }
  return parsed;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!.replace(/ at line .*$/, "");
}
