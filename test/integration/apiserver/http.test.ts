import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { CONFIG_MAPS, configMap, NAMESPACES, pod, startServer } from "./support.ts";

const CM = "/api/v1/namespaces/demo/configmaps";

test("requests without credentials, or with bad ones, get 401, health and version excepted", async (t) => {
  const { request } = await startServer(t);
  const anonymous = { "x-anonymous": "1" };
  assert.equal((await request("GET", CM, undefined, anonymous)).status, 401);
  assert.equal((await request("GET", CM, undefined, { authorization: "Bearer a.b.c" })).status, 401);
  for (const path of ["/healthz", "/livez", "/readyz"]) {
    assert.equal((await request("GET", path, undefined, anonymous)).body, "ok");
  }
  assert.equal((await request("GET", "/version", undefined, anonymous)).body.gitVersion, "v1.32.0");
});

test("a service account's token is its identity, limited by audience, pod and RBAC", async (t) => {
  const { api, request } = await startServer(t);
  const made = await request("POST", "/api/v1/namespaces/demo/pods", pod("p"));
  const bound = { kind: "Pod", apiVersion: "v1", name: "p", uid: made.body.metadata.uid };
  const mint = (spec: object) =>
    request("POST", "/api/v1/namespaces/demo/serviceaccounts/default/token", { spec });
  const reply = await mint({ audiences: ["identity.l5d.io"], expirationSeconds: 600, boundObjectRef: bound });
  assert.equal(reply.status, 201);
  const { token } = reply.body.status;
  const review = (audiences?: string[]) =>
    request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token, ...(audiences ? { audiences } : {}) },
    });
  const good = (await review(["identity.l5d.io", "other"])).body.status;
  assert.equal(good.authenticated, true);
  assert.equal(good.user.username, "system:serviceaccount:demo:default");
  assert.deepEqual(good.audiences, ["identity.l5d.io"]);
  assert.deepEqual(good.user.extra["authentication.kubernetes.io/pod-name"], ["p"]);
  assert.equal((await review()).body.status.authenticated, false, "the API server is another audience");
  assert.equal((await request("GET", CM, undefined, { authorization: `Bearer ${token}` })).status, 401);

  const own = api.mintToken("demo", "default", [], 600).token;
  const refused = await request("GET", CM, undefined, { authorization: `Bearer ${own}` });
  assert.equal(refused.status, 403);
  assert.equal(
    refused.body.message,
    'configmaps is forbidden: User "system:serviceaccount:demo:default" cannot list resource "configmaps" in API group "" in the namespace "demo"',
  );

  await request("DELETE", "/api/v1/namespaces/demo/pods/p");
  assert.match((await review(["identity.l5d.io"])).body.status.error, /pod demo\/p has been deleted/);
  assert.equal((await mint({ expirationSeconds: 60 })).status, 422);
});

test("impersonation takes the other's place, when RBAC lets the caller", async (t) => {
  const { api, request } = await startServer(t);
  const asAnn = await request("GET", CM, undefined, { "impersonate-user": "ann" });
  assert.match(asAnn.body.message, /User "ann" cannot list/);
  const asMaster = await request("GET", CM, undefined, {
    "impersonate-user": "ann",
    "impersonate-group": "system:masters",
  });
  assert.equal(asMaster.status, 200);
  const token = api.mintToken("demo", "default", [], 600).token;
  const climbing = await request("GET", CM, undefined, {
    authorization: `Bearer ${token}`,
    "impersonate-user": "root",
    "impersonate-group": "system:masters",
  });
  assert.match(climbing.body.message, /users "root" is forbidden: .* cannot impersonate resource "users"/);
});

test("watch tells objects, changes into and out of a selection, and versions to go on from", async (t) => {
  const { api, lines, request } = await startServer(t);
  await api.objects.create(CONFIG_MAPS, configMap("a"));
  const list = await request("GET", CM);
  const since = list.body.metadata.resourceVersion;
  await api.objects.mergePatch(CONFIG_MAPS, "demo", "a", { metadata: { labels: { on: "1" } } });
  await api.objects.mergePatch(CONFIG_MAPS, "demo", "a", { data: { x: "1" } });
  await api.objects.mergePatch(CONFIG_MAPS, "demo", "a", { metadata: { labels: { on: null } } });
  await api.objects.delete(CONFIG_MAPS, "demo", "a");
  const all = await lines(`${CM}?watch=1&resourceVersion=${since}`, 4);
  assert.deepEqual(
    all.map((each) => each.type),
    ["MODIFIED", "MODIFIED", "MODIFIED", "DELETED"],
  );
  const selected = await lines(`${CM}?watch=1&resourceVersion=${since}&labelSelector=on`, 3);
  assert.deepEqual(
    selected.map((each) => each.type),
    ["ADDED", "MODIFIED", "DELETED"],
  );
  const versions = all.map((each) => Number(each.object.metadata.resourceVersion));
  assert.deepEqual(
    versions,
    versions.toSorted((a, b) => a - b),
  );
});

test("watch from a forgotten version, or one of another life, is an ERROR event with 410", async (t) => {
  const { api, lines } = await startServer(t, { revisionsMax: 4 });
  await api.objects.create(CONFIG_MAPS, configMap("a"));
  for (let value = 0; value < 10; value++) {
    await api.objects.mergePatch(CONFIG_MAPS, "demo", "a", { data: { value: String(value) } });
  }
  for (const version of [1, 1_000_000]) {
    const [event] = await lines(`${CM}?watch=1&resourceVersion=${version}`, 1);
    assert.equal(event!.type, "ERROR");
    assert.deepEqual([event!.object.code, event!.object.reason], [410, "Expired"]);
  }
});

test("watch marks the end of the initial events, and its own end with a bookmark", async (t) => {
  const { api, lines } = await startServer(t);
  await api.objects.create(CONFIG_MAPS, configMap("a"));
  const query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  const [added, mark] = await lines(`${CM}?${query}`, 2);
  assert.equal(added!.type, "ADDED");
  assert.equal(mark!.type, "BOOKMARK");
  assert.equal(mark!.object.metadata.annotations["k8s.io/initial-events-end"], "true");
});

test("lists page by limit and continue without gaps or doubles", async (t) => {
  const { api, request } = await startServer(t);
  for (const name of ["e", "b", "a", "d", "c"]) await api.objects.create(CONFIG_MAPS, configMap(name));
  const names: string[] = [];
  let token = "";
  do {
    const page = await request("GET", `${CM}?limit=2${token ? `&continue=${token}` : ""}`);
    names.push(...page.body.items.map((each: { metadata: { name: string } }) => each.metadata.name));
    token = page.body.metadata.continue ?? "";
  } while (token);
  assert.deepEqual(names, ["a", "b", "c", "d", "e"]);
  assert.equal((await request("GET", `${CM}?limit=1&continue=nonsense`)).status, 400);
});

test("unknown fields warn or are refused, as the request wants, and are never stored", async (t) => {
  const { request } = await startServer(t);
  const odd = { ...configMap("a"), foo: 1 };
  const strict = await request("POST", `${CM}?fieldValidation=Strict`, odd);
  assert.equal(strict.status, 400);
  assert.match(strict.body.message, /strict decoding error: unknown field "foo"/);
  const warned = await request("POST", `${CM}?fieldValidation=Warn`, odd);
  assert.equal(warned.headers.warning, '299 - "unknown field \\"foo\\""');
  assert.equal(warned.body.foo, undefined);
});

test("dry run answers as if, and writes nothing", async (t) => {
  const { request } = await startServer(t);
  assert.equal((await request("POST", `${CM}?dryRun=All`, configMap("a"))).status, 201);
  assert.equal((await request("GET", `${CM}/a`)).status, 404);
});

test("server-side apply creates, merges, and refuses what another manager owns", async (t) => {
  const { request } = await startServer(t);
  const apply = (manager: string, data: Record<string, string>, query = "") =>
    request("PATCH", `${CM}/a?fieldManager=${manager}${query}`, configMap("a", data), {
      "content-type": "application/apply-patch+yaml",
    });
  assert.equal((await apply("x", { color: "red" })).status, 201);
  assert.deepEqual((await apply("y", { size: "1" })).body.data, { color: "red", size: "1" });
  const refused = await apply("y", { size: "1", color: "blue" });
  assert.equal(refused.status, 409);
  assert.equal(refused.body.message, 'Apply failed with 1 conflict: conflict with "x": .data.color');
  assert.equal(refused.body.details.causes[0].reason, "FieldManagerConflict");
  assert.equal((await apply("y", { color: "blue" }, "&force=true&dryRun=All")).body.data.color, "blue");
  assert.deepEqual((await request("GET", `${CM}/a`)).body.data, { color: "red", size: "1" });
  // An update makes its author the owner: the next apply hears of it.
  await request(
    "PATCH",
    `${CM}/a?fieldManager=edit`,
    { data: { size: "2" } },
    {
      "content-type": "application/merge-patch+json",
    },
  );
  assert.match((await apply("y", { size: "1" })).body.message, /conflict with "edit" using v1: .data.size/);
  assert.equal(
    (await request("PATCH", `${CM}/a`, configMap("a"), { "content-type": "application/apply-patch+yaml" }))
      .status,
    422,
  );
});

test("bad requests get a Status each, and the connection goes on", async (t) => {
  const { request } = await startServer(t);
  const cases: [method: string, path: string, body: unknown, status: number][] = [
    ["GET", "/api/v1/namespaces/demo/nonsense", undefined, 404],
    ["GET", "/apis/nope.io/v1", undefined, 404],
    ["GET", `${CM}/missing`, undefined, 404],
    ["POST", CM, "{not json", 400],
    ["POST", CM, { kind: "Secret", apiVersion: "v1", metadata: { name: "a" } }, 400],
    ["POST", CM, configMap("a", {}, "other"), 400],
    ["POST", CM, configMap("Not_A_Name"), 422],
    ["PUT", `${CM}/a`, configMap("b"), 400],
    ["GET", `${CM}?labelSelector=a%20b`, undefined, 400],
    ["GET", `${CM}?fieldSelector=data.x%3D1`, undefined, 400],
    ["GET", `${CM}?watch=1&resourceVersion=x`, undefined, 400],
    ["POST", "/api/v1/configmaps", configMap("a"), 400],
    ["PATCH", `${CM}/a`, {}, 415],
  ];
  for (const [method, path, body, status] of cases) {
    const reply = await request(method, path, body);
    assert.equal(reply.status, status, `${method} ${path}: ${JSON.stringify(reply.body)}`);
    assert.equal(reply.body.kind, "Status", `${method} ${path}`);
    assert.equal(reply.body.code, status);
  }
});

test("events of events.k8s.io are the core events in other words", async (t) => {
  const { request } = await startServer(t);
  await request("POST", "/api/v1/namespaces/demo/events", {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "e1" },
    involvedObject: { kind: "Pod", name: "p", namespace: "demo" },
    reason: "Started",
    message: "it runs",
    type: "Normal",
  });
  const list = await request(
    "GET",
    "/apis/events.k8s.io/v1/namespaces/demo/events?fieldSelector=regarding.name%3Dp",
  );
  assert.equal(list.body.items[0].note, "it runs");
  assert.equal(list.body.items[0].regarding.name, "p");
});

test("deletecollection takes the selected ones only", async (t) => {
  const { api, request } = await startServer(t);
  for (const name of ["a", "b", "c"]) {
    const made = configMap(name);
    made.metadata.labels = { keep: name === "b" ? "yes" : "no" };
    await api.objects.create(CONFIG_MAPS, made);
  }
  assert.equal((await request("DELETE", `${CM}?labelSelector=keep%3Dno`)).status, 200);
  assert.deepEqual(
    api.objects.list(CONFIG_MAPS, "demo").map((each) => each.metadata.name),
    ["b"],
  );
});

test("nobody grants more than they have", async (t) => {
  const { request } = await startServer(t);
  const RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/demo";
  const binding = (name: string, role: string, user: string) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ kind: "User", name: user }],
  });
  const role = (name: string, resources: string[]) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name },
    rules: [{ apiGroups: [""], resources, verbs: ["get"] }],
  });
  assert.equal((await request("POST", `${RBAC}/rolebindings`, binding("ann", "admin", "ann"))).status, 201);
  const ann = { "impersonate-user": "ann" };
  assert.equal((await request("POST", `${RBAC}/roles`, role("pods", ["pods"]), ann)).status, 201);
  const nodes = await request("POST", `${RBAC}/roles`, role("nodes", ["nodes"]), ann);
  assert.equal(nodes.status, 403);
  assert.match(nodes.body.message, /attempting to grant RBAC permissions not currently held/);
  assert.equal(
    (await request("POST", `${RBAC}/rolebindings`, binding("bob", "view", "bob"), ann)).status,
    201,
  );
  assert.equal(
    (await request("POST", `${RBAC}/rolebindings`, binding("up", "cluster-admin", "ann"), ann)).status,
    403,
  );
});

test("watch of a cluster-scoped resource tells its changes too", async (t) => {
  const { api, lines, request } = await startServer(t);
  const list = await request("GET", "/api/v1/namespaces");
  const since = list.body.metadata.resourceVersion;
  await api.objects.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "x" } });
  await api.objects.delete(NAMESPACES, undefined, "x");
  const namespace = api.objects.get(NAMESPACES, undefined, "x")!;
  await api.objects.update(NAMESPACES, { ...namespace, spec: { finalizers: [] } }, "finalize");
  const query = `watch=1&resourceVersion=${since}&fieldSelector=metadata.name%3Dx&timeoutSeconds=5`;
  const events = await lines(`/api/v1/namespaces?${query}`, 4);
  assert.deepEqual(
    events.map((each) => each.type),
    ["ADDED", "MODIFIED", "MODIFIED", "DELETED"],
  );
});

test("addresses are allocated for Services that are stored, and for no others", async (t) => {
  const allocated: string[] = [];
  const { request } = await startServer(t, {
    allocateClusterIp: (service, wanted) => {
      if (wanted === "127.9.9.9") {
        throw new MeshError({ kind: "user", code: "KUBE_INVALID", message: "127.9.9.9 is taken" });
      }
      allocated.push(service.metadata.name!);
      return `127.9.0.${allocated.length}`;
    },
  });
  const path = "/api/v1/namespaces/demo/services";
  const service = (name: string, spec: object) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { ports: [{ port: 80 }], ...spec },
  });
  assert.equal((await request("POST", `${path}?dryRun=All`, service("dry", {}))).status, 201);
  assert.equal((await request("POST", path, service("bad", { ports: [{ port: 0 }] }))).status, 422);
  assert.equal(
    (await request("POST", path, service("headless", { clusterIP: "None" }))).body.spec.clusterIP,
    "None",
  );
  assert.deepEqual(allocated, []);
  const made = await request("POST", path, service("good", {}));
  assert.deepEqual(made.body.spec.clusterIPs, ["127.9.0.1"]);
  assert.equal((await request("POST", path, service("good", {}))).status, 409);
  assert.deepEqual(allocated, ["good"]);
  const taken = await request("POST", path, service("late", { clusterIP: "127.9.9.9" }));
  assert.deepEqual([taken.status, taken.body.message], [422, "127.9.9.9 is taken"]);
  const kept = await request("PUT", `${path}/good`, service("good", { ports: [{ port: 81 }] }));
  assert.equal(kept.body.spec.clusterIP, "127.9.0.1");
  const moved = await request("PUT", `${path}/good`, service("good", { clusterIP: "127.9.0.7" }));
  assert.match(moved.body.message, /may not change once set/);
});
