import assert from "node:assert/strict";
import { test } from "node:test";
import { command as proxyInit } from "../../../commands/proxy-init.ts";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { type InjectRequest, injectPod, injectService } from "../../../src/inject/inject-pod.ts";
import { applyJsonPatch } from "../../../src/inject/json-patch.ts";
import { classify } from "../../../src/inject/kinds.ts";
import { createUninjector } from "../../../src/inject/uninject.ts";
import { generateIssuer } from "../../../src/install/credentials.ts";
import { parseProxyConfig } from "../../../src/proxy/config-parse.ts";
import { defaultValues } from "../../../src/values/defaults.ts";
import type { Values } from "../../../src/values/values.ts";
import { registryOf, runLine } from "../../support/cli.ts";

const VALUES: Values = { ...defaultValues("1.2.3"), identityTrustAnchorsPem: "the anchors\n" };
const EXPLICIT: Values = { ...VALUES, proxy: { ...VALUES.proxy, capture: "explicit" } };

function pod(annotations: Record<string, string> = {}, spec: Record<string, unknown> = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { generateName: "web-", namespace: "demo", annotations },
    spec: { containers: [{ name: "app", image: "app:1", ports: [{ containerPort: 8080 }] }], ...spec },
  };
}

function namespace(annotations: Record<string, string>): KubeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name: "demo", annotations } };
}

function inject(change: Partial<InjectRequest>) {
  const request: InjectRequest = {
    pod: pod({ "meshctl.io/inject": "enabled" }),
    namespace: undefined,
    owner: undefined,
    values: VALUES,
    mode: "webhook",
    ...change,
  };
  const { patch, report } = injectPod(request);
  return { patch, report, result: applyJsonPatch(request.pod, patch) };
}

interface Container {
  name: string;
  args: string[];
  restartPolicy?: string;
  image: string;
  env: { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[];
  [field: string]: unknown;
}

function proxyOf(result: KubeObject): Container {
  const all: Container[] = [...(result.spec.initContainers ?? []), ...result.spec.containers];
  const proxy = all.find((container) => container.name === "meshctl-proxy");
  assert.ok(proxy, "there is a proxy");
  return proxy;
}

function envOf(result: KubeObject): Record<string, string | undefined> {
  return Object.fromEntries(proxyOf(result).env.map(({ name, value }) => [name, value]));
}

const DECISIONS: readonly (readonly [
  ofNamespace: string | undefined,
  ofPod: string | undefined,
  reason: string | undefined,
])[] = [
  [undefined, undefined, "injection_enable_annotation_absent"],
  [undefined, "enabled", undefined],
  [undefined, "ingress", undefined],
  [undefined, "disabled", "injection_disable_annotation_present"],
  [undefined, "true", "invalid_inject_annotation_at_workload"],
  ["enabled", undefined, undefined],
  ["enabled", "enabled", undefined],
  ["enabled", "disabled", "injection_disable_annotation_present"],
  ["ingress", undefined, undefined],
  ["disabled", undefined, "injection_enable_annotation_absent"],
  ["disabled", "enabled", undefined],
  ["yes", "enabled", "invalid_inject_annotation_at_ns"],
];

for (const [ofNamespace, ofPod, reason] of DECISIONS) {
  test(`a pod saying ${ofPod} in a namespace saying ${ofNamespace} is ${reason === undefined ? "injected" : `skipped: ${reason}`}`, () => {
    const { report } = inject({
      pod: pod(ofPod === undefined ? {} : { "meshctl.io/inject": ofPod }),
      namespace: namespace(ofNamespace === undefined ? {} : { "meshctl.io/inject": ofNamespace }),
    });
    assert.equal(report.injected, reason === undefined);
    assert.deepEqual(report.reasons, reason === undefined ? [] : [reason]);
  });
}

test("obstacles of a pod are reported together, and such a pod is not patched", () => {
  const { report, patch } = inject({
    pod: pod(
      { "meshctl.io/inject": "enabled" },
      { hostNetwork: true, initContainers: [{ name: "istio-init" }] },
    ),
  });
  assert.deepEqual(report.reasons, ["host_network_enabled", "sidecar_already_exists"]);
  assert.deepEqual(patch, []);
});

test("a proxy image of Linkerd or Istio under any name counts as a sidecar", () => {
  const { report } = inject({
    pod: pod(
      { "meshctl.io/inject": "enabled" },
      { containers: [{ name: "x", image: "cr.l5d.io/linkerd/proxy:edge-1" }] },
    ),
  });
  assert.deepEqual(report.reasons, ["sidecar_already_exists"]);
});

test("without trust anchors nothing is injected: such a proxy could trust nobody", () => {
  assert.deepEqual(inject({ values: defaultValues("1") }).report.reasons, ["identity_not_configured"]);
});

test("a native sidecar is an init container that restarts, after the redirect rules, before the pod's own", () => {
  const { result } = inject({
    pod: pod({ "meshctl.io/inject": "enabled" }, { initContainers: [{ name: "migrate" }] }),
  });
  assert.deepEqual(
    result.spec.initContainers.map((container: Container) => [container.name, container.restartPolicy]),
    [
      ["meshctl-init", undefined],
      ["meshctl-proxy", "Always"],
      ["migrate", undefined],
    ],
  );
  assert.equal(result.spec.containers.length, 1);
});

test("a classic sidecar is the first container, and the redirect rules come after the pod's init containers", () => {
  const { result } = inject({
    pod: pod(
      { "meshctl.io/inject": "enabled", "config.meshctl.io/proxy-enable-native-sidecar": "false" },
      { initContainers: [{ name: "migrate" }] },
    ),
  });
  const names = (list: Container[]) => list.map((container) => container.name);
  assert.deepEqual(names(result.spec.initContainers), ["migrate", "meshctl-init"]);
  assert.deepEqual(names(result.spec.containers), ["meshctl-proxy", "app"]);
  assert.equal(proxyOf(result).restartPolicy, undefined);
});

test("explicit capture adds no init container, no xtables volume and no listen addresses", () => {
  const { result } = inject({ values: EXPLICIT });
  assert.deepEqual(
    result.spec.initContainers.map((container: Container) => container.name),
    ["meshctl-proxy"],
  );
  assert.ok(!result.spec.volumes.some((volume: { name: string }) => volume.name.includes("xtables")));
  const env = envOf(result);
  assert.equal(env.MESHCTL_PROXY_CAPTURE, "explicit");
  assert.ok(!Object.keys(env).some((name) => name.includes("LISTEN_ADDR") || name.includes("INBOUND_IPS")));
});

test("metadata names the installation, the workload's namespace and its owner", () => {
  const { result } = inject({ owner: { kind: "Deployment", name: "web" }, namespace: namespace({}) });
  assert.deepEqual(result.metadata.labels, {
    "meshctl.io/control-plane-ns": "meshctl",
    "meshctl.io/workload-ns": "demo",
    "meshctl.io/proxy-deployment": "web",
  });
  assert.equal(result.metadata.annotations?.["meshctl.io/created-by"], "meshctl/proxy-injector 1.2.3");
  assert.equal(result.metadata.annotations?.["meshctl.io/proxy-version"], "1.2.3");
  assert.match(result.metadata.annotations?.["meshctl.io/trust-root-sha256"] ?? "", /^[0-9a-f]{64}$/);
});

test("a pod without metadata maps gets them", () => {
  const bare: KubeObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {},
    spec: { containers: [{ name: "a" }] },
  };
  const { result } = inject({ pod: bare, namespace: namespace({ "meshctl.io/inject": "enabled" }) });
  assert.equal(result.metadata.annotations?.["meshctl.io/inject"], "enabled");
});

test("namespace configuration is stamped on the pod, which overrides it", () => {
  const { result } = inject({
    pod: pod({ "config.meshctl.io/proxy-log-level": "debug" }),
    namespace: namespace({
      "meshctl.io/inject": "enabled",
      "config.meshctl.io/proxy-log-level": "trace",
      "config.meshctl.io/proxy-cpu-limit": "1500m",
      "config.meshctl.io/enable-gateway": "true",
    }),
  });
  assert.equal(result.metadata.annotations?.["config.meshctl.io/proxy-log-level"], "debug");
  assert.equal(result.metadata.annotations?.["config.meshctl.io/proxy-cpu-limit"], "1500m");
  assert.equal(result.metadata.annotations?.["config.meshctl.io/enable-gateway"], undefined, "not inherited");
  const env = envOf(result);
  assert.equal(env.MESHCTL_PROXY_LOG, "debug");
  assert.equal(env.MESHCTL_PROXY_CORES_MAX, "2");
});

test("extra environment merges by name: values, then namespace, then pod, at the end", () => {
  const key = "config.meshctl.io/proxy-additional-env";
  const { result } = inject({
    values: {
      ...VALUES,
      proxy: {
        ...VALUES.proxy,
        additionalEnv: [
          { name: "A", value: "values" },
          { name: "B", value: "values" },
        ],
      },
    },
    pod: pod({ "meshctl.io/inject": "enabled", [key]: '[{"name":"C","value":"pod"}]' }),
    namespace: namespace({ [key]: '[{"name":"B","value":"ns"},{"name":"C","value":"ns"}]' }),
  });
  assert.deepEqual(proxyOf(result).env.slice(-3), [
    { name: "A", value: "values" },
    { name: "B", value: "ns" },
    { name: "C", value: "pod" },
  ]);
});

test("malformed annotations change nothing and are warned about", () => {
  const { report, result } = inject({
    pod: pod({
      "meshctl.io/inject": "enabled",
      "config.meshctl.io/admin-port": "high",
      "config.meshctl.io/proxy-memory-limit": "lots",
      "config.meshctl.io/default-inbound-policy": "perhaps",
    }),
  });
  assert.equal(report.warnings.length, 3);
  assert.match(report.warnings.join(), /admin-port: "high"/);
  assert.equal(envOf(result).MESHCTL_PROXY_INBOUND_DEFAULT_POLICY, "all-unauthenticated");
});

test("inbound ports are container ports and numeric probe ports, in numeric order, without UDP", () => {
  const { result } = inject({
    pod: pod(
      { "meshctl.io/inject": "enabled" },
      {
        containers: [
          {
            name: "a",
            ports: [{ containerPort: 9000 }, { containerPort: 80 }, { containerPort: 53, protocol: "UDP" }],
            livenessProbe: { httpGet: { port: 8081 } },
            readinessProbe: { httpGet: { port: "named" } },
          },
        ],
      },
    ),
  });
  assert.equal(envOf(result).MESHCTL_PROXY_INBOUND_PORTS, "80,8081,9000");
});

test("ports that are opaque by default are stamped, also on pods that get no proxy", () => {
  const redis = { containers: [{ name: "redis", ports: [{ containerPort: 6379 }, { containerPort: 80 }] }] };
  const meshed = inject({ pod: pod({ "meshctl.io/inject": "enabled" }, redis) });
  assert.equal(meshed.result.metadata.annotations?.["config.meshctl.io/opaque-ports"], "6379");
  const unmeshed = inject({ pod: pod({}, redis) });
  assert.equal(unmeshed.report.injected, false);
  assert.equal(unmeshed.result.metadata.annotations?.["config.meshctl.io/opaque-ports"], "6379");
});

test("named opaque ports reach the proxy as numbers", () => {
  const { result } = inject({
    pod: pod(
      { "meshctl.io/inject": "enabled", "config.meshctl.io/opaque-ports": "db,7000-7010,nosuch" },
      { containers: [{ name: "a", ports: [{ name: "db", containerPort: 5432 }] }] },
    ),
  });
  assert.equal(envOf(result).MESHCTL_PROXY_INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION, "5432,7000-7010");
});

test("a Service's ports are judged by their target, the namespace's word comes first", () => {
  const service: KubeObject = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "db" },
    spec: {
      ports: [
        { port: 80, targetPort: 3306 },
        { port: 6379 },
        { port: 25, targetPort: "smtp" },
        { port: 443, targetPort: 8443 },
      ],
    },
  };
  const value = (patched: KubeObject) => patched.metadata.annotations?.["config.meshctl.io/opaque-ports"];
  assert.equal(value(applyJsonPatch(service, injectService(service, undefined, VALUES))), "80,6379");
  const ofNamespace = namespace({ "config.meshctl.io/opaque-ports": "1" });
  assert.equal(value(applyJsonPatch(service, injectService(service, ofNamespace, VALUES))), "1");
});

test("manual mode asks for no annotation, but respects disabled", () => {
  assert.equal(inject({ pod: pod(), mode: "manual" }).report.injected, true);
  const disabled = inject({ pod: pod({ "meshctl.io/inject": "disabled" }), mode: "manual" });
  assert.deepEqual(disabled.report.reasons, ["injection_disable_annotation_present"]);
});

test("uninject undoes manual injection", () => {
  for (const nativeSidecar of [true, false]) {
    const values = { ...VALUES, proxy: { ...VALUES.proxy, nativeSidecar } };
    const before = pod({ own: "annotation" });
    const { result } = inject({ pod: before, mode: "manual", values });
    const document = { number: 1, data: result, isInlineFlow: () => false };
    const { object } = createUninjector()({
      object: result,
      class: classify("Pod", "v1"),
      path: [],
      document,
    });
    assert.deepEqual(object, before);
  }
});

test("the proxy runs as nobody in particular: no root, no capabilities, no writable root", () => {
  const { result } = inject({});
  assert.deepEqual(proxyOf(result).securityContext, {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    runAsUser: 2102,
    seccompProfile: { type: "RuntimeDefault" },
  });
});

test("the proxy reads the injected environment without a complaint", async () => {
  const { certificatePem } = await generateIssuer("identity.meshctl.cluster.local", Date.UTC(2026, 0, 1));
  const fields: Record<string, string> = {
    "metadata.name": "web-1",
    "metadata.namespace": "demo",
    "metadata.uid": "u",
    "status.podIP": "10.1.2.3",
    "status.podIPs": "10.1.2.3,fd00::3",
    "spec.nodeName": "n",
    "spec.serviceAccountName": "web",
  };
  for (const values of [VALUES, EXPLICIT, { ...VALUES, disableIpv6: false }]) {
    const env: Record<string, string> = {};
    for (const { name, value, valueFrom } of proxyOf(
      inject({ values: { ...values, identityTrustAnchorsPem: certificatePem } }).result,
    ).env) {
      // As the kubelet does: fields, then references to what stands before.
      const text = value ?? fields[valueFrom!.fieldRef.fieldPath];
      assert.ok(text !== undefined, name);
      env[name] = text.replace(/\$\((\w+)\)/g, (_match, reference: string) => env[reference]!);
    }
    const { config, warnings } = parseProxyConfig(env);
    assert.deepEqual(warnings, []);
    assert.equal(config.identity.localName, "web.demo.serviceaccount.identity.meshctl.cluster.local");
    assert.equal(
      config.destination.server.name,
      "meshctl-controller.meshctl.serviceaccount.identity.meshctl.cluster.local",
    );
    assert.equal(config.policy.server.port, 8090);
    assert.deepEqual(JSON.parse(config.policy.workload), { ns: "demo", pod: "web-1" });
    assert.deepEqual(JSON.parse(config.destination.context), { ns: "demo", nodeName: "n", pod: "web-1" });
    assert.deepEqual(config.inbound.ports, [8080]);
  }
});

function initOf(result: KubeObject): KubeObject["spec"] {
  const init = result.spec.initContainers.find(({ name }: { name: string }) => name === "meshctl-init");
  assert.ok(init, "there is an init container");
  return init;
}

test("the init container has one capability more than nothing, as root, since others would not get it", () => {
  const { securityContext, volumeMounts } = initOf(inject({}).result);
  assert.deepEqual(securityContext.capabilities, { add: ["NET_ADMIN"], drop: ["ALL"] });
  assert.equal(securityContext.runAsUser, 0);
  assert.equal(securityContext.privileged, false);
  assert.equal(securityContext.allowPrivilegeEscalation, false);
  assert.equal(securityContext.readOnlyRootFilesystem, true);
  assert.equal(volumeMounts, undefined);
});

test("legacy iptables gets its raw socket and a place for its lock", () => {
  const values: Values = { ...VALUES, proxyInit: { ...VALUES.proxyInit, mode: "iptables-legacy" } };
  const { result } = inject({ values });
  const init = initOf(result);
  assert.deepEqual(init.securityContext.capabilities.add, ["NET_ADMIN", "NET_RAW"]);
  assert.deepEqual(init.volumeMounts, [{ name: "meshctl-proxy-init-xtables-lock", mountPath: "/run" }]);
  assert.ok(result.spec.volumes.some(({ name }: { name: string }) => name === init.volumeMounts[0].name));
});

test("a close-wait timeout makes the init container privileged, and only a timeout of a second or more counts", () => {
  const annotated = (value: string) =>
    inject({ pod: pod({ "meshctl.io/inject": "enabled", "config.meshctl.io/close-wait-timeout": value }) });
  const init = initOf(annotated("1m30s").result);
  assert.ok(init.args.includes("--timeout-close-wait-secs=90"));
  assert.equal(init.securityContext.privileged, true);
  const { result, report } = annotated("10ms");
  assert.equal(initOf(result).securityContext.privileged, false);
  assert.equal(report.warnings.length, 1);
});

test("what the init container is given, proxy-init understands", async () => {
  const { result } = inject({
    pod: pod({
      "meshctl.io/inject": "enabled",
      "config.meshctl.io/skip-inbound-ports": "25,9000-9010",
      "config.meshctl.io/skip-outbound-ports": "3306",
      "config.meshctl.io/skip-subnets": "10.1.0.0/16",
      "config.meshctl.io/proxy-uid": "3000",
      "config.meshctl.io/proxy-gid": "3001",
    }),
  });
  const run = await runLine(registryOf([proxyInit]), [...initOf(result).args, "--dry-run"]);
  assert.equal(run.exitCode, 0, run.stderr);
  for (const rule of [
    "tcp dport { 25, 4190-4191, 9000-9010 } return",
    "tcp dport { 3306 } return",
    "ip saddr { 10.1.0.0/16 } return",
    "ip daddr { 10.1.0.0/16 } return",
    "meta skuid 3000 return",
    "meta skgid 3001 return",
    "meta l4proto tcp redirect to :4143",
    "meta l4proto tcp redirect to :4140",
  ]) {
    assert.ok(run.stdout.includes(rule), `${rule} in ${run.stdout}`);
  }
  assert.ok(!run.stdout.includes("ip6"), "IPv6 is disabled by default");
});

test("a pod with the proxy's user is skipped: its connections would bypass the proxy", () => {
  const asked = { "meshctl.io/inject": "enabled" };
  const ofPod = { securityContext: { runAsUser: 2102 } };
  assert.deepEqual(inject({ pod: pod(asked, ofPod) }).report.reasons, ["proxy_user_clash"]);
  const ofContainer = { containers: [{ name: "app", image: "app", securityContext: { runAsUser: 2102 } }] };
  assert.deepEqual(inject({ pod: pod(asked, ofContainer) }).report.reasons, ["proxy_user_clash"]);
  const overridden = {
    ...ofPod,
    containers: [{ name: "app", image: "app", securityContext: { runAsUser: 1000 } }],
  };
  assert.deepEqual(inject({ pod: pod(asked, overridden) }).report.reasons, []);
  const otherProxy = { ...asked, "config.meshctl.io/proxy-uid": "3000" };
  assert.deepEqual(inject({ pod: pod(otherProxy, ofPod) }).report.reasons, []);
  assert.deepEqual(inject({ pod: pod(asked, ofPod), values: EXPLICIT }).report.reasons, []);
});

test("a pod with one of the proxy's ports is skipped, unless the proxy is told to use another", () => {
  const spec = { containers: [{ name: "app", image: "app", ports: [{ containerPort: 4191 }] }] };
  const asked = { "meshctl.io/inject": "enabled" };
  assert.deepEqual(inject({ pod: pod(asked, spec) }).report.reasons, ["proxy_port_clash"]);
  const moved = { ...asked, "config.meshctl.io/admin-port": "5191" };
  assert.deepEqual(inject({ pod: pod(moved, spec) }).report.reasons, []);
  const udp = { containers: [{ name: "app", ports: [{ containerPort: 4191, protocol: "UDP" }] }] };
  assert.deepEqual(inject({ pod: pod(asked, udp) }).report.reasons, []);
});

test("a pod without a mounted service-account token is injected: the proxy has a token of its own", () => {
  const { result, report } = inject({
    pod: pod({ "meshctl.io/inject": "enabled" }, { automountServiceAccountToken: false }),
  });
  assert.equal(report.injected, true);
  assert.ok(result.spec.volumes.some(({ projected }: { projected?: unknown }) => projected !== undefined));
});

test("a classic sidecar that is awaited holds the application back until it is ready", () => {
  const classic = (more: Record<string, string> = {}) =>
    proxyOf(
      inject({
        pod: pod({
          "meshctl.io/inject": "enabled",
          "config.meshctl.io/proxy-enable-native-sidecar": "false",
          ...more,
        }),
      }).result,
    ).lifecycle as { postStart?: { exec: { command: string[] } } } | undefined;
  const command = classic()?.postStart?.exec.command;
  assert.ok(command?.at(-1)?.includes("http://127.0.0.1:4191/ready"));
  assert.equal(classic({ "config.meshctl.io/proxy-await": "disabled" }), undefined);
});

test("a proxy's version is the installation's for its own image, and the tag for another", () => {
  const values: Values = {
    ...VALUES,
    proxy: { ...VALUES.proxy, image: { name: "meshctl", version: "dev", pullPolicy: "IfNotPresent" } },
  };
  const versionOf = (annotations: Record<string, string>) =>
    inject({ values, pod: pod({ "meshctl.io/inject": "enabled", ...annotations }) }).result.metadata
      .annotations?.["meshctl.io/proxy-version"];
  assert.equal(versionOf({}), "1.2.3");
  assert.equal(versionOf({ "config.meshctl.io/proxy-version": "1.1.0" }), "1.1.0");
});

test("a debug container is added on request, with the proxy's image or one of its own", () => {
  const debugOf = (annotations: Record<string, string>, space: Record<string, string> = {}) =>
    inject({
      pod: pod({ "meshctl.io/inject": "enabled", ...annotations }),
      namespace: namespace(space),
    }).result.spec.containers.find(({ name }: Container) => name === "meshctl-debug");
  const on = { "config.meshctl.io/enable-debug-sidecar": "true" };
  assert.equal(debugOf({}), undefined);
  assert.equal(debugOf({ "config.meshctl.io/enable-debug-sidecar": "false" }, on), undefined);
  const own = debugOf({}, on);
  assert.equal(own.image, proxyOf(inject({ pod: pod({ "meshctl.io/inject": "enabled" }) }).result).image);
  assert.notEqual(own.securityContext.runAsUser, VALUES.proxy.uid);
  const other = debugOf({
    ...on,
    "config.meshctl.io/debug-image": "example/netshoot",
    "config.meshctl.io/debug-image-version": "v1",
    "config.meshctl.io/debug-image-pull-policy": "Always",
  });
  assert.deepEqual(other, {
    name: "meshctl-debug",
    image: "example/netshoot:v1",
    imagePullPolicy: "Always",
    terminationMessagePolicy: "FallbackToLogsOnError",
  });
  const { report } = inject({
    pod: pod({ "meshctl.io/inject": "enabled", "config.meshctl.io/debug-image-pull-policy": "Sometimes" }),
  });
  assert.match(report.warnings.join(), /debug-image-pull-policy: "Sometimes" is malformed/);
});
