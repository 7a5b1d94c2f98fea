import { MeshError } from "../src/base/error.ts";
import { VERSION } from "../src/base/version.ts";
import type { Command } from "../src/cli/command.ts";
import { renderVersions, renderVersionsJson, type Versions } from "../src/cli/versions.ts";

/** Problems that `unavailable` says enough about. */
const QUIET = new Set(["KUBE_UNREACHABLE", "KUBE_TIMEOUT", "KUBE_NOT_FOUND"]);

export const command: Command = {
  name: "version",
  summary: "versions of this program, the control plane and the proxies",
  description:
    "The server version is read from the ConfigMap that `install` writes, the proxies' from their pods' annotations.\n" +
    "A cluster that does not answer is `unavailable`, not an error; --verbose says why. A cluster that refuses says so.",
  flags: [
    { name: "client", type: "boolean", summary: "only this program's version; asks no cluster" },
    {
      name: "proxy",
      type: "boolean",
      summary: "also the versions of the proxies, with how many pods have each",
    },
    { name: "short", type: "boolean", summary: "bare versions, one a line" },
    {
      name: "namespace",
      short: "n",
      type: "string",
      placeholder: "NAMESPACE",
      summary: "count proxies there only",
    },
    {
      name: "output",
      short: "o",
      type: "string",
      summary: "format",
      choices: ["table", "json"],
      default: "table",
    },
  ],
  examples: [
    { command: "meshctl version", does: "this program and the control plane" },
    { command: "meshctl version --client --short", does: "the bare version, for scripts" },
    { command: "meshctl version --proxy -o json", does: "everything, as JSON" },
  ],
  async run(options, _args, { console, globals, env }) {
    const versions: { -readonly [Key in keyof Versions]: Versions[Key] } = { client: VERSION };
    if (options.client !== true) {
      const { readServerVersions } = await import("../src/collect/server-versions.ts");
      const namespace = options.namespace as string | undefined;
      const answer = await readServerVersions({ globals, env, proxies: options.proxy === true, namespace });
      versions.server = answer.server;
      if (options.proxy === true) versions.proxies = answer.proxies;
      // A cluster that is away is told quietly; one that refuses is not away.
      if (answer.problem && (globals.verbose || !QUIET.has(answer.problem.code))) {
        const { message, hint } = answer.problem;
        console.stderr.write(`warning: ${message}\n${hint ? `hint:    ${hint}\n` : ""}`);
      }
    } else if (options.proxy === true) {
      throw new MeshError({
        kind: "usage",
        code: "VERSION_FLAGS_CLASH",
        message: "--client asks no cluster, so --proxy has nobody to ask",
        hint: "leave one of them away",
      });
    }
    const render = options.output === "json" ? renderVersionsJson : renderVersions;
    console.stdout.write(render(versions, options.short === true));
    return { exitCode: 0 };
  },
};
