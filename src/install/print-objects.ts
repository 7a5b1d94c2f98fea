import { stringify } from "yaml";
import type { KubeObject } from "../base/kube-object.ts";

/** Objects as a stream: YAML documents, or one compact JSON object a line. */
export function printObjects(objects: readonly KubeObject[], format: "yaml" | "json"): string {
  if (format === "json") return objects.map((object) => `${JSON.stringify(object)}\n`).join("");
  return objects
    .map((object) => `---\n${stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })}`)
    .join("");
}
