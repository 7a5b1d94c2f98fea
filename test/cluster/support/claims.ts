/** A claim about the mesh, in a namespace of its own or one that a file's claims share. */
import { randomBytes } from "node:crypto";
import { after, type TestContext, test } from "node:test";
import { describeNamespace, kubectl, NO_CLUSTER, RUN, RUN_LABEL } from "./cluster.ts";

/** Namespaces that this file made. */
const made: string[] = [];

after(async () => {
  if (made.length === 0 || process.env.CLUSTER_TEST_KEEP === "1") return;
  // Whoever runs the whole suite waits for their end; the next file need not.
  await kubectl(["delete", "namespace", ...made, "--ignore-not-found", "--wait=false"]);
});

/** A namespace that ends with the file. `meshed`: its pods get a proxy. */
export async function createNamespace(
  theme: string,
  options: { readonly meshed: boolean; readonly labels?: Readonly<Record<string, string>> },
): Promise<string> {
  const name = `t-${theme}-${randomBytes(3).toString("hex")}`;
  const object = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name,
      labels: { [RUN_LABEL]: RUN, ...options.labels },
      ...(options.meshed ? { annotations: { "meshctl.io/inject": "enabled" } } : {}),
    },
  };
  made.push(name);
  await kubectl(["create", "-f", "-"], { stdin: JSON.stringify(object) });
  return name;
}

/** A test whose failure shows the state of the namespaces that the file made, their proxies' logs included. */
export function claim(
  name: string,
  body: (t: TestContext) => Promise<void>,
  options: { readonly skip?: string | false } = {},
): void {
  test(name, { skip: NO_CLUSTER || (options.skip ?? false) }, async (t) => {
    try {
      await body(t);
    } catch (error) {
      const state = await Promise.all([...made, "meshctl"].map(describeNamespace));
      throw new Error(`${error instanceof Error ? error.message : error}\n\n${state.join("\n\n")}`, {
        cause: error,
      });
    }
  });
}
