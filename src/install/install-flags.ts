import { MeshError } from "../base/error.ts";
import { defaultValues } from "../values/defaults.ts";
import { HIGH_AVAILABILITY_VALUES } from "../values/high-availability.ts";
import { mergeTrees, parseSet, parseValuePath, setAtPath, type ValueTree } from "../values/merge.ts";
import { PROXY_FLAGS, treeFromFlags, type ValueFlag } from "../values/proxy-flags.ts";
import { validateValues } from "../values/validate.ts";
import type { Values } from "../values/values.ts";
import { parseTree } from "../values/yaml.ts";

/** Flags of `install` that set one value each, beside those of the proxy. */
export const INSTALL_FLAGS: readonly ValueFlag[] = [
  flag("cluster-domain", "string", "DOMAIN", "DNS domain of the cluster", "clusterDomain"),
  flag(
    "identity-trust-domain",
    "string",
    "DOMAIN",
    "domain that identities end in (default: the cluster domain)",
    "identityTrustDomain",
  ),
  flag(
    "identity-issuance-lifetime",
    "duration",
    "DURATION",
    "how long a workload's certificate lives",
    "identity.issuer.issuanceLifetime",
  ),
  flag(
    "identity-clock-skew-allowance",
    "duration",
    "DURATION",
    "how far clocks may differ",
    "identity.issuer.clockSkewAllowance",
  ),
  flag("controller-replicas", "number", "N", "pods of each control-plane Deployment", "controllerReplicas"),
  flag(
    "controller-log-level",
    "string",
    "LEVEL",
    "what the control plane logs: error, warn, info, debug, trace",
    "controllerLogLevel",
  ),
  flag("controller-uid", "number", "UID", "user id that the control plane runs as", "controllerUid"),
  flag("controller-gid", "number", "GID", "group id that the control plane runs as", "controllerGid"),
];

export interface ValuesRequest {
  readonly version: string;
  readonly namespace: string;
  /** Parsed options and which of them were given. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly given: ReadonlySet<string>;
  /** Values that suit the cluster better than the defaults; whatever the user says wins. */
  readonly suited?: ValueTree;
  /** What was asked for before, when an installation is changed. */
  readonly stored?: ValueTree;
  /** Reads a values file or URL. */
  readonly readFile: (name: string) => Promise<string>;
}

/**
 * The values of an installation: defaults, then what suits the cluster, then what is stored, `--ha`, dedicated flags, `-f` files, `--set`,
 * `--set-string` and `--set-file`; later wins.
 *
 * @throws MeshError `VALUES_INVALID`, `VALUES_BAD_SET`, `VALUES_BAD_YAML`
 */
export async function valuesFromFlags(request: ValuesRequest): Promise<Values> {
  const { options, given } = request;
  const listOf = (key: string) => (options[key] as readonly string[] | undefined) ?? [];
  let tree: unknown = { ...defaultValues(request.version), namespace: request.namespace };
  if (request.suited) tree = mergeTrees(tree, request.suited);
  if (request.stored) tree = mergeTrees(tree, request.stored);
  if (options.ha === true) tree = mergeTrees(tree, HIGH_AVAILABILITY_VALUES);
  if (options.disableH2Upgrade === true) tree = mergeTrees(tree, { enableH2Upgrade: false });
  if (given.has("registry")) tree = mergeTrees(tree, registryTree(options.registry as string));
  if (given.has("image")) tree = mergeTrees(tree, imageTree(options.image as string));
  if (options.identityExternalIssuer === true) {
    tree = mergeTrees(tree, { identity: { issuer: { scheme: "kubernetes.io/tls" } } });
  }
  tree = mergeTrees(tree, treeFromFlags([...INSTALL_FLAGS, ...PROXY_FLAGS], options, given));
  for (const name of listOf("values")) tree = mergeTrees(tree, parseTree(await request.readFile(name), name));
  for (const text of listOf("set")) tree = mergeTrees(tree, parseSet(text, false));
  for (const text of listOf("setString")) tree = mergeTrees(tree, parseSet(text, true));
  for (const text of listOf("setFile")) tree = mergeTrees(tree, await setFile(text, request.readFile));
  return validateValues(tree);
}

/** `--set-file key=path`: the text of a file as a value. */
async function setFile(text: string, readFile: ValuesRequest["readFile"]): Promise<ValueTree> {
  const equals = text.indexOf("=");
  if (equals <= 0) {
    throw new MeshError({
      kind: "usage",
      code: "VALUES_BAD_SET",
      message: `"${text}" names no value and file`,
      hint: "write --set-file KEY=FILE",
    });
  }
  const tree: ValueTree = {};
  setAtPath(tree, parseValuePath(text.slice(0, equals)), await readFile(text.slice(equals + 1)));
  return tree;
}

/** `registry.example/mesh/meshctl:1.2` for control plane and proxies: one image serves both. */
function imageTree(reference: string): ValueTree {
  const digest = reference.includes("@");
  const colon = reference.indexOf(":", reference.lastIndexOf("/") + 1);
  if (reference === "" || colon === 0) {
    throw new MeshError({
      kind: "usage",
      code: "INSTALL_BAD_IMAGE",
      message: `--image "${reference}" names no image`,
      hint: "write --image NAME:TAG",
    });
  }
  const image =
    digest || colon < 0
      ? { name: reference, version: digest ? "" : undefined }
      : { name: reference.slice(0, colon), version: reference.slice(colon + 1) };
  const known = image.version === undefined ? { name: image.name } : image;
  return { image: known, proxy: { image: known } };
}

function registryTree(registry: string): ValueTree {
  const image = { name: `${registry.replace(/\/+$/, "")}/meshctl` };
  return { image, proxy: { image } };
}

function flag(
  name: string,
  type: ValueFlag["flag"]["type"],
  placeholder: string,
  summary: string,
  path: string,
): ValueFlag {
  return { flag: { name, type, placeholder, summary }, paths: [path] };
}
