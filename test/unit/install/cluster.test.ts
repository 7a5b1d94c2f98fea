import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { openCluster, readIdentityFiles, readTextFrom } from "../../../src/install/install-inputs.ts";
import { planUninstall } from "../../../src/install/plan-uninstall.ts";

const missing = () => new MeshError({ kind: "environment", code: "KUBE_NOT_FOUND", message: "not found" });

function cluster(objects: Record<string, unknown>, failure?: MeshError) {
  let closed = false;
  return {
    async request<T>(_method: string, path: string): Promise<T> {
      if (failure) throw failure;
      if (!(path in objects)) throw missing();
      return objects[path] as T;
    },
    close: () => void (closed = true),
    get closed() {
      return closed;
    },
  };
}

const refused =
  (code: string, pattern = /^/) =>
  (error: unknown) =>
    error instanceof MeshError && error.code === code && pattern.test(`${error.message}\n${error.hint}`);

const CONFIG = "/api/v1/namespaces/meshctl/configmaps/meshctl-config";

test("install goes on in an empty cluster, and closes the connection", async () => {
  const empty = cluster({});
  assert.deepEqual(await openCluster({}, "meshctl", async () => empty), {});
  assert.equal(empty.closed, true);
});

for (const [runtime, local] of [
  ["process://0.1.0", true],
  ["containerd://2.2.0", false],
] as const) {
  test(`a cluster whose node runs ${runtime} is ${local ? "" : "not "}a local one`, async () => {
    const nodes = { items: [{ status: { nodeInfo: { containerRuntimeVersion: runtime } } }] };
    const found = await openCluster({}, "meshctl", async () => cluster({ "/api/v1/nodes?limit=1": nodes }));
    assert.deepEqual(found, local ? { local: true } : {});
  });
}

test("install refuses where an installation exists, and points to upgrade", async () => {
  await assert.rejects(
    openCluster({}, "meshctl", async () => cluster({ [CONFIG]: {} })),
    refused("INSTALL_EXISTS", /meshctl upgrade/),
  );
});

test("install points to --ignore-cluster when the cluster does not answer, and asks nothing with it", async () => {
  const down = new MeshError({
    kind: "environment",
    code: "KUBE_UNREACHABLE",
    message: "https://x does not answer",
    hint: "look",
  });
  for (const connect of [async () => cluster({}, down), () => Promise.reject(down)]) {
    await assert.rejects(
      openCluster({}, "meshctl", connect),
      refused("INSTALL_CLUSTER", /does not answer\n.*--ignore-cluster/),
    );
    assert.deepEqual(await openCluster({ ignoreCluster: true }, "meshctl", connect), {});
  }
});

test("an external issuer's anchors come from its Secret, which has to be complete", async () => {
  const secret = "/api/v1/namespaces/meshctl/secrets/meshctl-identity-issuer";
  const encoded = Buffer.from("PEM").toString("base64");
  const external = { identityExternalIssuer: true };
  const complete = { data: { "ca.crt": encoded, "tls.crt": encoded, "tls.key": encoded } };
  assert.deepEqual(await openCluster(external, "meshctl", async () => cluster({ [secret]: complete })), {
    externalTrustAnchorsPem: "PEM",
  });
  await assert.rejects(
    openCluster(external, "meshctl", async () => cluster({ [secret]: { data: { "tls.crt": encoded } } })),
    refused("INSTALL_NO_ISSUER", /has no ca\.crt, tls\.key/),
  );
  await assert.rejects(
    openCluster(external, "meshctl", async () => cluster({})),
    refused("INSTALL_NO_ISSUER", /there is no Secret/),
  );
  await assert.rejects(
    openCluster({ ...external, ignoreCluster: true }, "meshctl", async () => cluster({})),
    refused("INSTALL_NEEDS_CLUSTER"),
  );
});

test("identity files are given all three or not at all", async () => {
  const read = async (name: string) => `text of ${name}`;
  assert.equal(await readIdentityFiles({}, read), undefined);
  await assert.rejects(
    readIdentityFiles({ identityIssuerKeyFile: "k" }, read),
    refused("INSTALL_PARTIAL_IDENTITY", /anchors-file, --identity-issuer-certificate-file are missing/),
  );
  const all = {
    identityTrustAnchorsFile: "a",
    identityIssuerCertificateFile: "c",
    identityIssuerKeyFile: "k",
  };
  assert.deepEqual(await readIdentityFiles(all, read), {
    trustAnchorsPem: "text of a",
    issuerCertificatePem: "text of c",
    issuerKeyPem: "text of k",
  });
  await assert.rejects(
    readIdentityFiles({ ...all, identityExternalIssuer: true }, read),
    refused("INSTALL_PARTIAL_IDENTITY"),
  );
});

test("values come from files and https URLs", async () => {
  const read = readTextFrom(
    async (name) =>
      name === "ok" ? "file" : Promise.reject(Object.assign(new Error("x"), { code: "ENOENT" })),
    async () => new Response("url"),
  );
  assert.equal(await read("ok"), "file");
  assert.equal(await read("https://example.com/v"), "url");
  await assert.rejects(read("none"), refused("INPUT_UNREADABLE", /cannot read none: no such file/));
  await assert.rejects(read("http://example.com/v"), refused("INPUT_URL"));
});

const item = (name: string, namespace?: string) => ({
  metadata: { name, ...(namespace ? { namespace } : {}) },
});
const LISTS = {
  "/api/v1/pods": { items: [item("own", "meshctl")] },
  "/apis/rbac.authorization.k8s.io/v1/clusterroles": { items: [item("r")] },
  "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings": { items: [] },
  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": { items: [item("c")] },
  "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": { items: [] },
  "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations": { items: [] },
  "/api/v1/namespaces": { items: [item("meshctl")] },
};

test("uninstall prints skeletons of what carries the installation's label", async () => {
  const objects = await planUninstall(cluster(LISTS), "meshctl", false);
  assert.deepEqual(
    objects.map((object) => [object.kind, object.metadata.name]),
    [
      ["ClusterRole", "r"],
      ["CustomResourceDefinition", "c"],
      ["Namespace", "meshctl"],
    ],
  );
});

test("uninstall refuses while pods are meshed, unless forced", async () => {
  const meshed = { ...LISTS, "/api/v1/pods": { items: [item("web-1", "demo")] } };
  await assert.rejects(
    planUninstall(cluster(meshed), "meshctl", false),
    refused("UNINSTALL_MESHED_PODS", /\* demo\/web-1/),
  );
  assert.equal((await planUninstall(cluster(meshed), "meshctl", true)).length, 3);
});

test("uninstall fails when there is nothing", async () => {
  const none = Object.fromEntries(Object.keys(LISTS).map((path) => [path, { items: [] }]));
  await assert.rejects(planUninstall(cluster(none), "meshctl", false), refused("UNINSTALL_NOTHING"));
});
