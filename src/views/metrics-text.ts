import { createHash } from "node:crypto";

/** Metrics of one container, or why there are none. */
export interface MetricsPart {
  readonly pod: string;
  /** "": not named. */
  readonly container: string;
  readonly text: string | undefined;
  readonly error: string | undefined;
}

/** Metrics of several pods, one after the other, each below a comment that names it. */
export function renderMetrics(
  parts: readonly MetricsPart[],
  options: { readonly obfuscate: boolean },
): string {
  return parts
    .map(({ pod, container, text, error }, index) => {
      const head = [
        "#",
        `# POD ${pod} (${index + 1} of ${parts.length})`,
        ...(container === "" ? [] : [`# CONTAINER ${container} `]),
        "#",
      ];
      const body = error === undefined ? (text ?? "") : `# ERROR: ${error}\n`;
      return `${head.join("\n")}\n${options.obfuscate ? obfuscate(body) : body}`;
    })
    .join("");
}

/** Labels that tell who talks to whom. */
const TELLING = ["authority", "client_id", "server_id", "target_addr", "dst_service", "dst_namespace"];
const TELLING_LABEL = new RegExp(`\\b(${TELLING.join("|")})="((?:[^"\\\\]|\\\\.)*)"`, "g");

/** Replaces telling values by the first four bytes of their SHA-256: the same stays the same, and cannot be read. */
function obfuscate(text: string): string {
  const known = new Map<string, string>();
  return text.replace(TELLING_LABEL, (_all, label: string, value: string) => {
    let hidden = known.get(value);
    if (hidden === undefined) {
      hidden = createHash("sha256").update(value).digest("hex").slice(0, 8);
      known.set(value, hidden);
    }
    return `${label}="${hidden}"`;
  });
}
