import { readFileSync, statSync } from "node:fs";
import type { Values } from "../../values/values.ts";
import { valuesFromYaml } from "../../values/yaml.ts";

/**
 * The installation's values as the mounted ConfigMap has them now: read again when a file has changed.
 *
 * @returns a function that throws what `valuesFromYaml` throws, or a system error when a file is missing
 */
export function createFileValues(valuesFile: string, trustRootsFile: string | undefined): () => Values {
  let cached: { readonly stamp: string; readonly values: Values } | undefined;
  return () => {
    const files = trustRootsFile === undefined ? [valuesFile] : [valuesFile, trustRootsFile];
    const stamp = files.map(stampOf).join(" ");
    if (cached?.stamp === stamp) return cached.values;
    const read = valuesFromYaml(readFileSync(valuesFile, "utf8"), valuesFile);
    // The mounted bundle is what an operator or trust-manager keeps up to date; the values hold what was installed.
    const anchors = trustRootsFile === undefined ? "" : readFileSync(trustRootsFile, "utf8");
    const values = anchors.trim() === "" ? read : { ...read, identityTrustAnchorsPem: anchors };
    cached = { stamp, values };
    return values;
  };
}

export function stampOf(file: string): string {
  const { mtimeMs, size, ino } = statSync(file);
  return `${mtimeMs}:${size}:${ino}`;
}
