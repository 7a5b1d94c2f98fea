import assert from "node:assert/strict";
import { test } from "node:test";
import { createRbac, refusal } from "../../../../../src/local/apiserver/auth/rbac.ts";
import { bootstrapObjects } from "../../../../../src/local/apiserver/bootstrap.ts";
import { createStore } from "../../../../../src/local/apiserver/store.ts";

const GROUP = "rbac.authorization.k8s.io";
const store = createStore();
bootstrapObjects(store, 0);
const put = (
  plural: string,
  kind: string,
  namespace: string | undefined,
  name: string,
  body: object,
): void => {
  store.put(`${GROUP}/${plural}`, {
    apiVersion: `${GROUP}/v1`,
    kind,
    metadata: { name, ...(namespace ? { namespace } : {}) },
    ...body,
  });
};
put("roles", "Role", "demo", "reader", {
  rules: [
    { verbs: ["get", "list"], apiGroups: [""], resources: ["pods", "pods/log"] },
    { verbs: ["update"], apiGroups: [""], resources: ["configmaps"], resourceNames: ["mine"] },
  ],
});
put("rolebindings", "RoleBinding", "demo", "reader", {
  roleRef: { kind: "Role", name: "reader" },
  subjects: [
    { kind: "User", name: "ann" },
    { kind: "ServiceAccount", name: "app", namespace: "demo" },
  ],
});
put("rolebindings", "RoleBinding", "demo", "viewer", {
  roleRef: { kind: "ClusterRole", name: "view" },
  subjects: [{ kind: "Group", name: "team" }],
});
const rbac = createRbac(store);

const ann = { name: "ann", groups: ["system:authenticated"] };
const team = { name: "bob", groups: ["team", "system:authenticated"] };
const app = { name: "system:serviceaccount:demo:app", groups: [] };
const root = { name: "root", groups: ["system:masters"] };
const ask = (verb: string, resource: string, namespace: string, name = "", group = "") => {
  const [plural = "", subresource = ""] = resource.split("/");
  return { verb, group, resource: plural, subresource, namespace, name };
};

const cases: [
  who: { name: string; groups: string[] },
  attributes: ReturnType<typeof ask> | { verb: string; path: string },
  allowed: boolean,
][] = [
  [ann, ask("list", "pods", "demo"), true],
  [ann, ask("list", "pods", "other"), false],
  [ann, ask("list", "pods", ""), false],
  [ann, ask("get", "pods/log", "demo"), true],
  [ann, ask("get", "pods/proxy", "demo"), false],
  [ann, ask("delete", "pods", "demo"), false],
  [ann, ask("update", "configmaps", "demo", "mine"), true],
  [ann, ask("update", "configmaps", "demo", "yours"), false],
  [ann, ask("list", "pods", "demo", "", "metrics.k8s.io"), false],
  [app, ask("get", "pods", "demo"), true],
  [team, ask("watch", "deployments", "demo", "", "apps"), true],
  [team, ask("get", "secrets", "demo"), false],
  [team, ask("create", "selfsubjectaccessreviews", "", "", "authorization.k8s.io"), true],
  [ann, { verb: "get", path: "/apis/apps/v1" }, true],
  [ann, { verb: "get", path: "/metrics" }, false],
  [root, ask("delete", "namespaces", "", "x"), true],
  [root, { verb: "post", path: "/anything" }, true],
];

for (const [who, attributes, allowed] of cases) {
  const what =
    "path" in attributes
      ? attributes.path
      : `${attributes.resource}/${attributes.subresource} in "${attributes.namespace}"`;
  test(`${who.name} ${allowed ? "may" : "may not"} ${attributes.verb} ${what}`, () => {
    assert.equal(rbac.isAllowed(who, attributes), allowed);
  });
}

test("refusals are Kubernetes' sentence", () => {
  assert.equal(
    refusal(ann, ask("list", "pods", "other")),
    'User "ann" cannot list resource "pods" in API group "" in the namespace "other"',
  );
  assert.equal(
    refusal(ann, ask("get", "nodes", "")),
    'User "ann" cannot get resource "nodes" in API group "" at the cluster scope',
  );
});
