import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { DEPLOYMENTS, findKubectl, kubectl, PODS, pod, startServer, type TestServer } from "./support.ts";

const skip = findKubectl() === undefined ? "kubectl is not on the PATH" : false;

const MANIFEST = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: demo}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: demo, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: example/web:1
        ports: [{containerPort: 8080}]
        env: [{name: A, value: "1"}]
`;

async function start(
  t: TestContext,
): Promise<{ server: TestServer; run: (args: string, input?: string) => Promise<string> }> {
  let next = 1;
  const server = await startServer(t, {
    allocateClusterIp: (_service, wanted) => wanted ?? `127.9.0.${next++}`,
    podBackend: {
      logs: (namespace, name, container) => Readable.from([`${namespace}/${name}/${container}\n`]),
      connect: () => Promise.reject(new Error("nothing listens")),
    },
  });
  const run = async (args: string, input?: string): Promise<string> => {
    const result = await kubectl(server, args.split(" "), input);
    assert.equal(result.exitCode, 0, `kubectl ${args}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  };
  return { server, run };
}

/** Columns of a table, without the ages. */
function cells(table: string): string[][] {
  return table
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/\s{2,}/).map((cell) => cell.trim()));
}

test("kubectl applies, applies again without change, and changes by strategic merge", { skip }, async (t) => {
  const { server, run } = await start(t);
  assert.equal(await run("apply -f -", MANIFEST), "service/web created\ndeployment.apps/web created\n");
  assert.equal(await run("apply -f -", MANIFEST), "service/web unchanged\ndeployment.apps/web unchanged\n");
  // What another put beside the applied container stays.
  const deployment = server.api.objects.get(DEPLOYMENTS, "demo", "web")!;
  deployment.spec.template.spec.containers.push({ name: "sidecar", image: "example/side:1" });
  await server.api.objects.update(DEPLOYMENTS, deployment);
  await run("apply -f -", MANIFEST.replace('value: "1"', 'value: "2"').replace("name: A", "name: B"));
  const { containers } = server.api.objects.get(DEPLOYMENTS, "demo", "web")!.spec.template.spec;
  assert.deepEqual(
    containers.map((each: { name: string }) => each.name),
    ["web", "sidecar"],
  );
  assert.deepEqual(containers[0].env, [{ name: "B", value: "2" }]);
});

test("kubectl prints tables, wide ones, selections and YAML", { skip }, async (t) => {
  const { server, run } = await start(t);
  await run("apply -f -", MANIFEST);
  const [head, row] = cells(await run("get deploy -n demo -o wide"));
  assert.deepEqual(head, [
    "NAME",
    "READY",
    "UP-TO-DATE",
    "AVAILABLE",
    "AGE",
    "CONTAINERS",
    "IMAGES",
    "SELECTOR",
  ]);
  assert.deepEqual(
    [row![0], row![1], row![5], row![6], row![7]],
    ["web", "0/2", "web", "example/web:1", "app=web"],
  );
  assert.deepEqual(cells(await run("get svc -n demo"))[1]!.slice(0, 5), [
    "web",
    "ClusterIP",
    "127.9.0.1",
    "<none>",
    "80/TCP",
  ]);
  await server.api.objects.create(PODS, pod("one"));
  await server.api.objects.create(PODS, pod("two"));
  assert.deepEqual(
    cells(await run("get pods -n demo -l app=one --no-headers")).map((each) => each.slice(0, 4)),
    [["one", "0/1", "Pending", "0"]],
  );
  assert.match(await run("get pods -A --field-selector metadata.name=two"), /^NAMESPACE[^\n]*\ndemo +two /);
  assert.match(await run("get deploy web -n demo -o yaml"), /\n {2}replicas: 2\n/);
  assert.match(await run("get all -n demo"), /deployment.apps\/web/);
});

test("kubectl describes, logs, labels, scales, waits, and deletes", { skip }, async (t) => {
  const { server, run } = await start(t);
  await run("apply -f -", MANIFEST);
  await server.api.objects.create(PODS, pod("one"));
  await run(
    "-n demo create -f -",
    JSON.stringify({
      apiVersion: "v1",
      kind: "Event",
      metadata: { generateName: "one.", namespace: "demo" },
      involvedObject: {
        kind: "Pod",
        name: "one",
        namespace: "demo",
        uid: server.api.objects.get(PODS, "demo", "one")!.metadata.uid,
      },
      reason: "Waited",
      message: "for the image",
      type: "Normal",
    }),
  );
  const described = await run("describe pod one -n demo");
  assert.match(described, /Service Account: +default/);
  assert.match(described, /Waited .* for the image/);
  assert.equal(await run("logs one -n demo -f"), "demo/one/main\n");
  await run("label pod one -n demo tier=front");
  assert.equal(server.api.objects.get(PODS, "demo", "one")!.metadata.labels!.tier, "front");
  await run("scale deploy/web -n demo --replicas 3");
  assert.equal(server.api.objects.get(DEPLOYMENTS, "demo", "web")!.spec.replicas, 3);
  const condition = { type: "Available", status: "True" };
  await server.api.objects.mergePatch(
    DEPLOYMENTS,
    "demo",
    "web",
    {
      status: {
        observedGeneration: 2,
        replicas: 3,
        updatedReplicas: 3,
        readyReplicas: 3,
        availableReplicas: 3,
        conditions: [condition],
      },
    },
    "status",
  );
  assert.match(await run("rollout status deploy/web -n demo --timeout 20s"), /successfully rolled out/);
  assert.match(await run("wait deploy/web -n demo --for condition=Available --timeout 20s"), /condition met/);
  assert.match(await run("delete pod one -n demo"), /pod "one" deleted/);
  assert.equal(server.api.objects.get(PODS, "demo", "one"), undefined);
});

test("kubectl waits by watch for what changes later", { skip }, async (t) => {
  const { server, run } = await start(t);
  await server.api.objects.create(PODS, pod("one"));
  const waiting = run("wait pod/one -n demo --for condition=Ready --timeout 20s");
  await server.api.objects.mergePatch(
    PODS,
    "demo",
    "one",
    { status: { conditions: [{ type: "Ready", status: "True" }] } },
    "status",
  );
  assert.match(await waiting, /condition met/);
});

test("kubectl get -w prints rows as they change", { skip }, async (t) => {
  const { server } = await start(t);
  await server.api.objects.create(PODS, pod("one"));
  const watching = kubectl(server, ["get", "pods", "-n", "demo", "-w", "--no-headers"], "", /Running/);
  await server.api.objects.mergePatch(PODS, "demo", "one", { status: { phase: "Running" } }, "status");
  const statuses = cells((await watching).stdout).map((each) => each[2]);
  assert.equal(statuses.at(-1), "Running");
});

test("kubectl asks what it may do, as itself and as others", { skip }, async (t) => {
  const { server, run } = await start(t);
  assert.equal(await run("auth can-i delete pods"), "yes\n");
  await run("create rolebinding ann --clusterrole view --user ann -n demo");
  assert.equal(await run("auth can-i list pods -n demo --as ann"), "yes\n");
  const refused = await kubectl(server, ["auth", "can-i", "delete", "pods", "-n", "demo", "--as", "ann"]);
  assert.equal(refused.exitCode, 1);
  assert.match(refused.stdout, /^no/);
  assert.match(await run("auth whoami"), /kubernetes-admin/);
});

test("kubectl prints every cause of an invalid object", { skip }, async (t) => {
  const { server } = await start(t);
  const bad = MANIFEST.replaceAll("matchLabels: {app: web}", "matchLabels: {app: other}").replace(
    "port: 80,",
    "port: 99999,",
  );
  const result = await kubectl(server, ["apply", "-f", "-"], bad);
  assert.equal(result.exitCode, 1);
  assert.match(
    result.stderr,
    /Service "web" is invalid: spec.ports\[0\].port: Invalid value: 99999: must be between 1 and 65535/,
  );
  assert.match(result.stderr, /`selector` does not match template `labels`/);
  const unknown = await kubectl(server, ["apply", "-f", "-"], MANIFEST.replace("replicas: 2", "replica: 2"));
  assert.match(unknown.stderr, /unknown field "spec.replica"/);
});

test("kubectl works with the resources of a CRD from the moment it is established", { skip }, async (t) => {
  const { run } = await start(t);
  const crd = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.example.com" },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "widgets", kind: "Widget", shortNames: ["wi"] },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          subresources: {
            status: {},
            scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.size" },
          },
          additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: { spec: { type: "object", properties: { size: { type: "integer", default: 4 } } } },
            },
          },
        },
      ],
    },
  };
  await run("apply -f -", JSON.stringify(crd));
  await run("wait --for condition=Established crd/widgets.example.com --timeout 20s");
  await run(
    "apply -f -",
    JSON.stringify({
      apiVersion: "example.com/v1",
      kind: "Widget",
      metadata: { name: "w", namespace: "demo" },
      spec: {},
    }),
  );
  assert.deepEqual(cells(await run("get wi -n demo")), [
    ["NAME", "SIZE"],
    ["w", "4"],
  ]);
  await run("scale wi/w -n demo --replicas 7");
  assert.equal(await run("get wi w -n demo -o jsonpath={.spec.size}"), "7");
  await run("delete crd widgets.example.com");
});
