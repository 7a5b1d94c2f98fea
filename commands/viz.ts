import { MeshError } from "../src/base/error.ts";
import type { Command } from "../src/cli/command.ts";
import { registry } from "./registry.ts";

/** Views that have the same name here. */
const SAME = [
  "stat",
  "stat-inbound",
  "stat-outbound",
  "routes",
  "edges",
  "tap",
  "top",
  "list",
  "profile",
  "allow-scrapes",
] as const;

/** What the extension needs and its absence does not: told to scripts that still ask. */
const NOT_NEEDED = ["install", "uninstall", "check", "prune"] as const;

export const command: Command = {
  name: "viz",
  summary: "the views, under the name that they have in Linkerd",
  description:
    "The views need no extension and no Prometheus: they ask the proxies. `meshctl viz stat` is `meshctl stat`, and so for the others, so\n" +
    "that scripts go on working when the program's name in them is replaced.",
  hidden: true,
  flags: [],
  examples: [{ command: "meshctl viz stat deploy -n demo", does: "the same as meshctl stat deploy -n demo" }],
  subcommands: {
    ...Object.fromEntries(
      SAME.map((name) => [
        name,
        {
          summary: registry.verbs[name]!.summary,
          load: async () => (await registry.verbs[name]!.load()).command,
        },
      ]),
    ),
    authz: {
      summary: "traffic of a resource by what authorized it",
      load: async () => (await import("./viz/authz.ts")).command,
    },
    ...Object.fromEntries(NOT_NEEDED.map((name) => [name, notNeeded(name)])),
    dashboard: notThere("dashboard", "the views in a browser"),
  },
  async run() {
    throw new MeshError({
      kind: "usage",
      code: "VIZ_WHAT",
      message: "viz needs to know which view",
      hint: "meshctl viz --help lists them; each works without viz, too",
    });
  },
};

function notNeeded(name: string) {
  return refusing(name, "not needed: there is no extension", {
    code: "VIZ_NOT_NEEDED",
    message: `there is no viz extension, so there is nothing to ${name}: the views ask the proxies themselves`,
    hint: "leave the line out; `meshctl check --proxy` looks at proxies",
  });
}

function notThere(name: string, what: string) {
  return refusing(name, `not there yet: ${what}`, {
    code: "CLI_NOT_YET",
    message: `meshctl viz ${name} (${what}) is not part of this version`,
    hint: "meshctl stat --watch and meshctl top are live in a terminal",
  });
}

function refusing(
  name: string,
  summary: string,
  refusal: { readonly code: string; readonly message: string; readonly hint: string },
) {
  const refused: Command = {
    name,
    summary,
    flags: [],
    examples: [],
    takesAnything: true,
    arguments: [{ name: "anything", summary: "ignored", required: false, variadic: true }],
    async run() {
      throw new MeshError({ kind: "user", ...refusal });
    },
  };
  return { summary, load: async () => refused };
}
