import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import { CONFIG_MAP_NAME } from "../base/names.ts";
import type { Values } from "../values/values.ts";
import { VALUES_KEY, valuesFromYaml } from "../values/yaml.ts";

/** The one request that reading values needs. A KubeClient is one. */
export interface ConfigReader {
  request<T = KubeObject>(method: string, path: string): Promise<T>;
}

/**
 * The values of the installation in a namespace.
 *
 * @throws MeshError `INJECT_NO_MESH` when there is none or it cannot be asked, `VALUES_BAD_YAML`, `VALUES_INVALID`
 */
export async function readInstalledValues(
  connect: () => Promise<ConfigReader & { close(): void }>,
  namespace: string,
): Promise<Values> {
  const refuse = (message: string, error: MeshError, hint: string): MeshError =>
    new MeshError({
      kind: "environment",
      code: "INJECT_NO_MESH",
      message: `${message}: ${error.message}`,
      hint,
      cause: error,
    });
  const without = "or go by the defaults with --ignore-cluster";
  let client: (ConfigReader & { close(): void }) | undefined;
  try {
    client = await connect();
    const object = await client.request(
      "GET",
      `/api/v1/namespaces/${namespace}/configmaps/${CONFIG_MAP_NAME}`,
    );
    return valuesFromYaml(object.data?.[VALUES_KEY] ?? "", `ConfigMap ${namespace}/${CONFIG_MAP_NAME}`);
  } catch (error) {
    if (!(error instanceof MeshError) || error.code.startsWith("VALUES_")) throw error;
    if (error.code === "KUBE_NOT_FOUND") {
      throw refuse(
        `there is no installation in namespace "${namespace}"`,
        error,
        `find out with \`meshctl check\`, name another namespace with -L, ${without}`,
      );
    }
    throw refuse(
      "cannot read the installation's values",
      error,
      `${error.hint === undefined ? "find out with `meshctl check`" : error.hint}; ${without}`,
    );
  } finally {
    client?.close();
  }
}
