import { LineCounter, parseAllDocuments } from "yaml";
import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";

/** One object of a manifest and where it stands. */
export interface ManifestObject {
  readonly object: KubeObject;
  /** For messages: `app.yaml, document 2, line 14`. */
  readonly where: string;
}

/**
 * Objects of a YAML or JSON stream, in order; Lists are taken apart, empty documents skipped.
 *
 * @throws MeshError `MANIFEST_SYNTAX`, `MANIFEST_NOT_AN_OBJECT` with file, document, line and column
 */
export function parseManifest(text: string, file: string): ManifestObject[] {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter });
  const all = Array.isArray(documents) ? documents : [];
  for (const [index, { errors }] of all.entries()) {
    const [error] = errors;
    if (!error) continue;
    const { line, col } = lineCounter.linePos(error.pos[0]);
    throw new MeshError({
      kind: "user",
      code: "MANIFEST_SYNTAX",
      message: `${file}, document ${index + 1}, line ${line}, column ${col}: ${plainText(error.message)}`,
      hint: "mend the YAML there",
    });
  }
  const objects: ManifestObject[] = [];
  for (const [index, document] of all.entries()) {
    const value: unknown = document.toJS();
    if (value === null || value === undefined) continue;
    const start = document.contents?.range?.[0] ?? document.range[0];
    const { line } = lineCounter.linePos(start);
    objects.push(...expand(value, `${file}, document ${index + 1}, line ${line}`));
  }
  return objects;
}

/** The parser's own words, without the place, which stands before them already. */
function plainText(message: string): string {
  return message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, "");
}

function expand(value: unknown, where: string): ManifestObject[] {
  const candidate = value as Partial<KubeObject> & { items?: unknown };
  const isNamed = typeof candidate === "object" && typeof candidate.kind === "string";
  if (isNamed && candidate.kind!.endsWith("List") && Array.isArray(candidate.items)) {
    return candidate.items.flatMap((item, index) => expand(item, `${where}, item ${index + 1}`));
  }
  if (!isNamed || typeof candidate.apiVersion !== "string" || typeof candidate.metadata !== "object") {
    throw new MeshError({
      kind: "user",
      code: "MANIFEST_NOT_AN_OBJECT",
      message: `${where}: this is no Kubernetes object: it needs apiVersion, kind and metadata`,
      hint: "give the file a Kubernetes manifest",
    });
  }
  return [{ object: value as KubeObject, where }];
}
