import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import type { CheckResult } from "../../../src/check/check.ts";
import { runChecks } from "../../../src/check/runner.ts";
import { type CheckMode, selectCategories } from "../../../src/check/select.ts";
import { generateIssuer } from "../../../src/install/credentials.ts";
import { planInstall } from "../../../src/install/plan-install.ts";
import { defaultValues } from "../../../src/values/defaults.ts";
import { FakeClock } from "../../support/clock.ts";
import { ObjectCluster } from "../../support/object-cluster.ts";

const clock = new FakeClock();
const DAY = 86_400_000;
const VERSION = "1.2.3";

function controlPod(component: string, ready = true): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `meshctl-${component}-1`,
      namespace: "meshctl",
      labels: { "meshctl.io/control-plane-component": component },
    },
    status: {
      phase: "Running",
      podIP: "10.1.0.1",
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      containerStatuses: [
        {
          name: component,
          ready,
          state: ready ? {} : { waiting: { reason: "CrashLoopBackOff", message: "it ends" } },
        },
      ],
    },
  };
}

function meshedPod(name: string, change: (pod: KubeObject) => void = () => {}): KubeObject {
  const pod: KubeObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "demo",
      labels: { "meshctl.io/control-plane-ns": "meshctl" },
      annotations: { "meshctl.io/proxy-version": VERSION },
    },
    spec: { initContainers: [{ name: "meshctl-proxy", image: `meshctl:${VERSION}`, env: [] }] },
    status: {
      phase: "Running",
      podIP: "10.1.0.9",
      initContainerStatuses: [{ name: "meshctl-proxy", ready: true }],
    },
  };
  change(pod);
  return pod;
}

async function healthy(nowMs = clock.now()): Promise<ObjectCluster> {
  const objects = await planInstall({ values: defaultValues(VERSION), parts: "all", nowMs });
  const cluster = new ObjectCluster([
    ...objects,
    controlPod("identity"),
    controlPod("controller"),
    { apiVersion: "v1", kind: "Node", metadata: { name: "n" }, spec: { podCIDR: "10.1.0.0/16" } },
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "demo" } },
    meshedPod("web-1"),
  ]);
  cluster.posts.set("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", () => ({
    status: { allowed: true },
  }));
  return cluster;
}

const DEFAULT: CheckMode = { pre: false, crds: false, proxy: false };
const PROXY: CheckMode = { ...DEFAULT, proxy: true };
const PRE: CheckMode = { ...DEFAULT, pre: true };

async function run(
  cluster: ObjectCluster,
  mode = DEFAULT,
  more: { namespace?: string; expectedVersion?: string; cliVersion?: string } = {},
) {
  const results: CheckResult[] = [];
  const success = await runChecks(selectCategories(mode), {
    inputs: {
      kube: async () => cluster.client(),
      namespace: "meshctl",
      dataPlaneNamespace: more.namespace,
      cliVersion: more.cliVersion ?? VERSION,
      expectedVersion: more.expectedVersion,
      clock,
    },
    waitMs: 0,
    signal: new AbortController().signal,
    onResult: (result) => results.push(result),
    onRetry: () => {},
  });
  return { success, results, failures: results.filter(({ outcome }) => outcome !== "success") };
}

test("a healthy installation passes every check of every mode", async () => {
  for (const mode of [DEFAULT, PROXY, { ...DEFAULT, crds: true }]) {
    const { success, failures, results } = await run(await healthy(), mode);
    assert.deepEqual(failures, []);
    assert.equal(success, true);
    assert.ok(results.length >= 4);
  }
});

test("an empty cluster passes --pre, and fails the rest at the config map", async () => {
  const empty = new ObjectCluster([]);
  empty.posts.set("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", () => ({
    status: { allowed: true },
  }));
  assert.equal((await run(empty, PRE)).success, true);
  const { success, failures } = await run(empty);
  assert.equal(success, false);
  assert.deepEqual(
    failures.map(({ label }) => label),
    ["'meshctl-config' config map exists"],
  );
  assert.match(failures[0]!.error!, /meshctl install \| kubectl apply/);
});

test("modes that exclude each other are refused", () => {
  for (const other of ["proxy", "crds"] as const) {
    assert.throws(
      () => selectCategories({ ...PRE, [other]: true }),
      (error) =>
        error instanceof MeshError && /Validation error when executing check command/.test(error.message),
    );
  }
});

interface Break {
  readonly claim: string;
  readonly mode?: CheckMode;
  readonly label: string;
  readonly outcome?: "warning";
  readonly says: RegExp;
  readonly how: (cluster: ObjectCluster) => void | Promise<void>;
}

const BREAKS: readonly Break[] = [
  {
    claim: "a clock that is ahead",
    label: "the clocks of this machine and the API server agree",
    outcome: "warning",
    says: /60[01] s ahead of the API server's/,
    how: (cluster) => void (cluster.headers = { date: new Date(clock.now() - 600_000).toUTCString() }),
  },
  {
    claim: "a clock that is behind",
    label: "the clocks of this machine and the API server agree",
    outcome: "warning",
    says: /(89|90) s behind the API server's/,
    how: (cluster) => void (cluster.headers = { date: new Date(clock.now() + 90_000).toUTCString() }),
  },
  {
    claim: "a pod of a rollout that cannot end",
    label: "no control plane pod is stuck",
    outcome: "warning",
    says: /pod "meshctl-identity-2": container identity: ErrImagePull: no such host/,
    how(cluster) {
      const pod = controlPod("identity", false);
      pod.metadata.name = "meshctl-identity-2";
      pod.status.containerStatuses[0].state.waiting = { reason: "ErrImagePull", message: "no such host" };
      cluster.objects.push(pod);
    },
  },
  {
    claim: "another manager of the webhook",
    label: "control plane objects have one manager",
    outcome: "warning",
    says: /MutatingWebhookConfiguration meshctl-injector-webhook-config: injector-of-certificates has webhooks\[name=meshctl-injector\.meshctl\.io\]\.clientConfig\.caBundle$/,
    how(cluster) {
      const hook = cluster.find("MutatingWebhookConfiguration", "meshctl-injector-webhook-config");
      const owned = {
        "f:webhooks": {
          'k:{"name":"meshctl-injector.meshctl.io"}': { "f:clientConfig": { "f:caBundle": {} } },
        },
      };
      Object.assign(hook.metadata, {
        managedFields: [
          { manager: "kubectl-client-side-apply", operation: "Update", fieldsV1: owned },
          { manager: "someone", operation: "Update", subresource: "status", fieldsV1: owned },
          {
            manager: "labeller",
            operation: "Apply",
            fieldsV1: { "f:metadata": { "f:labels": { "f:x": {} } } },
          },
          { manager: "injector-of-certificates", operation: "Update", fieldsV1: owned },
        ],
      });
    },
  },
  {
    claim: "a container that declares the proxy's port",
    mode: PROXY,
    label: "no container wants a port of its proxy",
    says: /demo\/web-2: container app declares 4191, the proxy's admin port/,
    how: (cluster) =>
      void cluster.objects.push(
        meshedPod("web-2", (pod) => {
          pod.spec.initContainers[0].env = [{ name: "MESHCTL_PROXY_ADMIN_LISTEN_ADDR", value: "[::]:4191" }];
          pod.spec.containers = [{ name: "app", ports: [{ containerPort: 8080 }, { containerPort: 4191 }] }];
        }),
      ),
  },
  {
    claim: "a container that failed to get the proxy's port",
    mode: PROXY,
    label: "no container wants a port of its proxy",
    says: /demo\/web-2: container app failed to listen on 4140, the proxy's outbound port/,
    how: (cluster) =>
      void cluster.objects.push(
        meshedPod("web-2", (pod) => {
          pod.spec.initContainers[0].env = [
            { name: "MESHCTL_PROXY_OUTBOUND_LISTEN_ADDRS", value: "127.0.0.1:4140,[::1]:4140" },
          ];
          pod.spec.containers = [{ name: "app" }];
          const message = "listen tcp :4140: bind: address already in use";
          pod.status.containerStatuses = [
            { name: "app", lastState: { terminated: { exitCode: 1, message } } },
          ];
        }),
      ),
  },
  {
    claim: "a namespace whose Pod Security refuses the init container",
    mode: PROXY,
    label: "pods with a proxy can be created",
    says: /demo\/web: .*container "meshctl-init" must not include "NET_ADMIN"/,
    how: (cluster) =>
      void cluster.objects.push({
        apiVersion: "apps/v1",
        kind: "ReplicaSet",
        metadata: { name: "web", namespace: "demo" },
        status: {
          conditions: [
            {
              type: "ReplicaFailure",
              status: "True",
              reason: "FailedCreate",
              message: 'violates PodSecurity: container "meshctl-init" must not include "NET_ADMIN"',
            },
          ],
        },
      }),
  },
  {
    claim: "an old Kubernetes",
    label: "is running the minimum Kubernetes API version",
    says: /v1\.28\.4; at least v1\.29\.0/,
    how: (cluster) => void (cluster.version = "v1.28.4"),
  },
  {
    claim: "a pod that does not start",
    label: "control plane pods are ready",
    says: /"meshctl-identity-1" of meshctl-identity is not ready: container identity: CrashLoopBackOff: it ends/,
    how(cluster) {
      cluster.remove("Pod", "meshctl-identity-1");
      cluster.objects.push(controlPod("identity", false));
    },
  },
  {
    claim: "no pod at all",
    label: "control plane pods are ready",
    says: /no running pods for "meshctl-controller"/,
    how: (cluster) => cluster.remove("Pod", "meshctl-controller-1"),
  },
  {
    claim: "an unschedulable pod",
    label: "no unschedulable pods",
    outcome: "warning",
    says: /meshctl-identity-1: no room/,
    how: (cluster) =>
      void cluster.find("Pod", "meshctl-identity-1").status.conditions.push({
        type: "PodScheduled",
        status: "False",
        reason: "Unschedulable",
        message: "no room",
      }),
  },
  {
    claim: "a replica set that may not make pods",
    label: "control plane replica sets are ready",
    says: /rs: FailedCreate: quota/,
    how: (cluster) =>
      void cluster.objects.push({
        apiVersion: "apps/v1",
        kind: "ReplicaSet",
        metadata: {
          name: "rs",
          namespace: "meshctl",
          labels: { "meshctl.io/control-plane-component": "identity" },
        },
        status: {
          conditions: [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: "quota" }],
        },
      }),
  },
  {
    claim: "a node outside the cluster networks",
    label: "cluster networks contains all node podCIDRs",
    says: /20\.0\.0\.0\/16; install with --set clusterNetworks=/,
    how: (cluster) => void (cluster.find("Node", "n").spec.podCIDR = "20.0.0.0/16"),
  },
  {
    claim: "a pod outside the cluster networks",
    label: "cluster networks contains all pods",
    says: /pod demo\/web-1 has address 20\.1\.1\.1/,
    how: (cluster) => void (cluster.find("Pod", "web-1").status.podIP = "20.1.1.1"),
  },
  {
    claim: "a missing role",
    label: "control plane ClusterRoles exist",
    says: /missing ClusterRoles: meshctl-identity/,
    how: (cluster) => cluster.remove("ClusterRole", "meshctl-identity"),
  },
  {
    claim: "a missing service account",
    label: "control plane ServiceAccounts exist",
    says: /missing ServiceAccounts: meshctl-controller/,
    how: (cluster) => cluster.remove("ServiceAccount", "meshctl-controller"),
  },
  {
    claim: "a missing definition",
    label: "control plane CustomResourceDefinitions exist",
    says: /missing servers\.policy\.meshctl\.io/,
    how: (cluster) => cluster.remove("CustomResourceDefinition", "servers.policy.meshctl.io"),
  },
  {
    claim: "a definition of an older version",
    label: "control plane CustomResourceDefinitions exist",
    says: /CRD servers\.policy\.meshctl\.io is missing version v1beta3/,
    how: (cluster) =>
      void cluster.find("CustomResourceDefinition", "servers.policy.meshctl.io").spec.versions.pop(),
  },
  {
    claim: "a missing webhook",
    label: "control plane MutatingWebhookConfigurations exist",
    says: /meshctl-injector-webhook-config/,
    how: (cluster) => cluster.remove("MutatingWebhookConfiguration", "meshctl-injector-webhook-config"),
  },
  {
    claim: "a missing webhook of the policies",
    label: "control plane ValidatingWebhookConfigurations exist",
    says: /meshctl-policy-validator-webhook-config/,
    how: (cluster) =>
      cluster.remove("ValidatingWebhookConfiguration", "meshctl-policy-validator-webhook-config"),
  },
  {
    claim: "an issuer that no anchor issued",
    label: "issuer cert is issued by the trust anchor",
    says: /"identity\.meshctl\.cluster\.local" was issued by none/,
    async how(cluster) {
      const other = await generateIssuer("identity.meshctl.cluster.local", clock.now());
      cluster.find("ConfigMap", "meshctl-identity-trust-roots").data["ca-bundle.crt"] = other.certificatePem;
    },
  },
  {
    claim: "a key that is not the issuer's",
    label: "certificate config is valid",
    says: /does not belong to its certificate/,
    async how(cluster) {
      const other = await generateIssuer("x", clock.now());
      cluster.find("Secret", "meshctl-identity-issuer").data["key.pem"] = Buffer.from(
        other.privateKeyPem,
      ).toString("base64");
    },
  },
  {
    claim: "a webhook certificate that the API server does not trust",
    label: "injector webhook has valid cert",
    says: /not signed by the caBundle of meshctl-injector-webhook-config/,
    async how(cluster) {
      const other = await generateIssuer("x", clock.now());
      const [hook] = cluster.find("MutatingWebhookConfiguration", "meshctl-injector-webhook-config").webhooks;
      hook.clientConfig.caBundle = Buffer.from(other.certificatePem).toString("base64");
    },
  },
  {
    claim: "a certificate of the policies' webhook that the API server does not trust",
    label: "injector webhook has valid cert",
    says: /not signed by the caBundle of meshctl-policy-validator-webhook-config/,
    async how(cluster) {
      const other = await generateIssuer("x", clock.now());
      const name = "meshctl-policy-validator-webhook-config";
      const [hook] = cluster.find("ValidatingWebhookConfiguration", name).webhooks;
      hook.clientConfig.caBundle = Buffer.from(other.certificatePem).toString("base64");
    },
  },
  {
    claim: "a proxy that is not ready",
    mode: PROXY,
    label: "data plane proxies are ready",
    says: /demo\/web-2/,
    how: (cluster) =>
      void cluster.objects.push(
        meshedPod("web-2", (pod) => void (pod.status.initContainerStatuses[0].ready = false)),
      ),
  },
  {
    claim: "a proxy of another version",
    mode: PROXY,
    label: "data plane is up-to-date",
    outcome: "warning",
    says: /demo\/web-2 \(1\.0\.0\)/,
    how: (cluster) =>
      void cluster.objects.push(
        meshedPod("web-2", (pod) => void (pod.metadata.annotations!["meshctl.io/proxy-version"] = "1.0.0")),
      ),
  },
  {
    claim: "a proxy with other trust anchors",
    mode: PROXY,
    label: "data plane proxies certificate match CA",
    outcome: "warning",
    says: /must be restarted:\n\t\* demo\/web-2/,
    how: (cluster) =>
      void cluster.objects.push(
        meshedPod(
          "web-2",
          (pod) =>
            void (pod.spec.initContainers[0].env = [
              { name: "MESHCTL_PROXY_IDENTITY_TRUST_ANCHORS", value: "old" },
            ]),
        ),
      ),
  },
  {
    claim: "configuration as a label",
    mode: PROXY,
    label: "data plane pod labels are configured correctly",
    outcome: "warning",
    says: /demo\/web-2: config\.meshctl\.io\/opaque-ports/,
    how: (cluster) =>
      void cluster.objects.push(
        meshedPod("web-2", (pod) => void (pod.metadata.labels!["config.meshctl.io/opaque-ports"] = "1")),
      ),
  },
  {
    claim: "a namespace that exists before",
    mode: PRE,
    label: "control plane namespace does not already exist",
    says: /namespace "meshctl" exists/,
    how: () => {},
  },
];

for (const { claim, mode, label, outcome, says, how } of BREAKS) {
  test(`check finds ${claim}`, async () => {
    const cluster = await healthy();
    await how(cluster);
    const { success, failures } = await run(cluster, mode);
    const found = failures.find((failure) => failure.label === label);
    assert.ok(found, `only ${JSON.stringify(failures)}`);
    assert.match(found.error!, says);
    assert.equal(found.outcome, outcome ?? "error");
    assert.equal(success, outcome === "warning");
  });
}

test("ended and ending pods are no data plane", async () => {
  const cluster = await healthy();
  cluster.objects.push(
    meshedPod("done", (pod) => void (pod.status = { phase: "Succeeded" })),
    meshedPod("ending", (pod) => {
      pod.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
      pod.status = { phase: "Pending" };
    }),
  );
  assert.deepEqual((await run(cluster, PROXY)).failures, []);
});

test("a namespace without meshed pods, or that does not exist, is an error with --proxy -n", async () => {
  const cluster = await healthy();
  const none = await run(cluster, PROXY, { namespace: "meshctl" });
  assert.match(none.failures[0]!.error!, /no "meshctl-proxy" containers found in the "meshctl" namespace/);
  const missing = await run(cluster, PROXY, { namespace: "nope" });
  assert.match(missing.failures[0]!.error!, /"nope" namespace does not exist/);
});

test("certificates warn 60 days before their end, and fail after it, with name and date", async () => {
  const soon = await run(await healthy(clock.now() - 310 * DAY));
  assert.equal(soon.success, true);
  assert.deepEqual(
    soon.failures.map(({ label, outcome }) => [label, outcome]),
    [
      ["trust anchors are valid for at least 60 days", "warning"],
      ["issuer cert is valid for at least 60 days", "warning"],
      ["injector cert is valid for at least 60 days", "warning"],
    ],
  );
  assert.match(
    soon.failures[0]!.error!,
    /\* [0-9a-f]+ identity\.meshctl\.cluster\.local will expire on 2026-02-26T/,
  );
  const over = await run(await healthy(clock.now() - 400 * DAY));
  assert.equal(over.success, false);
  assert.match(
    over.failures[0]!.error!,
    /identity\.meshctl\.cluster\.local not valid anymore\. Expired on 2025-11-28T/,
  );
});

test("versions are compared with what is expected, and with each other", async () => {
  const cluster = await healthy();
  const expected = await run(cluster, DEFAULT, { expectedVersion: "9" });
  assert.deepEqual(
    expected.failures.map(({ label }) => label),
    ["cli is up-to-date", "control plane is up-to-date"],
  );
  const other = await run(cluster, DEFAULT, { cliVersion: "2" });
  assert.match(other.failures[0]!.error!, /control plane running 1\.2\.3 but cli running 2/);
});

test("missing permissions are listed by verb and resource", async () => {
  const cluster = new ObjectCluster([]);
  cluster.posts.set("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", (body) => ({
    status: { allowed: (body as KubeObject).spec.resourceAttributes.resource !== "secrets" },
  }));
  const { failures } = await run(cluster, PRE);
  assert.deepEqual(
    failures.map(({ error }) => error),
    [
      'not allowed to create secrets in namespace "meshctl"; ask for it, this shows it: kubectl auth can-i create secrets -n meshctl',
      'not allowed to get secrets in namespace "meshctl"; ask for it, this shows it: kubectl auth can-i get secrets -n meshctl',
    ],
  );
});

test("a skewed clock is told with node and size", async () => {
  const cluster = new ObjectCluster([
    {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "late" },
      status: {
        conditions: [
          { type: "Ready", status: "True", lastHeartbeatTime: new Date(clock.now() - 600_000).toISOString() },
        ],
      },
    },
  ]);
  cluster.posts.set("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", () => ({
    status: { allowed: true },
  }));
  const { failures, success } = await run(cluster, PRE);
  assert.equal(success, true);
  assert.match(failures[0]!.error!, /late: heartbeat of .*, 600 s in the past/);
});
