import { MeshError } from "../../src/base/error.ts";
import type { KubeObject } from "../../src/base/kube-object.ts";
import type { KubeClient, RequestOptions } from "../../src/kube/client.ts";
import { parseLabelSelector } from "../../src/local/apiserver/selectors.ts";

/** As API servers name the kinds that tests have. */
function pluralOf(kind: string): string {
  return `${kind.toLowerCase()}s`.replace(/ys$/, "ies");
}

/** A KubeClient that answers GET of objects and lists from an array, and POST from functions by path. */
export class ObjectCluster {
  objects: KubeObject[];
  version = "v1.32.0";
  /** Of every raw answer. */
  headers: Readonly<Record<string, string>> = {};
  readonly posts = new Map<string, (body: unknown) => unknown>();
  /** When set, every request fails with it. */
  failure: MeshError | undefined;
  requests = 0;

  constructor(objects: readonly KubeObject[]) {
    this.objects = [...objects];
  }

  find(kind: string, name: string): KubeObject {
    const found = this.objects.find((object) => object.kind === kind && object.metadata.name === name);
    if (!found) throw new Error(`the test's cluster has no ${kind} ${name}`);
    return found;
  }

  remove(kind: string, name: string): void {
    const found = this.find(kind, name);
    this.objects = this.objects.filter((object) => object !== found);
  }

  client(): KubeClient {
    const request = async (method: string, path: string, options: RequestOptions = {}): Promise<unknown> => {
      this.requests++;
      if (this.failure) throw this.failure;
      if (method === "POST") return this.posts.get(path)!(options.body);
      if (path === "/version") return { gitVersion: this.version };
      return this.#get(path, options);
    };
    return {
      server: "https://test",
      namespace: "default",
      context: "test",
      request,
      raw: async () => ({ status: 200, headers: this.headers, body: Buffer.from("{}") }),
      close() {},
    } as unknown as KubeClient;
  }

  #get(path: string, options: RequestOptions): unknown {
    const match =
      /^\/(?:api|apis\/([^/]+))\/[^/]+(?:\/namespaces\/([^/]+)(?=\/[^/]+))?\/([^/]+)(?:\/([^/]+))?$/.exec(
        path,
      );
    if (!match) throw new Error(`the test's cluster does not know ${path}`);
    const [, group = "", namespace, plural, name] = match;
    const all = this.objects.filter(
      (object) =>
        (object.apiVersion.includes("/") ? object.apiVersion.split("/")[0] : "") === group &&
        pluralOf(object.kind) === plural &&
        (namespace === undefined || object.metadata.namespace === namespace),
    );
    if (name === undefined) {
      const isSelected = parseLabelSelector(String(options.query?.labelSelector ?? ""));
      return { items: all.filter(isSelected) };
    }
    const found = all.find((object) => object.metadata.name === name);
    if (found) return found;
    throw new MeshError({ kind: "environment", code: "KUBE_NOT_FOUND", message: `${path} not found` });
  }
}
