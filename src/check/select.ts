import { MeshError } from "../base/error.ts";
import { identity, webhook } from "./categories/certificates.ts";
import { dataPlane, dataPlaneIdentity } from "./categories/data-plane.ts";
import { extensionNamespaces } from "./categories/extension-namespaces.ts";
import { gatewayApi } from "./categories/gateway-api.ts";
import { highAvailability } from "./categories/high-availability.ts";
import { configuration, customResources, existence } from "./categories/installation.ts";
import { kubernetesApi, kubernetesVersion } from "./categories/kubernetes.ts";
import { preInstall } from "./categories/pre-install.ts";
import { cliVersion, controlPlaneVersion } from "./categories/versions.ts";
import type { CheckCategory } from "./check.ts";

export interface CheckMode {
  /** Before an installation. */
  readonly pre: boolean;
  readonly crds: boolean;
  /** The proxies too. */
  readonly proxy: boolean;
}

/** The categories of a mode, in the order in which they print. @throws MeshError `CHECK_FLAGS_CLASH` */
export function selectCategories(mode: CheckMode): readonly CheckCategory[] {
  const clash = mode.pre && mode.proxy ? "--proxy" : mode.pre && mode.crds ? "--crds" : undefined;
  if (clash !== undefined) {
    throw new MeshError({
      kind: "usage",
      code: "CHECK_FLAGS_CLASH",
      message: `Validation error when executing check command: --pre and ${clash} are mutually exclusive`,
      hint: "--pre asks whether one can install; the others look at what is installed",
    });
  }
  const always = [kubernetesApi, kubernetesVersion, gatewayApi];
  if (mode.pre) return [...always, preInstall, cliVersion];
  if (mode.crds) return [...always, customResources, cliVersion];
  const installed = [existence, configuration, identity, webhook];
  const last = [highAvailability, extensionNamespaces];
  return mode.proxy
    ? [...always, ...installed, dataPlaneIdentity, cliVersion, controlPlaneVersion, dataPlane, ...last]
    : [...always, ...installed, cliVersion, controlPlaneVersion, ...last];
}
