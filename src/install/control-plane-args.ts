import { IDENTITY_PORT, IDENTITY_SERVICE } from "../base/names.ts";
import { trustDomainOf } from "../values/defaults.ts";
import type { Values } from "../values/values.ts";

/** Where the manifests mount things; paths are arguments, so that they can be rewritten where mounts are elsewhere. */
const TRUST_ROOTS_FILE = "/var/run/meshctl/identity/trust-roots/ca-bundle.crt";
const ISSUER_DIR = "/var/run/meshctl/identity/issuer";
const VALUES_FILE = "/var/run/meshctl/config/values";
const TLS_DIR = "/var/run/meshctl/tls";
const TOKEN_FILE = "/var/run/secrets/tokens/meshctl-identity-token";

/** Arguments of the identity Deployment's container. */
export function identityArgs(values: Values): string[] {
  const { issuanceLifetime, clockSkewAllowance } = values.identity.issuer;
  return [
    "control-plane",
    "identity",
    `--namespace=${values.namespace}`,
    `--trust-domain=${trustDomainOf(values)}`,
    `--issuer-dir=${ISSUER_DIR}`,
    `--trust-roots=${TRUST_ROOTS_FILE}`,
    `--issuance-lifetime=${issuanceLifetime}`,
    `--clock-skew=${clockSkewAllowance}`,
    ...logArgs(values),
  ];
}

/** Arguments of the controller Deployment's container. */
export function controllerArgs(values: Values): string[] {
  const { namespace, clusterDomain } = values;
  return [
    "control-plane",
    "controller",
    `--namespace=${namespace}`,
    `--trust-domain=${trustDomainOf(values)}`,
    `--cluster-domain=${clusterDomain}`,
    `--cluster-networks=${values.clusterNetworks}`,
    `--values-file=${VALUES_FILE}`,
    `--trust-roots=${TRUST_ROOTS_FILE}`,
    `--tls-dir=${TLS_DIR}`,
    `--token-file=${TOKEN_FILE}`,
    `--identity-addr=${IDENTITY_SERVICE}.${namespace}.svc.${clusterDomain}.:${IDENTITY_PORT}`,
    ...logArgs(values),
  ];
}

function logArgs(values: Values): string[] {
  return [`--log-level=${values.controllerLogLevel}`, `--log-format=${values.controllerLogFormat}`];
}
