import { MeshError } from "../base/error.ts";
import type { KubeClient } from "../kube/client.ts";

/** A resource that a server serves. */
export interface ServedResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly names: ReadonlySet<string>;
}

interface ApiResourceList {
  readonly resources: readonly {
    readonly name: string;
    readonly singularName?: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly shortNames?: readonly string[];
  }[];
}

/** Finds resources by kind or by the words that people type, asking the server's discovery once for each group. */
export class ResourceFinder {
  readonly #client: KubeClient;
  readonly #lists = new Map<string, Promise<ServedResource[]>>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Undefined when the server serves no such kind; the next call asks again, as a CRD may have come. */
  async byKind(apiVersion: string, kind: string): Promise<ServedResource | undefined> {
    const found = (await this.#list(apiVersion)).find((resource) => resource.kind === kind);
    if (!found) this.#lists.delete(apiVersion);
    return found;
  }

  /**
   * By plural, singular, short name or kind, in any case: `deploy`, `Pods`, `svc`.
   *
   * @throws MeshError `KIND_UNKNOWN`
   */
  async byWord(word: string): Promise<ServedResource> {
    const wanted = word.toLowerCase();
    for (const apiVersion of ["v1", ...(await this.#groupVersions())]) {
      const found = (await this.#list(apiVersion)).find(({ names }) => names.has(wanted));
      if (found) return found;
    }
    throw new MeshError({
      kind: "usage",
      code: "KIND_UNKNOWN",
      message: `the cluster serves no resource "${word}"`,
      hint: "use a name like pods, deploy, svc, configmap",
    });
  }

  async #groupVersions(): Promise<string[]> {
    const list = await this.#client.request<{
      groups: readonly { preferredVersion: { groupVersion: string } }[];
    }>("GET", "/apis");
    return list.groups.map(({ preferredVersion }) => preferredVersion.groupVersion);
  }

  #list(apiVersion: string): Promise<ServedResource[]> {
    let list = this.#lists.get(apiVersion);
    if (!list) this.#lists.set(apiVersion, (list = this.#load(apiVersion)));
    return list;
  }

  async #load(apiVersion: string): Promise<ServedResource[]> {
    const slash = apiVersion.indexOf("/");
    const group = slash < 0 ? "" : apiVersion.slice(0, slash);
    const version = apiVersion.slice(slash + 1);
    const path = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
    try {
      const list = await this.#client.request<ApiResourceList>("GET", path);
      return list.resources
        .filter(({ name }) => !name.includes("/"))
        .map(({ name, singularName, kind, namespaced, shortNames = [] }) => ({
          group,
          version,
          plural: name,
          kind,
          namespaced,
          names: new Set(
            [name, singularName ?? "", kind.toLowerCase(), ...shortNames].filter((each) => each !== ""),
          ),
        }));
    } catch (caught) {
      if (caught instanceof MeshError && caught.code === "KUBE_NOT_FOUND") return [];
      throw caught;
    }
  }
}
