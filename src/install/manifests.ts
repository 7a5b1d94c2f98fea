import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../base/kube-object.ts";

/** Custom resource definitions, in the order in which they are printed. */
export const CRD_FILES: readonly string[] = [
  "crds/authorizationpolicies.yaml",
  "crds/egressnetworks.yaml",
  "crds/httplocalratelimitpolicies.yaml",
  "crds/httproutes.yaml",
  "crds/meshtlsauthentications.yaml",
  "crds/networkauthentications.yaml",
  "crds/serverauthorizations.yaml",
  "crds/servers.yaml",
  "crds/serviceprofiles.yaml",
  "crds/externalworkloads.yaml",
];

/** The control plane. One `kubectl apply` creates in this order, so nothing stands before what it needs. */
export const CONTROL_PLANE_FILES: readonly string[] = [
  "control-plane/namespace.yaml",
  "control-plane/identity-rbac.yaml",
  "control-plane/controller-rbac.yaml",
  "control-plane/config.yaml",
  "control-plane/identity.yaml",
  "control-plane/controller.yaml",
  // Last: from here on the API server asks the controller about new pods and policies.
  "control-plane/webhook.yaml",
];

/** Text of a file below `manifests/`, from sources and from the bundle alike. */
export function readManifest(name: string): string {
  return readFileSync(fileURLToPath(import.meta.resolve(`#manifests/${name}`)), "utf8");
}

/** The objects of manifest files; new ones at each call, so that callers may change them. */
export function loadManifests(names: readonly string[]): KubeObject[] {
  return names.flatMap((name) =>
    parseAllDocuments(readManifest(name)).map((document) => document.toJS() as KubeObject),
  );
}
