import { tryParseGoDuration } from "../base/duration.ts";
import { MeshError } from "../base/error.ts";
import { tryParseNetwork } from "../base/ip.ts";
import { INBOUND_POLICIES, PULL_POLICIES } from "./choices.ts";
import { defaultValues } from "./defaults.ts";
import { isTree } from "./merge.ts";
import { parsePortRanges } from "./port-ranges.ts";
import { tryParseQuantity } from "./quantity.ts";
import type { Values } from "./values.ts";

const LOG_LEVELS = ["error", "warn", "info", "debug", "trace"];

/**
 * Checks a merged tree and returns it as Values. Every problem is reported at once, each with its key.
 *
 * @param unknown what to do with keys that this version does not know: a typing error in a flag, a newer version in a stored map
 * @throws MeshError `VALUES_INVALID`
 */
export function validateValues(
  tree: unknown,
  unknown: "refuse-unknown" | "ignore-unknown" = "refuse-unknown",
): Values {
  const problems: string[] = [];
  tree = numbersAsText(tree, defaultValues(""));
  checkShape(tree, defaultValues(""), "", unknown === "refuse-unknown", problems);
  if (problems.length === 0) checkMeaning(tree as Values, problems);
  if (problems.length > 0) {
    throw new MeshError({
      kind: "user",
      code: "VALUES_INVALID",
      message:
        problems.length === 1
          ? `value ${problems[0]}`
          : `${problems.length} values are wrong:\n${problems.map((problem) => `  ${problem}`).join("\n")}`,
      hint: "correct the flag, --set or values file that says so",
    });
  }
  return tree as Values;
}

/** `cpu: 2` and `--set version=1` mean text where text is expected. */
function numbersAsText(value: unknown, example: unknown): unknown {
  if (typeof example === "string" && typeof value === "number") return String(value);
  if (!isTree(example) || !isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, numbersAsText(child, example[key])]),
  );
}

/** Types and unknown keys, by the example of the defaults: each key has a default, so the defaults are the schema. */
function checkShape(
  value: unknown,
  example: unknown,
  path: string,
  strict: boolean,
  problems: string[],
): void {
  if (Array.isArray(example)) {
    if (!Array.isArray(value)) problems.push(`${path}: expected a list, got ${describe(value)}`);
    return;
  }
  if (isTree(example)) {
    if (!isTree(value)) {
      problems.push(`${path === "" ? "values" : path}: expected a map, got ${describe(value)}`);
      return;
    }
    for (const [key, child] of Object.entries(value)) {
      const childPath = path === "" ? key : `${path}.${key}`;
      if (!(key in example)) {
        if (strict) problems.push(`${childPath}: no such value${suggest(key, Object.keys(example))}`);
      } else {
        checkShape(child, example[key], childPath, strict, problems);
      }
    }
    for (const key of Object.keys(example)) {
      if (!(key in value)) problems.push(`${path === "" ? key : `${path}.${key}`}: is missing`);
    }
    return;
  }
  if (typeof value !== typeof example) {
    problems.push(`${path}: expected a ${typeof example}, got ${describe(value)}`);
  }
}

function checkMeaning(values: Values, problems: string[]): void {
  const { proxy, proxyInit } = values;
  const expect = (holds: boolean, key: string, value: unknown, wanted: string): void => {
    if (!holds) problems.push(`${key}: "${String(value)}" is not ${wanted}`);
  };
  const oneOf = (key: string, value: string, choices: readonly string[]): void =>
    expect(choices.includes(value), key, value, `one of ${choices.join(", ")}`);

  expect(
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(values.namespace),
    "namespace",
    values.namespace,
    "a DNS label",
  );
  expect(isDnsName(values.clusterDomain), "clusterDomain", values.clusterDomain, "a DNS name");
  if (values.identityTrustDomain !== "") {
    expect(
      isDnsName(values.identityTrustDomain),
      "identityTrustDomain",
      values.identityTrustDomain,
      "a DNS name",
    );
  }
  for (const network of values.clusterNetworks.split(",").filter((item) => item.trim() !== "")) {
    expect(tryParseNetwork(network) !== undefined, "clusterNetworks", network, "a CIDR");
  }
  for (const network of proxyInit.skipSubnets.split(",").filter((item) => item.trim() !== "")) {
    expect(tryParseNetwork(network) !== undefined, "proxyInit.skipSubnets", network, "a CIDR");
  }
  for (const [key, image] of [
    ["image", values.image],
    ["proxy.image", proxy.image],
  ] as const) {
    // The characters of an image reference; a stray space or quote would end up in a pod's spec.
    expect(/^[a-zA-Z0-9][\w./:@-]*$/.test(image.name), `${key}.name`, image.name, "an image name");
    expect(
      image.version === "" || /^[\w][\w.:@-]*$/.test(image.version),
      `${key}.version`,
      image.version,
      "an image tag",
    );
    oneOf(`${key}.pullPolicy`, image.pullPolicy, PULL_POLICIES);
  }
  expect(
    Number.isInteger(values.controllerReplicas) && values.controllerReplicas >= 1,
    "controllerReplicas",
    values.controllerReplicas,
    "a whole number of at least 1",
  );
  oneOf("controllerLogLevel", values.controllerLogLevel, LOG_LEVELS);
  oneOf("controllerLogFormat", values.controllerLogFormat, ["plain", "json"]);
  oneOf("webhookFailurePolicy", values.webhookFailurePolicy, ["Ignore", "Fail"]);
  oneOf("identity.issuer.scheme", values.identity.issuer.scheme, ["meshctl.io/tls", "kubernetes.io/tls"]);
  oneOf("proxy.capture", proxy.capture, ["transparent", "explicit"]);
  oneOf("proxy.logFormat", proxy.logFormat, ["plain", "json"]);
  oneOf("proxy.accessLog", proxy.accessLog, ["", "off", "apache", "json"]);
  oneOf("proxy.defaultInboundPolicy", proxy.defaultInboundPolicy, INBOUND_POLICIES);
  oneOf("proxyInit.mode", proxyInit.mode, ["nft", "iptables-nft", "iptables-legacy"]);
  expect(
    Number.isInteger(proxyInit.closeWaitTimeoutSecs) && proxyInit.closeWaitTimeoutSecs >= 0,
    "proxyInit.closeWaitTimeoutSecs",
    proxyInit.closeWaitTimeoutSecs,
    "a whole number of seconds",
  );
  expect(proxy.logLevel.trim() !== "", "proxy.logLevel", proxy.logLevel, "a log level");
  for (const [name, port] of Object.entries(proxy.ports)) {
    expect(
      Number.isInteger(port) && port >= 1 && port <= 65535,
      `proxy.ports.${name}`,
      port,
      "a port (1-65535)",
    );
  }
  for (const [key, text, mayBeEmpty] of [
    ["identity.issuer.issuanceLifetime", values.identity.issuer.issuanceLifetime, false],
    ["identity.issuer.clockSkewAllowance", values.identity.issuer.clockSkewAllowance, false],
    ["proxy.inboundConnectTimeout", proxy.inboundConnectTimeout, false],
    ["proxy.outboundConnectTimeout", proxy.outboundConnectTimeout, false],
    ["proxy.inboundDiscoveryCacheUnusedTimeout", proxy.inboundDiscoveryCacheUnusedTimeout, false],
    ["proxy.outboundDiscoveryCacheUnusedTimeout", proxy.outboundDiscoveryCacheUnusedTimeout, false],
    ["proxy.shutdownGracePeriod", proxy.shutdownGracePeriod, true],
  ] as const) {
    if (mayBeEmpty && text === "") continue;
    const ms = tryParseGoDuration(text);
    expect(ms !== undefined && ms >= 0, key, text, "a duration such as 1m30s");
  }
  for (const [key, text] of [
    ["proxy.opaquePorts", proxy.opaquePorts],
    ["proxyInit.ignoreInboundPorts", proxyInit.ignoreInboundPorts],
    ["proxyInit.ignoreOutboundPorts", proxyInit.ignoreOutboundPorts],
    ["proxyInit.kubeAPIServerPorts", proxyInit.kubeAPIServerPorts],
  ] as const) {
    for (const bad of parsePortRanges(text).invalid)
      expect(false, key, bad, "a port or a range (80, 8000-8010)");
  }
  for (const [path, resources] of [
    ["proxy.resources", proxy.resources],
    ["controllerResources", values.controllerResources],
  ] as const) {
    for (const [name, { request, limit }] of Object.entries(resources)) {
      const wanted = request === "" ? 0 : tryParseQuantity(request);
      const most = limit === "" ? Number.POSITIVE_INFINITY : tryParseQuantity(limit);
      expect(wanted !== undefined, `${path}.${name}.request`, request, "a quantity such as 100m or 64Mi");
      expect(most !== undefined, `${path}.${name}.limit`, limit, "a quantity such as 100m or 64Mi");
      if (wanted !== undefined && most !== undefined && most < wanted) {
        problems.push(`${path}.${name}.limit: ${limit} is less than the request, ${request}`);
      }
    }
  }
  for (const entry of proxy.additionalEnv) {
    if (!isTree(entry) || typeof entry.name !== "string" || typeof entry.value !== "string") {
      problems.push(`proxy.additionalEnv: ${JSON.stringify(entry)} is no {name, value} pair of strings`);
    }
  }
}

function isDnsName(text: string): boolean {
  return (
    text.length <= 253 && text.split(".").every((label) => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(label))
  );
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return `the ${typeof value} ${JSON.stringify(value)}`;
}

/** A neighbour's name for a mistyped one: same letters in another case, or a common prefix of five. */
function suggest(key: string, known: readonly string[]): string {
  const lower = key.toLowerCase();
  const match = known.find(
    (name) =>
      name.toLowerCase() === lower || (lower.length >= 5 && name.toLowerCase().startsWith(lower.slice(0, 5))),
  );
  return match ? ` (did you mean ${match}?)` : "";
}
