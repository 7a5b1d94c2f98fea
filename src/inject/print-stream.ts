import { splitDocuments } from "./yaml/split-documents.ts";

/** A stream as it is, or each document as one line of JSON. */
export async function printStream(text: string, format: "yaml" | "json"): Promise<string> {
  if (format === "yaml") return text;
  const { parseOutline } = await import("./yaml/parsed-outline.ts");
  let lines = "";
  for (const slice of splitDocuments(text)) {
    const parsed = parseOutline(text, slice);
    if ("data" in parsed && parsed.data !== null && parsed.data !== undefined)
      lines += `${JSON.stringify(parsed.data)}\n`;
  }
  return lines;
}
