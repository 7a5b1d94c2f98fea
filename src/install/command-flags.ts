import type { ValueFlag } from "../values/proxy-flags.ts";
import { PROXY_FLAGS } from "../values/proxy-flags.ts";
import { INSTALL_FLAGS } from "./install-flags.ts";

/** A flag of a command, as src/cli has them; install may not import it. */
type Flag = Omit<ValueFlag["flag"], "type"> & {
  readonly type: ValueFlag["flag"]["type"] | "repeat";
  readonly short?: string;
  readonly default?: string;
};

/** Flags that set only what is decided once, when a mesh is installed. */
const ONLY_AT_INSTALL = ["cluster-domain", "identity-trust-domain"];

/** Which half is printed, and from where values come. */
const SOURCE_FLAGS: readonly Flag[] = [
  { name: "crds", type: "boolean", summary: "only the custom resource definitions" },
  { name: "skip-crds", type: "boolean", summary: "only the control plane" },
  {
    name: "ha",
    type: "boolean",
    summary:
      "three replicas on different nodes, disruption budgets, reserved resources, and no pod without its injector",
  },
  { name: "image", type: "string", placeholder: "NAME:TAG", summary: "image of control plane and proxies" },
  { name: "registry", type: "string", placeholder: "REGISTRY", summary: "registry of that image" },
  {
    name: "disable-h2-upgrade",
    type: "boolean",
    summary: "send HTTP/1 between proxies as HTTP/1, instead of over HTTP/2",
  },
  {
    name: "values",
    short: "f",
    type: "list",
    placeholder: "FILE",
    summary: "YAML file (or https URL) of values",
  },
  {
    name: "set",
    type: "repeat",
    placeholder: "KEY=VALUE",
    summary: "set a value: --set proxy.capture=explicit",
  },
  { name: "set-string", type: "repeat", placeholder: "KEY=VALUE", summary: "set a value, always as text" },
  { name: "set-file", type: "repeat", placeholder: "KEY=FILE", summary: "set a value to the text of a file" },
];

const IDENTITY_FLAGS: readonly Flag[] = [
  {
    name: "identity-trust-anchors-file",
    type: "string",
    placeholder: "FILE",
    summary: "PEM bundle of trust anchors",
  },
  {
    name: "identity-issuer-certificate-file",
    type: "string",
    placeholder: "FILE",
    summary: "PEM certificate of the issuer",
  },
  { name: "identity-issuer-key-file", type: "string", placeholder: "FILE", summary: "PEM key of the issuer" },
];

export const OUTPUT_FLAG: Flag = {
  name: "output",
  short: "o",
  type: "string",
  placeholder: "FORMAT",
  summary: "format",
  choices: ["yaml", "json"],
  default: "yaml",
};

/** What `install` and `upgrade` have in common; `install` has a few more. */
export function installationFlags(verb: "install" | "upgrade"): readonly Flag[] {
  const valueFlags = [...INSTALL_FLAGS, ...PROXY_FLAGS].map(({ flag }) => flag);
  return [
    ...SOURCE_FLAGS,
    ...IDENTITY_FLAGS,
    ...valueFlags.filter(({ name }) => verb === "install" || !ONLY_AT_INSTALL.includes(name)),
    OUTPUT_FLAG,
  ];
}
