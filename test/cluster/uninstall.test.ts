/** The way out leaves nothing. */
import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import { claim, createNamespace } from "./support/claims.ts";
import {
  apply,
  isMeshed,
  kubectl,
  MESH_IS_SHARED,
  meshctl,
  meshctlToKubectl,
  pods,
  rolledOut,
} from "./support/cluster.ts";
import { goServer } from "./support/objects.ts";

claim(
  "after uninstall and a restart of the workloads, no object of any kind speaks of meshctl",
  async (t) => {
    const namespace = await createNamespace("leaving", { meshed: true });
    await apply(goServer({ namespace, name: "web" }));
    await rolledOut(namespace, "deploy/web");
    const meshed = await pods(namespace);
    assert.ok(meshed.every(isMeshed));

    const refused = await meshctl(["uninstall"], { expectExit: 1 });
    assert.equal(refused.stdout, "");
    assert.match(refused.stderr, new RegExp(`${namespace}|meshed`), "it names what is still meshed");

    await kubectl(["annotate", "namespace", namespace, "meshctl.io/inject-"]);
    await kubectl(["rollout", "restart", "deploy/web", "-n", namespace]);
    await rolledOut(namespace, "deploy/web");
    await kubectl([
      "wait",
      "--for=delete",
      `pod/${meshed[0]!.metadata.name}`,
      "-n",
      namespace,
      "--timeout=120s",
    ]);

    // Other files' namespaces are on their way out, with meshed pods in them.
    await kubectl([
      ...["wait", "--for=delete", "namespace", "-l", `cluster-test/run=${process.env.CLUSTER_TEST_RUN}`],
      ...["--field-selector", `metadata.name!=${namespace}`, "--timeout=180s"],
    ]);
    await meshctlToKubectl(["uninstall"], ["delete"]);

    // The groups of custom resources are taken out of the API a moment after their definitions.
    const left = await until("the end of the custom resources' groups", async () => {
      const left = await objectsThatMention("meshctl");
      return !left.found.some((name) => name.startsWith("apiservices")) && left;
    });
    t.diagnostic(`${left.looked} objects of ${left.kinds} kinds were looked at`);
    assert.deepEqual(left.found, []);
    await rolledOut(namespace, "deploy/web");
  },
  { skip: MESH_IS_SHARED },
);

/** Every object of every kind that can be listed, but events, which are a record of what was. */
async function objectsThatMention(word: string) {
  const { stdout } = await kubectl(["api-resources", "--verbs=list", "-o", "name"]);
  const kinds = stdout
    .trim()
    .split("\n")
    .filter((kind) => !/^events(\.|$)/.test(kind));
  const found: string[] = [];
  let looked = 0;
  for (const kind of kinds) {
    const { stdout } = await kubectl(["get", kind, "-A", "-o", "json", "--ignore-not-found"]);
    if (stdout.trim() === "") continue;
    const { items } = JSON.parse(stdout) as { items: { metadata: { name: string; namespace?: string } }[] };
    for (const object of items) {
      looked++;
      if (mentions(object, word))
        found.push(`${kind} ${object.metadata.namespace ?? ""}/${object.metadata.name}`);
    }
  }
  return { kinds: kinds.length, looked, found };
}

/** Nodes list the images that they hold, and a test cluster may be named after us; neither is an object of the mesh. */
function mentions(object: object, word: string): boolean {
  if ((object as { kind?: string }).kind === "Node") return false;
  return JSON.stringify(object)
    .replaceAll("meshctl-cluster", "")
    .replaceAll("meshctl-node", "")
    .includes(word);
}
