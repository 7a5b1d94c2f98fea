/** What `version` found out. A key that is absent was not asked for; null: asked for, and unavailable. */
export interface Versions {
  readonly client: string;
  readonly server?: string | null;
  /** Version -> pods, or null. */
  readonly proxies?: Readonly<Record<string, number>> | null;
}

/** Text as upstream prints it (`--short`: bare values), proxies sorted by version. */
export function renderVersions(versions: Versions, short: boolean): string {
  const lines = [short ? versions.client : `Client version: ${versions.client}`];
  if (versions.server !== undefined) {
    const server = versions.server ?? "unavailable";
    lines.push(short ? server : `Server version: ${server}`);
  }
  if (versions.proxies === null) lines.push("Proxy versions: unavailable");
  else if (versions.proxies !== undefined) {
    lines.push("Proxy versions:");
    for (const [version, count] of Object.entries(versions.proxies).sort(([left], [right]) =>
      left < right ? -1 : 1,
    )) {
      lines.push(`\t${version} (${count} ${count === 1 ? "pod" : "pods"})`);
    }
  }
  return `${lines.join("\n")}\n`;
}

export function renderVersionsJson(versions: Versions): string {
  return `${JSON.stringify(versions, undefined, 2)}\n`;
}
